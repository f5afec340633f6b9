use regex::Regex;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Value,
    Default,
    Length,
    LowerFirst,
    Lower,
    UpperFirst,
    Upper,
    Substring,
    ShortestPrefix,
    LongestPrefix,
    ShortestSuffix,
    LongestSuffix,
    ReplaceFirst,
    ReplaceAll,
    ReplacePrefix,
    ReplaceSuffix,
}

impl Operator {
    /// Whether it copes with a variable that is not set.
    pub fn is_default(self) -> bool {
        self == Operator::Default
    }
}

pub(super) fn apply(operator: Operator, value: &str, args: &[String]) -> Result<String, &'static str> {
    let first = args.first().map(String::as_str).unwrap_or_default();
    let second = args.get(1).map(String::as_str);
    Ok(match operator {
        Operator::Value => value.to_owned(),
        Operator::Default if value.is_empty() => args.concat(),
        Operator::Default => value.to_owned(),
        Operator::Length => value.len().to_string(),
        Operator::Lower => value.to_lowercase(),
        Operator::Upper => value.to_uppercase(),
        Operator::LowerFirst => first_char(value, |c| c.to_lowercase().to_string()),
        Operator::UpperFirst => first_char(value, |c| c.to_uppercase().to_string()),
        Operator::Substring => substring(value, first, second)?,
        Operator::ShortestPrefix => trim(value, first, false),
        Operator::LongestPrefix => trim(value, first, true),
        Operator::ShortestSuffix => reversed(&trim(&reversed(value), &reversed(first), false)),
        Operator::LongestSuffix => reversed(&trim(&reversed(value), &reversed(first), true)),
        Operator::ReplaceFirst => value.replacen(first, second.unwrap_or_default(), 1),
        Operator::ReplaceAll => value.replace(first, second.unwrap_or_default()),
        Operator::ReplacePrefix => match (second, value.strip_prefix(first)) {
            (Some(new), Some(rest)) => format!("{new}{rest}"),
            _ => value.to_owned(),
        },
        Operator::ReplaceSuffix => match (second, value.strip_suffix(first)) {
            (Some(new), Some(rest)) => format!("{rest}{new}"),
            _ => value.to_owned(),
        },
    })
}

fn first_char(value: &str, change: impl Fn(char) -> String) -> String {
    let mut chars = value.chars();
    match chars.next() {
        Some(first) => change(first) + chars.as_str(),
        None => String::new(),
    }
}

/// Offset and length count bytes. One that is no number leaves the value as it is; a cut inside of a
/// character is made before it. The original panics over a length that ends before it begins, or beyond all numbers.
fn substring(value: &str, offset: &str, length: Option<&str>) -> Result<String, &'static str> {
    let Ok(offset) = offset.parse::<i64>() else { return Ok(value.to_owned()) };
    let size = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let start = if offset < 0 { (size + offset).max(0) } else { offset };
    let end = match length.map(str::parse::<i64>) {
        None => size,
        Some(Err(_)) => return Ok(value.to_owned()),
        Some(Ok(length)) => match start.checked_add(length) {
            Some(end) if end < size && length < 0 => return Err("the length of a substring is negative"),
            Some(end) => end.min(size),
            None => return Err("the length of a substring is too large"),
        },
    };
    let at = |n: i64| {
        let n = usize::try_from(n.clamp(0, size)).unwrap_or(0);
        (0..=n).rev().find(|n| value.is_char_boundary(*n)).unwrap_or(0)
    };
    Ok(value.get(at(start)..at(end)).unwrap_or_default().to_owned())
}

/// Removes the shortest or longest beginning that a pattern matches as a whole.
fn trim(value: &str, pattern: &str, longest: bool) -> String {
    let Some(glob) = glob(pattern) else { return value.to_owned() };
    let mut ends: Vec<usize> = value.char_indices().skip(1).map(|(at, _)| at).chain([value.len()]).collect();
    if longest {
        ends.reverse();
    }
    let end = ends.into_iter().find(|end| *end > 0 && glob.is_match(&value[..*end])).unwrap_or(0);
    value[end..].to_owned()
}

/// A shell pattern: `*`, `?`, `[...]` and `\c`; unlike in a path, `*` and `?` match a slash too.
fn glob(pattern: &str) -> Option<Regex> {
    let mut out = "(?s)^".to_owned();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '\\' => out.push_str(&regex::escape(&chars.next()?.to_string())),
            '[' => {
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                let mut count = 0;
                while count == 0 || chars.peek() != Some(&']') {
                    let mut bound = || match chars.next()? {
                        '-' | ']' => None,
                        '\\' => chars.next(),
                        c => Some(c),
                    };
                    let low = bound()?;
                    out.push_str(&regex::escape(&low.to_string()));
                    if chars.next_if_eq(&'-').is_some() {
                        let high = chars.next().filter(|c| *c != ']')?;
                        out.push('-');
                        out.push_str(&regex::escape(&high.to_string()));
                    }
                    count += 1;
                }
                chars.next();
                out.push(']');
            }
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    Regex::new(&(out + "$")).ok()
}

fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}
