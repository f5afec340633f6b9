//! `==` between any values, `<` between those that have an order. Numbers of different types are
//! compared by what they are worth.

use crate::error::Fault;
use crate::value::{List, Map, Value};
use std::cmp::Ordering;
use weir_base::Budget;

/// Whether two values are equal. Takes a step for each value it looks at, and for 64 bytes of text.
pub(crate) fn equal<'v>(left: &Value<'v>, right: &Value<'v>, budget: &Budget) -> Result<bool, Fault> {
    budget.spend(1)?;
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::String(left), Value::String(right)) => {
            budget.spend(left.len().min(right.len()) as u64 / 64)?;
            **left == **right
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            budget.spend(left.len().min(right.len()) as u64 / 64)?;
            left == right
        }
        (Value::List(left), Value::List(right)) => lists(left, right, budget)?,
        (Value::Map(left), Value::Map(right)) => maps(left, right, budget)?,
        (Value::Timestamp(left), Value::Timestamp(right)) => left.is_same(right),
        (Value::Duration(left), Value::Duration(right)) => left == right,
        (Value::Type(left), Value::Type(right)) => left == right,
        (Value::Optional(left), Value::Optional(right)) => match (left, right) {
            (None, None) => true,
            (Some(left), Some(right)) => equal(left, right, budget)?,
            _ => false,
        },
        _ => numbers(left, right) == Some(Ordering::Equal),
    })
}

fn lists<'v>(left: &List<'v>, right: &List<'v>, budget: &Budget) -> Result<bool, Fault> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for (left, right) in left.iter().zip(right.iter()) {
        if !equal(&left, &right, budget)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps<'v>(left: &Map<'v>, right: &Map<'v>, budget: &Budget) -> Result<bool, Fault> {
    if left.len() != right.len() {
        return Ok(false);
    }
    budget.spend(left.len() as u64)?;
    for (key, value) in left.entries() {
        let same = match right.find(&key) {
            Some(other) => equal(&value, &other, budget)?,
            None => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a list has an element that is equal, or a map such a key.
pub(crate) fn contains<'v>(whole: &Value<'v>, part: &Value<'v>, budget: &Budget) -> Result<bool, Fault> {
    match whole {
        Value::List(list) => {
            for element in list.iter() {
                if equal(part, &element, budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Map(map) => Ok(map.find(part).is_some()),
        _ => Err(Fault::no_overload("@in")),
    }
}

pub(crate) fn order(left: &Value<'_>, right: &Value<'_>, budget: &Budget) -> Result<Ordering, Fault> {
    Ok(match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::String(left), Value::String(right)) => {
            budget.spend(left.len().min(right.len()) as u64 / 64)?;
            (**left).cmp(right)
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            budget.spend(left.len().min(right.len()) as u64 / 64)?;
            left.cmp(right)
        }
        (Value::Timestamp(left), Value::Timestamp(right)) => left.order().cmp(&right.order()),
        (Value::Duration(left), Value::Duration(right)) => left.cmp(right),
        (Value::Double(value), _) | (_, Value::Double(value)) if value.is_nan() => {
            return Err(Fault::new("NaN values cannot be ordered"));
        }
        _ => numbers(left, right).ok_or_else(|| Fault::no_overload("an order of these types"))?,
    })
}

/// How two numbers compare; `None` when one is none or NaN. A whole number beside a double is
/// rounded to a double, unless the double is outside of its type.
fn numbers(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Uint(left), Value::Uint(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Uint(right)) => Some(i128::from(*left).cmp(&i128::from(*right))),
        (Value::Uint(left), Value::Int(right)) => Some(i128::from(*left).cmp(&i128::from(*right))),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Double(left), Value::Int(right)) => left.partial_cmp(&(*right as f64)),
        (Value::Double(left), Value::Uint(right)) => left.partial_cmp(&(*right as f64)),
        (Value::Int(left), Value::Double(right)) => (*left as f64).partial_cmp(right),
        (Value::Uint(left), Value::Double(right)) => (*left as f64).partial_cmp(right),
        _ => None,
    }
}
