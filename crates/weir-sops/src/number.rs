//! Numbers as Go's strconv writes and reads them.

/// `strconv.FormatFloat(n, 'f', -1, 64)`.
pub(crate) fn fixed(n: f64) -> String {
    if n.is_nan() {
        return "NaN".to_owned();
    }
    if n.is_infinite() {
        return if n > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    format!("{n}")
}

/// `strconv.FormatFloat(n, 'g', -1, 64)`: with an exponent below 1e-4 and from 1e+06 up.
pub(crate) fn general(n: f64) -> String {
    if !n.is_finite() {
        return fixed(n);
    }
    let text = format!("{n:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // In its shortest form a precision of 6 decides.
    if !(-4..6).contains(&exponent) {
        return with_exponent(digits, exponent);
    }
    fixed(n)
}

fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// `encoding/json`'s form of a double: an exponent below 1e-6 and from 1e21 up, without a leading zero in it.
pub(crate) fn json(n: f64) -> String {
    let magnitude = n.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{n:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        if (-9..0).contains(&exponent) {
            return format!("{digits}e{exponent}");
        }
        return with_exponent(digits, exponent);
    }
    fixed(n)
}

/// `strconv.ParseFloat(text, 64)` for what is written in decimal.
pub(crate) fn float(text: &str) -> Option<f64> {
    let decimal = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    text.parse().ok().filter(|n: &f64| decimal && n.is_finite())
}

/// What `strconv.ParseFloat` reads, its names for what is no number included.
pub(crate) fn float_or_special(text: &str) -> Option<f64> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1.0, &text[1..]),
        b'-' => (-1.0, &text[1..]),
        _ => (1.0, text),
    };
    match rest.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Some(sign * f64::INFINITY),
        "nan" => Some(f64::NAN),
        _ => float(text),
    }
}

pub(crate) enum Integer {
    Int(i64),
    Uint(u64),
}

/// `strconv.ParseInt(text, 0, 64)`, and `ParseUint` for what is larger.
pub(crate) fn integer(text: &str) -> Option<Integer> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let signed = digits.len() < text.len();
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0i64.checked_sub_unsigned(value).map(Integer::Int);
    }
    match i64::try_from(value) {
        Ok(value) => Some(Integer::Int(value)),
        Err(_) if signed => None,
        Err(_) => Some(Integer::Uint(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_in_go() {
        let cases =
            [(1e6, "1e+06"), (123456.0, "123456"), (1234567.0, "1.234567e+06"), (0.0001, "0.0001"), (0.00001, "1e-05")];
        for (n, text) in cases {
            assert_eq!(general(n), text);
        }
        assert_eq!(
            (json(1e21), json(1e-7), json(1e20)),
            ("1e+21".into(), "1e-7".into(), "100000000000000000000".into())
        );
        assert_eq!((fixed(1e21), fixed(2.5)), ("1000000000000000000000".into(), "2.5".into()));
    }

    #[test]
    fn integers_have_prefixes() {
        let value = |text| match integer(text) {
            Some(Integer::Int(n)) => n.to_string(),
            Some(Integer::Uint(n)) => format!("{n}u"),
            None => "-".to_owned(),
        };
        let cases = [("0x1F", "31"), ("017", "15"), ("08", "-"), ("-9223372036854775808", "-9223372036854775808")];
        for (text, expected) in cases {
            assert_eq!(value(text), expected);
        }
        assert_eq!(
            (value("18446744073709551615"), value("0b11"), value("")),
            ("18446744073709551615u".into(), "3".into(), "-".into())
        );
    }
}
