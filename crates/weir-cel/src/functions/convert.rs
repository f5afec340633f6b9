//! Conversions between types.

use super::Function;
use crate::arithmetic::charge;
use crate::error::Fault;
use crate::number;
use crate::time::{Timestamp, parse_duration};
use crate::value::Value;
use weir_base::Budget;

pub(super) fn call<'v>(function: Function, args: &[Value<'v>], budget: &Budget) -> Result<Option<Value<'v>>, Fault> {
    let [value] = args else { return Ok(None) };
    let found = match function {
        Function::Type => Value::Type(value.kind()),
        Function::Dyn => value.clone(),
        Function::Bool => match value {
            Value::Bool(_) => value.clone(),
            Value::String(text) => Value::Bool(number::parse_bool(text).ok_or_else(|| failed(value, "bool"))?),
            _ => return Ok(None),
        },
        Function::Bytes => match value {
            Value::Bytes(_) => value.clone(),
            Value::String(text) => {
                charge(text.len(), budget)?;
                Value::Bytes(text.as_bytes().into())
            }
            _ => return Ok(None),
        },
        Function::Double => match value {
            Value::Double(_) => value.clone(),
            Value::Int(number) => Value::Double(*number as f64),
            Value::Uint(number) => Value::Double(*number as f64),
            Value::String(text) => Value::Double(number::parse_double(text).ok_or_else(|| failed(value, "double"))?),
            _ => return Ok(None),
        },
        Function::Duration => match value {
            Value::Duration(_) => value.clone(),
            Value::String(text) => Value::Duration(parse_duration(text).ok_or_else(|| failed(value, "duration"))?),
            // Declared, and never done.
            Value::Int(_) => return Err(failed(value, "duration")),
            _ => return Ok(None),
        },
        Function::Int => match int(value)? {
            Some(number) => Value::Int(number),
            None => return Ok(None),
        },
        Function::Uint => match uint(value)? {
            Some(number) => Value::Uint(number),
            None => return Ok(None),
        },
        Function::Timestamp => match value {
            Value::Timestamp(_) => value.clone(),
            Value::Int(seconds) => Value::Timestamp(Timestamp::new(*seconds, 0, 0)?),
            Value::String(text) => Value::Timestamp(Timestamp::parse(text)?.ok_or_else(|| failed(value, "timestamp"))?),
            _ => return Ok(None),
        },
        Function::String => match string(value, budget)? {
            Some(text) => text,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(found))
}

fn failed(value: &Value<'_>, to: &str) -> Fault {
    Fault::new(format!("type conversion error from '{}' to '{to}'", value.kind().name()))
}

fn int(value: &Value<'_>) -> Result<Option<i64>, Fault> {
    let overflow = || Fault::new("integer overflow");
    Ok(Some(match value {
        Value::Int(number) => *number,
        Value::Uint(number) => i64::try_from(*number).map_err(|_| overflow())?,
        Value::Double(number) => number::to_int(*number).ok_or_else(overflow)?,
        Value::String(text) => text.parse().map_err(|_| failed(value, "int"))?,
        Value::Timestamp(time) => time.order().0,
        Value::Duration(nanos) => *nanos,
        _ => return Ok(None),
    }))
}

fn uint(value: &Value<'_>) -> Result<Option<u64>, Fault> {
    let overflow = || Fault::new("unsigned integer overflow");
    Ok(Some(match value {
        Value::Uint(number) => *number,
        Value::Int(number) => u64::try_from(*number).map_err(|_| overflow())?,
        Value::Double(number) => number::to_uint(*number).ok_or_else(overflow)?,
        Value::String(text) if text.starts_with('+') => return Err(failed(value, "uint")),
        Value::String(text) => text.parse().map_err(|_| failed(value, "uint"))?,
        _ => return Ok(None),
    }))
}

fn string<'v>(value: &Value<'v>, budget: &Budget) -> Result<Option<Value<'v>>, Fault> {
    Ok(Some(match value {
        Value::String(_) => value.clone(),
        Value::Bool(value) => Value::text(value.to_string()),
        Value::Int(number) => Value::text(number.to_string()),
        Value::Uint(number) => Value::text(number.to_string()),
        Value::Double(number) => Value::text(number::general(*number)),
        Value::Timestamp(time) => Value::text(time.to_string()),
        Value::Duration(nanos) => Value::text(number::seconds(*nanos)),
        Value::Bytes(bytes) => {
            charge(bytes.len(), budget)?;
            let text = std::str::from_utf8(bytes).map_err(|_| Fault::new("the bytes are not UTF-8"))?;
            Value::text(text)
        }
        _ => return Ok(None),
    }))
}
