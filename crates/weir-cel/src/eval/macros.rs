//! `all`, `exists`, `exists_one`, `map`, `filter`, `optMap`, `optFlatMap`.

use super::{Evaluator, Scope};
use crate::arithmetic;
use crate::ast::{Expr, Fold, OptMap, What};
use crate::error::Fault;
use crate::value::Value;

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn fold(&self, fold: &'v Fold, scope: Option<&Scope<'_, 'v>>) -> Result<Value<'v>, Fault> {
        match self.value(&fold.range, scope)? {
            Value::List(list) => self.over(fold, list.iter(), scope),
            Value::Map(map) => {
                arithmetic::charge(map.len() * size_of::<(Value<'_>, Value<'_>)>(), self.budget)?;
                self.over(fold, map.entries().into_iter().map(|(key, _)| key), scope)
            }
            other => {
                Err(Fault::new(format!("expected a list or a map, found a value of type {}", other.kind().name())))
            }
        }
    }

    fn over(
        &self,
        fold: &'v Fold,
        elements: impl Iterator<Item = Value<'v>>,
        scope: Option<&Scope<'_, 'v>>,
    ) -> Result<Value<'v>, Fault> {
        let mut made = Vec::new();
        let mut count = 0_u64;
        let mut first_fault = None;
        for element in elements {
            self.budget.spend(1)?;
            let local = Scope { name: &fold.variable, value: element.clone(), outer: scope };
            match fold.what {
                // As && and || do, these go on past what has no value.
                What::All | What::Exists => {
                    let decides = fold.what == What::Exists;
                    match self.predicate(&fold.body, &local) {
                        Ok(value) if value == decides => return Ok(Value::Bool(decides)),
                        Ok(_) => {}
                        Err(fault @ Fault::Error { .. }) => {
                            first_fault.get_or_insert(fault);
                        }
                        Err(fault @ Fault::Exhausted(_)) => return Err(fault),
                    }
                }
                What::ExistsOne => count += u64::from(self.predicate(&fold.body, &local)?),
                What::Filter => {
                    if self.predicate(&fold.body, &local)? {
                        self.push(&mut made, element)?;
                    }
                }
                What::Map => {
                    let is_wanted = fold.filter.as_ref().map_or(Ok(true), |filter| self.predicate(filter, &local))?;
                    if is_wanted {
                        self.push(&mut made, self.value(&fold.body, Some(&local))?)?;
                    }
                }
            }
        }
        match (first_fault, fold.what) {
            (Some(fault), _) => Err(fault),
            (None, What::All) => Ok(Value::Bool(true)),
            (None, What::Exists) => Ok(Value::Bool(false)),
            (None, What::ExistsOne) => Ok(Value::Bool(count == 1)),
            (None, What::Map | What::Filter) => Ok(Value::list(made)),
        }
    }

    fn push(&self, made: &mut Vec<Value<'v>>, value: Value<'v>) -> Result<(), Fault> {
        self.budget.take_bytes(size_of::<Value<'_>>() as u64)?;
        made.push(value);
        Ok(())
    }

    fn predicate(&self, body: &'v Expr, local: &Scope<'_, 'v>) -> Result<bool, Fault> {
        match self.value(body, Some(local))? {
            Value::Bool(value) => Ok(value),
            _ => Err(Fault::new("no such overload: a predicate has to be of type bool").at(body.at)),
        }
    }

    pub(super) fn opt_map(&self, map: &'v OptMap, scope: Option<&Scope<'_, 'v>>) -> Result<Value<'v>, Fault> {
        let value = match self.value(&map.target, scope)? {
            Value::Optional(Some(value)) => (*value).clone(),
            Value::Optional(None) => return Ok(Value::Optional(None)),
            _ => return Err(Fault::no_overload("hasValue")),
        };
        let local = Scope { name: &map.variable, value, outer: scope };
        let made = self.value(&map.body, Some(&local))?;
        Ok(if map.is_flat { made } else { Value::some(made) }.settled())
    }
}
