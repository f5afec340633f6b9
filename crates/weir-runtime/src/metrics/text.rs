use super::{Kind, Metrics, Sample};
use std::fmt::Write;
use std::sync::PoisonError;

impl Metrics {
    /// The text form 0.0.4, sorted.
    pub fn text(&self) -> String {
        let families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::new();
        for (name, recorded) in families.iter().filter(|(_, recorded)| !recorded.series.is_empty()) {
            let kind = match recorded.family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram(_) => "histogram",
            };
            let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", recorded.family.help);
            for (labels, sample) in &recorded.series {
                match sample {
                    Sample::Number(value) => line(&mut out, name, "", labels, None, *value),
                    Sample::Histogram { bounds, counts, sum, count } => {
                        let mut total = 0;
                        for (bound, count) in bounds.iter().zip(counts) {
                            total += count;
                            line(&mut out, name, "_bucket", labels, Some(&number(*bound)), total as f64);
                        }
                        line(&mut out, name, "_bucket", labels, Some("+Inf"), *count as f64);
                        line(&mut out, name, "_sum", labels, None, *sum);
                        line(&mut out, name, "_count", labels, None, *count as f64);
                    }
                }
            }
        }
        out
    }
}

fn line(
    out: &mut String,
    name: &str,
    suffix: &str,
    labels: &[(&'static str, String)],
    bound: Option<&str>,
    value: f64,
) {
    let mut pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    pairs.extend(bound.map(|bound| format!("le=\"{bound}\"")));
    let pairs = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
    let _ = writeln!(out, "{name}{suffix}{pairs} {}", number(value));
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// As Go's `strconv.FormatFloat(value, 'g', -1, 64)` writes it: bounds are compared as text.
fn number(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..21).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, expect) in [(0.0, "0"), (1e-8, "1e-08"), (0.0001, "0.0001"), (38.41, "38.41"), (1e21, "1e+21")] {
            assert_eq!(number(value), expect);
        }
    }
}
