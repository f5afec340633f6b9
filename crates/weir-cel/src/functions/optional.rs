//! Values that may be missing. `or` and `orValue` are with the evaluator, which need not evaluate
//! their second argument.

use super::Function;
use crate::arithmetic::charge;
use crate::error::Fault;
use crate::value::Value;
use weir_base::Budget;

pub(super) fn call<'v>(function: Function, args: &[Value<'v>], budget: &Budget) -> Result<Option<Value<'v>>, Fault> {
    Ok(Some(match (function, args) {
        (Function::OptionalOf, [value]) => Value::some(value.clone()),
        (Function::OptionalOfNonZero, [value]) if value.is_zero() => Value::Optional(None),
        (Function::OptionalOfNonZero, [value]) => Value::some(value.clone()),
        (Function::OptionalNone, []) => Value::Optional(None),
        (Function::OptionalUnwrap, [Value::List(list)]) => {
            budget.spend(list.len() as u64)?;
            charge(list.len() * size_of::<Value<'_>>(), budget)?;
            let mut values = Vec::new();
            for (at, element) in list.iter().enumerate() {
                match element {
                    Value::Optional(value) => values.extend(value.map(|value| (*value).clone())),
                    // The type of a list is seen at its first element.
                    _ if at == 0 => return Ok(None),
                    other => {
                        return Err(Fault::new(format!("a value of type {} is not optional", other.kind().name())));
                    }
                }
            }
            Value::list(values)
        }
        (Function::Value, [Value::Optional(value)]) => match value {
            Some(value) => (**value).clone(),
            None => return Err(Fault::new("optional.none() dereference")),
        },
        (Function::HasValue, [Value::Optional(value)]) => Value::Bool(value.is_some()),
        _ => return Ok(None),
    }))
}
