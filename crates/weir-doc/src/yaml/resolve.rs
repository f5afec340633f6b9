//! What a plain scalar means, as the `resolve` tables of yaml.v2 and yaml.v3 decide it.

use super::Dialect;
use crate::{Number, Value};

/// The value of an untagged plain scalar.
pub fn plain(text: &str, dialect: Dialect) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Number(Number::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Value::Number(Number::Float(f64::INFINITY));
        }
        "-.inf" | "-.Inf" | "-.INF" => return Value::Number(Number::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    if dialect == Dialect::Sigs {
        match text {
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Value::Bool(true),
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Value::Bool(false),
            _ => {}
        }
    }
    match number(text) {
        Some(number) => Value::Number(number),
        None => Value::String(text.to_owned()),
    }
}

/// Whether yaml.v2 would read the text, unquoted, as anything but a string, so that printing it as a
/// string takes quotes.
pub fn needs_quotes(text: &str) -> bool {
    !matches!(plain(text, Dialect::Sigs), Value::String(_)) || is_timestamp(text) || is_base60(text)
}

fn number(text: &str) -> Option<Number> {
    let first = text.bytes().next()?;
    match first {
        // Go's own parser of floats takes underscores between digits.
        b'.' if !text.contains("__") && !text.ends_with('_') && !text.starts_with("._") => {
            go_float(&text.replace('_', "")).map(Number::Float)
        }
        b'0'..=b'9' | b'+' | b'-' => {
            if is_timestamp(text) {
                return None;
            }
            let plain: String = text.chars().filter(|c| *c != '_').collect();
            integer(&plain).or_else(|| if is_style_float(&plain) { go_float(&plain).map(Number::Float) } else { None })
        }
        _ => None,
    }
}

/// Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let signed = digits.len() != text.len();
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0i64.checked_sub_unsigned(magnitude).map(Number::Int);
    }
    match i64::try_from(magnitude) {
        Ok(n) => Some(Number::Int(n)),
        // ParseUint takes no sign.
        Err(_) if signed => None,
        Err(_) => Some(Number::Uint(magnitude)),
    }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_style_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa_ok && exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e)))
}

fn go_float(text: &str) -> Option<f64> {
    if !is_style_float(text) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn is_base60(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let Some((head, rest)) = body.split_once(':') else { return false };
    if !head.starts_with(|c: char| c.is_ascii_digit()) || !head.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return false;
    }
    let (groups, fraction) = match rest.split_once('.') {
        Some((groups, fraction)) => (groups, fraction),
        None => (rest, ""),
    };
    let group_ok = |g: &str| match g.as_bytes() {
        [a] => a.is_ascii_digit(),
        [a, b] => (b'0'..=b'5').contains(a) && b.is_ascii_digit(),
        _ => false,
    };
    groups.split(':').all(group_ok) && fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

/// The formats that yaml.v2 takes for a timestamp: a date alone, or with a time.
pub(super) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((bytes[at], &text[at + 1..]))),
        None => (text, None),
    };
    let mut parts = date.split('-').skip(1);
    let field = |text: Option<&str>, max: u32| {
        text.filter(|t| (1..=2).contains(&t.len()))
            .and_then(|t| t.parse::<u32>().ok())
            .is_some_and(|n| (1..=max).contains(&n))
    };
    if !field(parts.next(), 12) || !field(parts.next(), 31) || parts.next().is_some() {
        return false;
    }
    let Some((separator, time)) = time else { return true };
    let (clock, zone) = match time.find(['Z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, ""),
    };
    let zone_ok = match zone.as_bytes() {
        [] => separator == b' ',
        [b'Z'] => separator != b' ',
        [b'+' | b'-', a, b, b':', c, d] => separator != b' ' && [a, b, c, d].iter().all(|x| x.is_ascii_digit()),
        _ => false,
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let fields: Vec<&str> = clock.split(':').collect();
    zone_ok
        && fields.len() == 3
        && fields.iter().all(|f| (1..=2).contains(&f.len()) && f.bytes().all(|b| b.is_ascii_digit()))
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_resolve_as_in_go() {
        let int = |n| Value::Number(Number::Int(n));
        let float = |n| Value::Number(Number::Float(n));
        let text = |s: &str| Value::String(s.to_owned());
        let cases = [
            ("010", int(8)),
            ("0o10", int(8)),
            ("08", float(8.0)),
            ("0x1F", int(31)),
            ("0b11", int(3)),
            ("1_000", int(1000)),
            ("-5", int(-5)),
            ("+5", int(5)),
            ("18446744073709551615", Value::Number(Number::Uint(u64::MAX))),
            ("1e3", float(1000.0)),
            ("1.", float(1.0)),
            (".5", float(0.5)),
            ("1.2.3", text("1.2.3")),
            ("0x", text("0x")),
            ("2001-01-01", text("2001-01-01")),
            ("12:30:45", text("12:30:45")),
            ("~", Value::Null),
            ("-", text("-")),
        ];
        for (source, expect) in cases {
            assert_eq!(plain(source, Dialect::V3), expect, "{source}");
        }
        assert_eq!(plain("yes", Dialect::Sigs), Value::Bool(true));
        assert_eq!(plain("yes", Dialect::V3), text("yes"));
    }

    #[test]
    fn strings_that_look_like_something_else_need_quotes() {
        for source in ["yes", "n", "1", "", "2001-01-01", "1:30", "0x1", "2001-01-01T10:00:00Z"] {
            assert!(needs_quotes(source), "{source}");
        }
        for source in ["abc", "<<", "1.2.3", "v1", "12:90", "10.0.0.1"] {
            assert!(!needs_quotes(source), "{source}");
        }
    }
}
