//! Points in time and durations, as Go's package time reads, prints and counts them.

use crate::error::Fault;
use std::fmt;

/// Seconds of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;
const DAY: i64 = 86_400;
const SECOND: i64 = 1_000_000_000;

#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    /// Since 1970.
    pub(crate) seconds: i64,
    pub(crate) nanos: u32,
    /// The zone it was written in, in seconds east of UTC; plays no part in comparisons.
    pub(crate) offset: i32,
}

/// What a clock on the wall shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub year: i64,
    /// From 0.
    pub month: i64,
    /// From 0.
    pub day: i64,
    /// From 0.
    pub day_of_year: i64,
    /// From Sunday.
    pub weekday: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
}

impl Timestamp {
    pub(crate) fn new(seconds: i64, nanos: u32, offset: i32) -> Result<Self, Fault> {
        if (FIRST..=LAST).contains(&seconds) {
            Ok(Self { seconds, nanos, offset })
        } else {
            Err(Fault::new("timestamp overflow"))
        }
    }

    pub fn is_same(&self, other: &Self) -> bool {
        self.order() == other.order()
    }

    pub(crate) fn order(&self) -> (i64, u32) {
        (self.seconds, self.nanos)
    }

    pub(crate) fn is_first(&self) -> bool {
        self.order() == (FIRST, 0)
    }

    pub(crate) fn in_utc(self) -> Self {
        Self { offset: 0, ..self }
    }

    pub(crate) fn plus(self, nanos: i64) -> Result<Self, Fault> {
        let sum = i64::from(self.nanos) + nanos % SECOND;
        let seconds = self.seconds + nanos / SECOND + sum.div_euclid(SECOND);
        let nanos = u32::try_from(sum.rem_euclid(SECOND)).unwrap_or_default();
        Self::new(seconds, nanos, self.offset)
    }

    /// In nanoseconds.
    pub(crate) fn since(&self, other: &Self) -> Option<i64> {
        let nanos = i64::from(self.nanos) - i64::from(other.nanos);
        (self.seconds - other.seconds).checked_mul(SECOND)?.checked_add(nanos)
    }

    pub(crate) fn clock(&self, offset: i64) -> Clock {
        let local = self.seconds + offset;
        let (days, rest) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (year, month, day) = date(days);
        Clock {
            year,
            month: month - 1,
            day: day - 1,
            day_of_year: days - days_of(year, 1, 1),
            weekday: (days + 4).rem_euclid(7),
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }

    /// RFC 3339 as Go's layout takes it: also hours of one digit, and a comma before the fraction.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, Fault> {
        let Some(parts) = parts(text) else { return Ok(None) };
        let [year, month, day, hour, minute, second] = parts.numbers;
        let is_date = (1..=12).contains(&month) && day >= 1 && day <= days_in(year, month);
        if !is_date || hour > 23 || minute > 59 || second > 59 {
            return Ok(None);
        }
        let seconds = days_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second - i64::from(parts.offset);
        Self::new(seconds, parts.nanos, parts.offset).map(Some)
    }
}

struct Parts {
    numbers: [i64; 6],
    nanos: u32,
    offset: i32,
}

fn parts(text: &str) -> Option<Parts> {
    let mut rest = text;
    let mut numbers = [take(&mut rest, 4, 4)?, 0, 0, 0, 0, 0];
    for (number, before) in numbers[1..].iter_mut().zip(["-", "-", "T", ":", ":"]) {
        rest = rest.strip_prefix(before)?;
        *number = take(&mut rest, if before == "T" { 1 } else { 2 }, 2)?;
    }
    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, left) = fraction.split_at(length);
        if digits.is_empty() {
            return None;
        }
        nanos = format!("{digits:0<9}")[..9].parse().ok()?;
        rest = left;
    }
    if rest == "Z" {
        return Some(Parts { numbers, nanos, offset: 0 });
    }
    let sign = match rest.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = rest[1..].split_once(':')?;
    let two = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|c| c.is_ascii_digit())).then(|| digits.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours <= 24 && minutes <= 60).then_some(Parts { numbers, nanos, offset: sign * (hours * 60 + minutes) * 60 })
}

fn take(rest: &mut &str, least: usize, most: usize) -> Option<i64> {
    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, left) = rest.split_at(length);
    *rest = left;
    (length >= least).then(|| digits.parse().ok()).flatten()
}

/// The civil date of a day since 1970 (by eras of 400 years from March on).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The day since 1970 of a civil date.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let day = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}

fn days_in(year: i64, month: i64) -> i64 {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_of(next_year, next, 1) - days_of(year, month, 1)
}

/// RFC 3339 in its own zone, the fraction without trailing zeros.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Clock { year, month, day, hour, minute, second, .. } = self.clock(i64::from(self.offset));
        write!(f, "{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}", month + 1, day + 1)?;
        if self.nanos > 0 {
            let digits = format!("{:09}", self.nanos);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        if self.offset == 0 {
            return f.write_str("Z");
        }
        let minutes = self.offset.unsigned_abs() / 60;
        let sign = if self.offset < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// `time.ParseDuration`, in nanoseconds.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, left) = rest.split_at(digits(rest));
        let (fraction, left) = match left.strip_prefix('.') {
            Some(left) => left.split_at(digits(left)),
            None => ("", left),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit_length = left.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(left.len());
        let (unit, left) = left.split_at(unit_length);
        let unit: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        // Digits that fit no number of 64 bits are too small to count.
        let (mut part, mut scale) = (0_u64, 1.0);
        for digit in fraction.bytes().map(|c| u64::from(c - b'0')) {
            let Some(longer) = part.checked_mul(10).and_then(|part| part.checked_add(digit)) else { break };
            (part, scale) = (longer, scale * 10.0);
        }
        let part = (part as f64 * (unit as f64 / scale)) as u64;
        total = total.checked_add(whole.checked_mul(unit)?)?.checked_add(part)?;
        if total > 1 << 63 {
            return None;
        }
        rest = left;
    }
    if is_negative { 0_i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() }
}
