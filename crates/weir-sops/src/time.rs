//! Points in time as text, as Go's time package reads and prints them. Nothing here asks a clock.

use std::fmt::Write;

/// A time of day at an offset, kept as its parts: sops only ever reads and prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    /// Minutes east of UTC.
    offset: i32,
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let digits = self.0.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        if digits < least {
            return None;
        }
        let value = self.0[..digits].iter().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
        self.0 = &self.0[digits..];
        Some(value)
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn fraction(&mut self) -> u32 {
        let [b'.' | b',', rest @ ..] = self.0 else { return 0 };
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return 0;
        }
        let nanos =
            (0..9).fold(0, |n, at| n * 10 + rest.get(at).filter(|_| at < digits).map_or(0, |b| u32::from(b - b'0')));
        self.0 = &rest[digits..];
        nanos
    }

    fn zone(&mut self) -> Option<i32> {
        if self.eat(b'Z').is_some() {
            return Some(0);
        }
        let sign = match self.0.first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.number(2, 2)?;
        self.eat(b':')?;
        let minutes = self.number(2, 2)?;
        (hours <= 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) as i32)
    }
}

impl Time {
    /// What YAML takes for a timestamp: a date, a date and a time in UTC, or RFC 3339 with short fields.
    pub fn of_yaml(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits != 4 || bytes.get(4) != Some(&b'-') {
            return None;
        }
        let mut at = Cursor(bytes);
        let mut time = Self::date(&mut at, 1)?;
        if at.0.is_empty() {
            return time.checked();
        }
        let zoned = match at.0[0] {
            b'T' | b't' => true,
            b' ' => false,
            _ => return None,
        };
        at.0 = &at.0[1..];
        time.clock(&mut at, 1)?;
        if zoned {
            time.offset = at.zone()?;
        }
        at.0.is_empty().then_some(time)?.checked()
    }

    /// `time.Parse(time.RFC3339, ...)`, which takes a fraction too.
    pub fn of_rfc3339(text: &str) -> Option<Self> {
        let mut at = Cursor(text.as_bytes());
        let mut time = Self::date(&mut at, 2)?;
        at.eat(b'T')?;
        time.clock(&mut at, 2)?;
        time.offset = at.zone()?;
        at.0.is_empty().then_some(time)?.checked()
    }

    /// From seconds since 1970, in UTC.
    pub fn of_unix(seconds: u64) -> Self {
        let days = (seconds / 86_400) as i64;
        let rest = (seconds % 86_400) as u32;
        // Days to a date of the civil calendar, counted from March so that the leap day is the last.
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let of_era = z.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
        let year = (year_of_era + era * 400 + i64::from(month <= 2)) as u32;
        Self { year, month, day, hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60, nanos: 0, offset: 0 }
    }

    fn date(at: &mut Cursor<'_>, least: usize) -> Option<Self> {
        let year = at.number(4, 4)?;
        at.eat(b'-')?;
        let month = at.number(least, 2)?;
        at.eat(b'-')?;
        let day = at.number(least, 2)?;
        Some(Self { year, month, day, hour: 0, minute: 0, second: 0, nanos: 0, offset: 0 })
    }

    fn clock(&mut self, at: &mut Cursor<'_>, least: usize) -> Option<()> {
        self.hour = at.number(least, 2)?;
        at.eat(b':')?;
        self.minute = at.number(least, 2)?;
        at.eat(b':')?;
        self.second = at.number(least, 2)?;
        self.nanos = at.fraction();
        Some(())
    }

    fn checked(self) -> Option<Self> {
        let of = |years: u32| self.year.is_multiple_of(years);
        let leap = of(4) && (!of(100) || of(400));
        let days = match self.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let fits = (1..=days).contains(&self.day) && self.hour < 24 && self.minute < 60 && self.second < 60;
        fits.then_some(self)
    }

    /// `time.RFC3339`.
    pub fn seconds(&self) -> String {
        self.print(false)
    }

    /// `time.RFC3339Nano`.
    pub fn nanos(&self) -> String {
        self.print(true)
    }

    fn print(&self, fraction: bool) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if fraction && self.nanos > 0 {
            let digits = format!("{:09}", self.nanos);
            text.push('.');
            text.push_str(digits.trim_end_matches('0'));
        }
        if self.offset == 0 {
            text.push('Z');
        } else {
            let minutes = self.offset.unsigned_abs();
            let sign = if self.offset < 0 { '-' } else { '+' };
            write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60).expect("writing to a string cannot fail");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_reads_what_go_reads() {
        let cases = [
            ("2024-1-2", Some("2024-01-02T00:00:00Z")),
            ("2024-02-30", None),
            ("2024-01-02 3:4:5.50", Some("2024-01-02T03:04:05.5Z")),
            ("2024-01-02T03:04:05+02:00", Some("2024-01-02T03:04:05+02:00")),
            ("2024-01-02t03:04:05Z", Some("2024-01-02T03:04:05Z")),
            ("2024-01-02T03:04:05", None),
            ("12024-01-02", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Time::of_yaml(text).map(|time| time.nanos()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn seconds_become_dates() {
        assert_eq!(Time::of_unix(0).seconds(), "1970-01-01T00:00:00Z");
        assert_eq!(Time::of_unix(1_709_210_096).seconds(), "2024-02-29T12:34:56Z");
    }
}
