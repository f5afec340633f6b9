//! A registry of counters, gauges and histograms, and its text form 0.0.4 as Prometheus reads it.

mod queue;
pub mod series;
mod text;

pub(crate) use queue::{Queue, Verdict};

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A family of series.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets, in order.
    Histogram(fn() -> Vec<f64>),
}

/// Names and values, in the order of their names.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

/// All series of a process.
#[derive(Debug, Default)]
pub struct Metrics {
    families: Mutex<BTreeMap<&'static str, Recorded>>,
}

#[derive(Debug)]
struct Recorded {
    family: Family,
    series: BTreeMap<Vec<(&'static str, String)>, Sample>,
}

#[derive(Debug)]
enum Sample {
    Number(f64),
    Histogram { bounds: Vec<f64>, counts: Vec<u64>, sum: f64, count: u64 },
}

impl Metrics {
    /// Adds to a counter or gauge.
    pub fn add(&self, family: &Family, labels: Labels<'_>, amount: f64) {
        self.with(family, labels, |sample| {
            if let Sample::Number(number) = sample {
                *number += amount;
            }
        });
    }

    /// Sets a gauge.
    pub fn set(&self, family: &Family, labels: Labels<'_>, value: f64) {
        self.with(family, labels, |sample| *sample = Sample::Number(value));
    }

    /// Adds an observation to a histogram.
    pub fn observe(&self, family: &Family, labels: Labels<'_>, value: f64) {
        self.with(family, labels, |sample| {
            if let Sample::Histogram { bounds, counts, sum, count } = sample {
                let at = bounds.iter().position(|bound| value <= *bound);
                if let Some(place) = at.and_then(|at| counts.get_mut(at)) {
                    *place += 1;
                }
                *sum += value;
                *count += 1;
            }
        });
    }

    /// Drops one series.
    pub fn forget(&self, family: &Family, labels: Labels<'_>) {
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recorded) = families.get_mut(family.name) {
            recorded.series.remove(&owned(labels));
        }
    }

    fn with(&self, family: &Family, labels: Labels<'_>, change: impl FnOnce(&mut Sample)) {
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let recorded =
            families.entry(family.name).or_insert_with(|| Recorded { family: *family, series: BTreeMap::new() });
        let sample = recorded.series.entry(owned(labels)).or_insert_with(|| match family.kind {
            Kind::Counter | Kind::Gauge => Sample::Number(0.0),
            Kind::Histogram(bounds) => {
                let bounds = bounds();
                Sample::Histogram { counts: vec![0; bounds.len()], bounds, sum: 0.0, count: 0 }
            }
        });
        change(sample);
    }
}

fn owned(labels: Labels<'_>) -> Vec<(&'static str, String)> {
    labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: Family = Family { name: "things_total", help: "Things.", kind: Kind::Counter };
    const TOOK: Family = Family { name: "took_seconds", help: "Time.", kind: Kind::Histogram(|| vec![0.1, 1.0]) };

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let metrics = Metrics::default();
        metrics.add(&COUNT, &[("kind", "a\"b\\\n")], 2.0);
        metrics.observe(&TOOK, &[], 0.05);
        metrics.observe(&TOOK, &[], 0.5);
        metrics.observe(&TOOK, &[], 5.0);
        let expect = "# HELP things_total Things.\n# TYPE things_total counter\n\
            things_total{kind=\"a\\\"b\\\\\\n\"} 2\n\
            # HELP took_seconds Time.\n# TYPE took_seconds histogram\n\
            took_seconds_bucket{le=\"0.1\"} 1\ntook_seconds_bucket{le=\"1\"} 2\ntook_seconds_bucket{le=\"+Inf\"} 3\n\
            took_seconds_sum 5.55\ntook_seconds_count 3\n";
        assert_eq!(metrics.text(), expect);
    }

    #[test]
    fn a_forgotten_series_is_gone() {
        let metrics = Metrics::default();
        metrics.add(&COUNT, &[("kind", "a")], 1.0);
        metrics.forget(&COUNT, &[("kind", "a")]);
        assert_eq!(metrics.text(), "");
    }
}
