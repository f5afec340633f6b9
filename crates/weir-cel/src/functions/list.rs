//! `size`, and what is done to lists: `join`, `first`, `last`, and lists as sets.

use super::Function;
use crate::arithmetic::charge;
use crate::compare;
use crate::error::Fault;
use crate::value::{List, Value};
use weir_base::Budget;

pub(super) fn call<'v>(function: Function, args: &[Value<'v>], budget: &Budget) -> Result<Option<Value<'v>>, Fault> {
    Ok(Some(match (function, args) {
        (Function::Size, [value]) => match size(value, budget)? {
            Some(size) => Value::Int(i64::try_from(size).unwrap_or(i64::MAX)),
            None => return Ok(None),
        },
        (Function::Join, [Value::List(list)]) => join(list, "", budget)?,
        (Function::Join, [Value::List(list), Value::String(between)]) => join(list, between, budget)?,
        (Function::First, [Value::List(list)]) => Value::Optional(list.get(0).map(std::sync::Arc::new)),
        (Function::Last, [Value::List(list)]) => {
            let last = list.len().checked_sub(1).and_then(|last| list.get(last));
            Value::Optional(last.map(std::sync::Arc::new))
        }
        (Function::SetsContains, [whole @ Value::List(_), Value::List(part)]) => {
            Value::Bool(all_in(part, whole, budget)?)
        }
        (Function::SetsEquivalent, [left @ Value::List(one), right @ Value::List(other)]) => {
            Value::Bool(all_in(other, left, budget)? && all_in(one, right, budget)?)
        }
        (Function::SetsIntersects, [Value::List(one), other @ Value::List(_)]) => {
            for element in one.iter() {
                if compare::contains(other, &element, budget)? {
                    return Ok(Some(Value::Bool(true)));
                }
            }
            Value::Bool(false)
        }
        _ => return Ok(None),
    }))
}

fn size(value: &Value<'_>, budget: &Budget) -> Result<Option<usize>, Fault> {
    Ok(Some(match value {
        Value::String(text) => {
            budget.spend(text.len() as u64 / 64)?;
            text.chars().count()
        }
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        _ => return Ok(None),
    }))
}

fn all_in<'v>(part: &List<'v>, whole: &Value<'v>, budget: &Budget) -> Result<bool, Fault> {
    for element in part.iter() {
        if !compare::contains(whole, &element, budget)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn join<'v>(list: &List<'v>, between: &str, budget: &Budget) -> Result<Value<'v>, Fault> {
    let mut text = String::new();
    for (at, element) in list.iter().enumerate() {
        let Value::String(element) = element else {
            return Err(Fault::new(format!("join: a value of type {} is no string", element.kind().name())));
        };
        let between = if at == 0 { "" } else { between };
        budget.spend(1)?;
        charge(between.len() + element.len(), budget)?;
        text.push_str(between);
        text.push_str(&element);
    }
    Ok(Value::text(text))
}
