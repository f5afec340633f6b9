//! Numbers as Go reads and prints them, and conversions that lose nothing.

const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

/// Without its fraction. The least int is out of range too, as in cel-go.
pub(crate) fn to_int(value: f64) -> Option<i64> {
    (value > -TWO_TO_63 && value < TWO_TO_63).then_some(value as i64)
}

pub(crate) fn to_uint(value: f64) -> Option<u64> {
    (0.0..TWO_TO_64).contains(&value).then_some(value as u64)
}

pub(crate) fn to_int_exactly(value: f64) -> Option<i64> {
    to_int(value).filter(|whole| *whole as f64 == value)
}

pub(crate) fn to_uint_exactly(value: f64) -> Option<u64> {
    to_uint(value).filter(|whole| *whole as f64 == value)
}

/// Shortest digits without an exponent; `NaN`, `Infinity`.
pub(crate) fn plain(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        _ if value.is_infinite() => format!("{}Infinity", if value < 0.0 { "-" } else { "" }),
        _ => value.to_string(),
    }
}

/// A duration of nanoseconds: `1.5s`.
pub(crate) fn seconds(nanos: i64) -> String {
    let (whole, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    format!("{}s", whole as f64 + rest as f64 / 1e9)
}

/// Go's `%g`: shortest digits, an exponent below 1e-4 and from 1e+06 on.
pub(crate) fn general(value: f64) -> String {
    if !value.is_finite() {
        return match value {
            _ if value.is_nan() => "NaN".to_owned(),
            _ if value < 0.0 => "-Inf".to_owned(),
            _ => "+Inf".to_owned(),
        };
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => with_exponent(digits, exponent),
        _ => value.to_string(),
    }
}

/// An exponent of at least two digits and a sign.
pub(crate) fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// `strconv.ParseFloat`.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    let without;
    let text = if text.contains('_') {
        if !underscores_fit(text) {
            return None;
        }
        without = text.replace('_', "");
        &without
    } else {
        text
    };
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_word = ["inf", "infinity", "nan"].iter().any(|word| bare.eq_ignore_ascii_case(word));
    if bare.eq_ignore_ascii_case("nan") && bare.len() != text.len() {
        return None;
    }
    if let Some(hex) = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")) {
        return hexadecimal(hex).map(|value| if text.starts_with('-') { -value } else { value });
    }
    let value: f64 = text.parse().ok()?;
    (is_word || value.is_finite()).then_some(value)
}

/// An underscore stands between digits, or between the base and a digit.
fn underscores_fit(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_hex = text.starts_with("0x") || text.starts_with("0X");
    let is_digit = |c: &u8| if is_hex { c.is_ascii_hexdigit() || *c == b'x' || *c == b'X' } else { c.is_ascii_digit() };
    let bytes = text.as_bytes();
    (0..bytes.len()).filter(|at| bytes[*at] == b'_').all(|at| {
        at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(is_digit)
            && bytes.get(at + 1).is_some_and(is_digit)
    })
}

/// `1.8p3`, after the `0x`: the exponent is of 2, and has to be there.
fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent: i32 = exponent.parse().ok()?;
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    let value = value * 2.0_f64.powi(exponent.checked_sub(shift)?);
    value.is_finite().then_some(value)
}

/// `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}
