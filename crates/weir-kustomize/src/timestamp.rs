//! Plain scalars that yaml.v3 reads as times, and how Go's JSON prints them.

/// The time in RFC 3339 with as many fractional digits as it needs; `None` when the text is no time.
pub(crate) fn parse(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits != 4 || bytes.get(4) != Some(&b'-') {
        return None;
    }
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((&text[at..=at], &text[at + 1..]))),
        None => (text, None),
    };
    let date = parse_date(date)?;
    let (clock, zone) = match time {
        None => ("00:00:00".to_owned(), "Z".to_owned()),
        Some((" ", clock)) => (parse_clock(clock)?, "Z".to_owned()),
        Some((_, rest)) => {
            let at = rest.find(['Z', '+', '-'])?;
            (parse_clock(&rest[..at])?, parse_zone(&rest[at..])?)
        }
    };
    Some(format!("{date}T{clock}{zone}"))
}

fn parse_date(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (year_number, month, day) = (year.parse::<u32>().ok()?, short(month, 12)?, short(day, 31)?);
    let leap = year_number % 4 == 0 && (year_number % 100 != 0 || year_number % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (month >= 1 && (1..=last).contains(&day)).then(|| format!("{year}-{month:02}-{day:02}"))
}

fn parse_clock(text: &str) -> Option<String> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let mut parts = clock.split(':');
    let (hour, minute, second) = (short(parts.next()?, 23)?, short(parts.next()?, 59)?, short(parts.next()?, 59)?);
    if parts.next().is_some() {
        return None;
    }
    let fraction = match fraction {
        None => String::new(),
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            let digits = digits[..digits.len().min(9)].trim_end_matches('0');
            if digits.is_empty() { String::new() } else { format!(".{digits}") }
        }
        Some(_) => return None,
    };
    Some(format!("{hour:02}:{minute:02}:{second:02}{fraction}"))
}

fn parse_zone(text: &str) -> Option<String> {
    if text == "Z" {
        return Some("Z".to_owned());
    }
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let two = |t: &str, max| (t.len() == 2).then(|| short(t, max)).flatten();
    let (hours, minutes) = (two(hours, 24)?, two(minutes, 59)?);
    Some(if hours == 0 && minutes == 0 { "Z".to_owned() } else { text.to_owned() })
}

/// A number of one or two digits.
fn short(text: &str, max: u32) -> Option<u32> {
    let ok = matches!(text.len(), 1 | 2) && text.bytes().all(|b| b.is_ascii_digit());
    ok.then(|| text.parse().ok()).flatten().filter(|n| *n <= max)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn times_are_printed_as_go_prints_them() {
        let cases = [
            ("2001-01-01", Some("2001-01-01T00:00:00Z")),
            ("2001-12-14T21:59:43.10-05:00", Some("2001-12-14T21:59:43.1-05:00")),
            ("2001-12-14t21:59:43Z", Some("2001-12-14T21:59:43Z")),
            ("2001-12-14 21:59:43", Some("2001-12-14T21:59:43Z")),
            ("2001-02-29", None),
            ("2001-13-01", None),
            ("12:30:45", None),
            ("2001-12", None),
        ];
        for (text, expect) in cases {
            assert_eq!(parse(text).as_deref(), expect, "{text}");
        }
    }
}
