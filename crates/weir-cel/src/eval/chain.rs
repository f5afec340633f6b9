//! Selections and indexes in a row: `a.b[0].?c`.
//!
//! They are evaluated together since they are more than the sum of the steps: once one is optional,
//! so are those after it, and the value that comes out is an optional.

use super::{Evaluator, Scope};
use crate::ast::{Expr, How, Kind};
use crate::error::Fault;
use crate::number;
use crate::value::{Str, Type, Value};

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn chain(&self, expr: &'v Expr, scope: Option<&Scope<'_, 'v>>) -> Result<Value<'v>, Fault> {
        let mut links = Vec::new();
        let mut base = expr;
        loop {
            match &base.kind {
                // What has() answers is not selected from.
                Kind::Select { how: How::Presence, .. } if !links.is_empty() => break,
                Kind::Select { operand, .. } | Kind::Index { operand, .. } => {
                    links.push(base);
                    base = operand;
                }
                Kind::Conditional(parts) => {
                    let [condition, yes, no] = &**parts;
                    base = if self.condition(condition, scope)? { yes } else { no };
                }
                _ => break,
            }
            self.budget.spend(1)?;
        }
        links.reverse();
        match &base.kind {
            Kind::Ident(name) => {
                let name = name.trim_start_matches('.');
                match self.variable(name, scope)? {
                    Some(value) => self.follow(value, &links, scope),
                    None => match expr.qualified_name().as_deref().and_then(Type::named) {
                        Some(named) => Ok(Value::Type(named)),
                        None => Err(Fault::new(format!("no such attribute(s): {name}")).at(base.at)),
                    },
                }
            }
            _ => self.follow(self.value(base, scope)?, &links, scope),
        }
    }

    fn follow(&self, base: Value<'v>, links: &[&'v Expr], scope: Option<&Scope<'_, 'v>>) -> Result<Value<'v>, Fault> {
        let (mut object, mut is_optional) = match base {
            Value::Optional(None) => (None, true),
            Value::Optional(Some(value)) => (Some(value.unwrapped()), true),
            other => (Some(other), false),
        };
        let mut is_presence = false;
        for link in links {
            let Some(whole) = object else { break };
            object = self.step(&whole, link, &mut is_optional, scope).map_err(|fault| fault.at(link.at))?;
        }
        if let Some(Expr { kind: Kind::Select { how: How::Presence, .. }, .. }) = links.last() {
            is_presence = true;
        }
        Ok(match (is_presence, is_optional, object) {
            (true, _, object) => Value::Bool(object.is_some()),
            (false, true, object) => Value::Optional(object.map(std::sync::Arc::new)),
            (false, false, Some(object)) => object,
            (false, false, None) => return Err(Fault::new("no such key")),
        })
    }

    /// One selection; `None` when nothing is there and that is no error.
    fn step(
        &self,
        object: &Value<'v>,
        link: &'v Expr,
        is_optional: &mut bool,
        scope: Option<&Scope<'_, 'v>>,
    ) -> Result<Option<Value<'v>>, Fault> {
        let (key, may_miss) = match &link.kind {
            Kind::Select { field, how, .. } => {
                *is_optional |= *how == How::Optional;
                (Value::String(Str::Borrowed(field)), *is_optional || *how == How::Presence)
            }
            Kind::Index { index, is_optional: optional, .. } => {
                *is_optional |= optional;
                (self.value(index, scope)?, *is_optional)
            }
            _ => return Err(Fault::new("not a selection")),
        };
        if !matches!(key.kind(), Type::Bool | Type::Int | Type::Uint | Type::Double | Type::String) {
            return Err(Fault::new(format!("a value of type {} is no key", key.kind().name())));
        }
        let found = match object {
            Value::Map(map) => map.find(&key),
            Value::List(list) => {
                let index = index(&key)?;
                usize::try_from(index).ok().and_then(|index| list.get(index))
            }
            _ => None,
        };
        match found {
            None if !may_miss => Err(missing(object, &key)),
            found => Ok(found),
        }
    }
}

fn index(key: &Value<'_>) -> Result<i64, Fault> {
    let index = match key {
        Value::Int(index) => Some(*index),
        Value::Uint(index) => i64::try_from(*index).ok(),
        Value::Double(index) => number::to_int_exactly(*index),
        _ => None,
    };
    index.ok_or_else(|| Fault::new(format!("{key} is no index of a list")))
}

fn missing(object: &Value<'_>, key: &Value<'_>) -> Fault {
    match object {
        Value::List(list) => Fault::new(format!("index {key} is out of range: the list has {} elements", list.len())),
        Value::Map(_) => Fault::new(format!("no such key: {key}")),
        other => Fault::new(format!("no such key: {key} in a value of type {}", other.kind().name())),
    }
}
