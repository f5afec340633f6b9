//! `+ - * / %` and the sign: no conversions between types, and what overflows is an error.

use crate::ast::Binary;
use crate::error::Fault;
use crate::value::{List, Value};
use weir_base::Budget;

pub(crate) fn binary<'v>(
    operator: Binary,
    left: &Value<'v>,
    right: &Value<'v>,
    budget: &Budget,
) -> Result<Value<'v>, Fault> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => ints(operator, *left, *right).map(Value::Int),
        (Value::Uint(left), Value::Uint(right)) => uints(operator, *left, *right).map(Value::Uint),
        (Value::Double(left), Value::Double(right)) => doubles(operator, *left, *right).map(Value::Double),
        _ if operator == Binary::Add => add(left, right, budget),
        _ if operator == Binary::Subtract => subtract(left, right),
        _ => Err(Fault::no_overload(operator.name())),
    }
}

fn ints(operator: Binary, left: i64, right: i64) -> Result<i64, Fault> {
    let result = match operator {
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => left.checked_mul(right),
        Binary::Divide | Binary::Modulo if right == 0 => return Err(by_zero(operator)),
        Binary::Divide => left.checked_div(right),
        Binary::Modulo => left.checked_rem(right),
        _ => return Err(Fault::no_overload(operator.name())),
    };
    result.ok_or_else(|| Fault::new("integer overflow"))
}

fn uints(operator: Binary, left: u64, right: u64) -> Result<u64, Fault> {
    let result = match operator {
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => left.checked_mul(right),
        Binary::Divide | Binary::Modulo if right == 0 => return Err(by_zero(operator)),
        Binary::Divide => left.checked_div(right),
        Binary::Modulo => left.checked_rem(right),
        _ => return Err(Fault::no_overload(operator.name())),
    };
    result.ok_or_else(|| Fault::new("unsigned integer overflow"))
}

fn doubles(operator: Binary, left: f64, right: f64) -> Result<f64, Fault> {
    Ok(match operator {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        Binary::Multiply => left * right,
        Binary::Divide => left / right,
        _ => return Err(Fault::no_overload(operator.name())),
    })
}

fn by_zero(operator: Binary) -> Fault {
    Fault::new(if operator == Binary::Divide { "division by zero" } else { "modulus by zero" })
}

fn add<'v>(left: &Value<'v>, right: &Value<'v>, budget: &Budget) -> Result<Value<'v>, Fault> {
    Ok(match (left, right) {
        (Value::String(left), Value::String(right)) => {
            charge(left.len() + right.len(), budget)?;
            Value::text(format!("{}{}", &**left, &**right))
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            charge(left.len() + right.len(), budget)?;
            Value::Bytes([&**left, &**right].concat().into())
        }
        (Value::List(left), Value::List(right)) => match (left, right) {
            (left, right) if left.is_empty() => Value::List(right.clone()),
            (left, right) if right.is_empty() => Value::List(left.clone()),
            (left, right) => Value::List(List::Values(joined(left, right, budget)?.into())),
        },
        (Value::Duration(left), Value::Duration(right)) => {
            Value::Duration(left.checked_add(*right).ok_or_else(|| Fault::new("duration overflow"))?)
        }
        (Value::Timestamp(time), Value::Duration(nanos)) | (Value::Duration(nanos), Value::Timestamp(time)) => {
            Value::Timestamp(time.plus(*nanos)?)
        }
        _ => return Err(Fault::no_overload("_+_")),
    })
}

fn joined<'v>(left: &List<'v>, right: &List<'v>, budget: &Budget) -> Result<Vec<Value<'v>>, Fault> {
    let length = left.len() + right.len();
    budget.spend(length as u64)?;
    charge(length * size_of::<Value<'_>>(), budget)?;
    Ok(left.iter().chain(right.iter()).collect())
}

fn subtract<'v>(left: &Value<'v>, right: &Value<'v>) -> Result<Value<'v>, Fault> {
    let overflow = || Fault::new("duration overflow");
    Ok(match (left, right) {
        (Value::Duration(left), Value::Duration(right)) => {
            Value::Duration(left.checked_sub(*right).ok_or_else(overflow)?)
        }
        (Value::Timestamp(time), Value::Duration(nanos)) => {
            Value::Timestamp(time.plus(nanos.checked_neg().ok_or_else(overflow)?)?)
        }
        (Value::Timestamp(left), Value::Timestamp(right)) => Value::Duration(left.since(right).ok_or_else(overflow)?),
        _ => return Err(Fault::no_overload("_-_")),
    })
}

pub(crate) fn negate<'v>(value: &Value<'v>) -> Result<Value<'v>, Fault> {
    let overflow = || Fault::new("integer overflow");
    match value {
        Value::Int(value) => Ok(Value::Int(value.checked_neg().ok_or_else(overflow)?)),
        Value::Double(value) => Ok(Value::Double(-value)),
        Value::Duration(value) => Ok(Value::Duration(value.checked_neg().ok_or_else(overflow)?)),
        _ => Err(Fault::no_overload("-_")),
    }
}

/// Pays for bytes that are made: each once as memory, 64 of them as a step.
pub(crate) fn charge(bytes: usize, budget: &Budget) -> Result<(), Fault> {
    budget.spend(bytes as u64 / 64)?;
    budget.take_bytes(bytes as u64)?;
    Ok(())
}
