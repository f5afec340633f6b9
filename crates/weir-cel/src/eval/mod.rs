//! The walk over the tree that computes a value.
//!
//! Every node takes a step of the budget before anything else, so that no loop runs without one.

mod chain;
mod macros;
mod plan;

pub(crate) use plan::plan;

use crate::arithmetic;
use crate::ast::{self, Binary, Element, Expr, Kind};
use crate::compare;
use crate::error::{CelError, Fault};
use crate::functions::{self, Entry, Function};
use crate::value::{Key, Map, Str, Type, Value};
use crate::{Program, Variables};
use indexmap::IndexMap;
use std::cmp::Ordering;
use std::sync::Arc;
use weir_base::Budget;

pub(crate) fn eval<'v>(
    program: &'v Program,
    variables: &Variables<'v>,
    budget: &Budget,
) -> Result<Value<'v>, CelError> {
    let evaluator = Evaluator { program, variables, budget };
    evaluator.value(&program.root, None).map_err(|fault| match fault {
        Fault::Error { at, message } => {
            CelError::Evaluation { at: program.position(at.unwrap_or(program.root.at)), message }
        }
        Fault::Exhausted(cause) => CelError::Exhausted { at: program.position(program.root.at), cause },
    })
}

pub(crate) struct Evaluator<'e, 'v> {
    program: &'v Program,
    variables: &'e Variables<'v>,
    budget: &'e Budget,
}

/// The variable of a macro, and those around it.
pub(crate) struct Scope<'s, 'v> {
    name: &'v str,
    value: Value<'v>,
    outer: Option<&'s Scope<'s, 'v>>,
}

impl<'v> Evaluator<'_, 'v> {
    fn value(&self, expr: &'v Expr, scope: Option<&Scope<'_, 'v>>) -> Result<Value<'v>, Fault> {
        self.budget.spend(1)?;
        match &expr.kind {
            Kind::Null => Ok(Value::Null),
            Kind::Bool(value) => Ok(Value::Bool(*value)),
            Kind::Int(value) => Ok(Value::Int(*value)),
            Kind::Uint(value) => Ok(Value::Uint(*value)),
            Kind::Double(value) => Ok(Value::Double(*value)),
            Kind::String(text) => Ok(Value::String(Str::Borrowed(text))),
            Kind::Bytes(bytes) => Ok(Value::Bytes(bytes.clone())),
            Kind::Ident(name) => self.named(name, scope),
            Kind::Select { .. } | Kind::Index { .. } => return self.chain(expr, scope),
            Kind::And(terms) => self.terms(terms, false, scope),
            Kind::Or(terms) => self.terms(terms, true, scope),
            Kind::Conditional(parts) => {
                let [condition, yes, no] = &**parts;
                let branch = if self.condition(condition, scope)? { yes } else { no };
                // A selection is what it is there, too.
                let is_chain = matches!(branch.kind, Kind::Select { .. } | Kind::Index { .. });
                let value = self.value(branch, scope)?;
                return Ok(if is_chain { value } else { value.settled() });
            }
            Kind::Binary(operator, sides) => self.binary(*operator, sides, scope),
            Kind::Not(operand) => self.not(operand, scope),
            Kind::Negate(operand) => self.value(operand, scope).and_then(|value| arithmetic::negate(&value)),
            Kind::Call { entry, args, .. } => self.call(expr, entry, args, scope),
            Kind::Unknown { name, args } => self.unknown(name, args, scope),
            Kind::List(elements) => self.list(elements, scope),
            Kind::Map(entries) => self.map(entries, scope),
            Kind::Fold(fold) => self.fold(fold, scope),
            Kind::OptMap(map) => self.opt_map(map, scope),
        }
        .map_err(|fault| fault.at(expr.at))
    }

    /// A variable, else the type of this name.
    fn named(&self, name: &'v str, scope: Option<&Scope<'_, 'v>>) -> Result<Value<'v>, Fault> {
        let name = name.trim_start_matches('.');
        match self.variable(name, scope)? {
            Some(value) => Ok(value.settled()),
            None => {
                Type::named(name).map(Value::Type).ok_or_else(|| Fault::new(format!("no such attribute(s): {name}")))
            }
        }
    }

    fn variable(&self, name: &str, mut scope: Option<&Scope<'_, 'v>>) -> Result<Option<Value<'v>>, Fault> {
        while let Some(local) = scope {
            self.budget.spend(1)?;
            if local.name == name {
                return Ok(Some(local.value.clone()));
            }
            scope = local.outer;
        }
        Ok(self.variables.get(name).cloned())
    }

    fn condition(&self, expr: &'v Expr, scope: Option<&Scope<'_, 'v>>) -> Result<bool, Fault> {
        match self.value(expr, scope)? {
            Value::Bool(value) => Ok(value),
            _ => Err(Fault::no_overload("_?_:_").at(expr.at)),
        }
    }

    fn not(&self, operand: &'v Expr, scope: Option<&Scope<'_, 'v>>) -> Result<Value<'v>, Fault> {
        match self.value(operand, scope)? {
            Value::Bool(value) => Ok(Value::Bool(!value)),
            _ => Err(Fault::no_overload("!_")),
        }
    }

    /// `&&` and `||`: a term that decides makes up for those that have no value, before and after it.
    fn terms(&self, terms: &'v [Expr], decides: bool, scope: Option<&Scope<'_, 'v>>) -> Result<Value<'v>, Fault> {
        let mut first_fault = None;
        for term in terms {
            match self.value(term, scope) {
                Ok(Value::Bool(value)) if value == decides => return Ok(Value::Bool(decides)),
                Ok(Value::Bool(_)) => {}
                Ok(_) => {
                    let name = if decides { "_||_" } else { "_&&_" };
                    first_fault.get_or_insert_with(|| Fault::no_overload(name).at(term.at));
                }
                Err(fault @ Fault::Error { .. }) => {
                    first_fault.get_or_insert(fault);
                }
                Err(fault @ Fault::Exhausted(_)) => return Err(fault),
            }
        }
        first_fault.map_or(Ok(Value::Bool(!decides)), Err)
    }

    fn binary(
        &self,
        operator: Binary,
        sides: &'v [Expr; 2],
        scope: Option<&Scope<'_, 'v>>,
    ) -> Result<Value<'v>, Fault> {
        let left = self.value(&sides[0], scope)?;
        let right = self.value(&sides[1], scope)?;
        let order = |is_wanted: fn(Ordering) -> bool| {
            compare::order(&left, &right, self.budget).map(|order| Value::Bool(is_wanted(order)))
        };
        match operator {
            Binary::Equal => compare::equal(&left, &right, self.budget).map(Value::Bool),
            Binary::NotEqual => compare::equal(&left, &right, self.budget).map(|same| Value::Bool(!same)),
            Binary::In => compare::contains(&right, &left, self.budget).map(Value::Bool),
            Binary::Less => order(Ordering::is_lt),
            Binary::LessEqual => order(Ordering::is_le),
            Binary::Greater => order(Ordering::is_gt),
            Binary::GreaterEqual => order(Ordering::is_ge),
            Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Modulo => {
                arithmetic::binary(operator, &left, &right, self.budget)
            }
        }
    }

    fn call(
        &self,
        expr: &'v Expr,
        entry: &'static Entry,
        args: &'v [Expr],
        scope: Option<&Scope<'_, 'v>>,
    ) -> Result<Value<'v>, Fault> {
        if let (Function::Or | Function::OrValue, [optional, other]) = (entry.function, args) {
            return match self.value(optional, scope)? {
                Value::Optional(None) => self.value(other, scope),
                Value::Optional(Some(value)) if entry.function == Function::OrValue => Ok((*value).clone()),
                given => Ok(given),
            };
        }
        let values = args.iter().map(|arg| self.value(arg, scope)).collect::<Result<Vec<_>, Fault>>()?;
        functions::call(entry, &values, self.program.patterns.get(&expr.id), self.budget)
    }

    fn unknown(&self, name: &str, args: &'v [Expr], scope: Option<&Scope<'_, 'v>>) -> Result<Value<'v>, Fault> {
        for arg in args {
            self.value(arg, scope)?;
        }
        Err(Fault::no_overload(name))
    }

    fn list(&self, elements: &'v [Element], scope: Option<&Scope<'_, 'v>>) -> Result<Value<'v>, Fault> {
        arithmetic::charge(elements.len() * size_of::<Value<'_>>(), self.budget)?;
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            let value = self.value(&element.value, scope)?;
            values.extend(if element.is_optional { unwrapped(value)? } else { Some(value) });
        }
        Ok(Value::list(values))
    }

    fn map(&self, entries: &'v [ast::Entry], scope: Option<&Scope<'_, 'v>>) -> Result<Value<'v>, Fault> {
        arithmetic::charge(entries.len() * size_of::<(Key<'_>, Value<'_>)>() * 2, self.budget)?;
        let mut values = IndexMap::with_capacity(entries.len());
        for entry in entries {
            let key = self.value(&entry.key, scope)?;
            let value = self.value(&entry.value, scope)?;
            let key = Key::of(&key)?;
            match if entry.is_optional { unwrapped(value)? } else { Some(value) } {
                Some(value) => values.insert(key, value),
                None => values.shift_remove(&key),
            };
        }
        Ok(Value::Map(Map::Values(Arc::new(values))))
    }
}

/// What an optional element or entry adds.
fn unwrapped(value: Value<'_>) -> Result<Option<Value<'_>>, Fault> {
    match value {
        Value::Optional(value) => Ok(value.map(|value| (*value).clone())),
        other => Err(Fault::new(format!("expected an optional value, found one of type {}", other.kind().name()))),
    }
}
