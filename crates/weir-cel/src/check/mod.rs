//! The type check of expressions whose variables are declared: what Flux does with `readyExpr`.
//!
//! The algorithm is cel-go's: each overload whose parameters can be unified with the arguments
//! counts, and where these disagree about the result it is dyn. Afterwards lists and maps are
//! looked at once more, since Flux wants their elements to be of one type.

mod literals;
mod signatures;
mod types;

use crate::Program;
use crate::ast::{Expr, Fold, How, Kind, OptMap, What};
use crate::error::{CelError, Fault};
use crate::value::Type;
use std::collections::HashMap;
use std::rc::Rc;
use types::{Bindings, Ty};
use weir_base::Budget;

/// Steps of a check. Types can be exponentially larger than the expression that makes them.
const STEPS: u64 = 5_000_000;

pub(crate) fn is_bool(program: &Program, declared: &[&str]) -> Result<(), CelError> {
    let bindings = Bindings::new(Budget::new(STEPS, 0));
    let mut checker = Checker { declared, bindings, types: HashMap::new(), scopes: Vec::new() };
    checker.root(&program.root).map_err(|(at, fault)| {
        let message = match fault {
            Fault::Error { message, .. } => message,
            Fault::Exhausted(cause) => format!("the types are too complex: {cause}"),
        };
        CelError::Check { at: program.position(at), message }
    })
}

/// Where a check failed, and why.
type Failed = (u32, Fault);

struct Checker<'c> {
    declared: &'c [&'c str],
    bindings: Bindings,
    /// Of each node.
    types: HashMap<u32, Ty>,
    /// The variables of macros, innermost last.
    scopes: Vec<(&'c str, Ty)>,
}

impl<'c> Checker<'c> {
    fn root(&mut self, root: &'c Expr) -> Result<(), Failed> {
        self.check(root)?;
        let spent = |cause: weir_base::Exhausted| (root.at, Fault::from(cause));
        for ty in self.types.values_mut() {
            *ty = self.bindings.substitute(ty, true).map_err(spent)?;
        }
        match self.types.get(&root.id) {
            Some(Ty::Bool) => literals::check(root, &self.types, &self.bindings),
            other => {
                let found = other.map_or("dyn", Ty::shown);
                let remedy = if found == "dyn" { "; compare it, as in ... == true" } else { "" };
                Err((
                    root.at,
                    Fault::new(format!("the expression has to be of type bool, it is of type {found}{remedy}")),
                ))
            }
        }
    }

    fn check(&mut self, expr: &'c Expr) -> Result<Ty, Failed> {
        self.bindings.spend(1).map_err(|cause| (expr.at, cause.into()))?;
        let ty = match &expr.kind {
            Kind::Null => Ty::Null,
            Kind::Bool(_) => Ty::Bool,
            Kind::Int(_) => Ty::Int,
            Kind::Uint(_) => Ty::Uint,
            Kind::Double(_) => Ty::Double,
            Kind::String(_) => Ty::String,
            Kind::Bytes(_) => Ty::Bytes,
            Kind::Ident(name) => self.named(expr, name)?,
            Kind::Select { operand, how, .. } => self.select(expr, operand, *how)?,
            Kind::Index { operand, index, is_optional } => {
                let args = [self.check(operand)?, self.check(index)?];
                let overloads = if *is_optional { signatures::OPTIONAL_INDEX } else { signatures::INDEX };
                self.resolve(expr, "_[_]", overloads, false, &args)?
            }
            Kind::And(terms) | Kind::Or(terms) => {
                let types =
                    terms.iter().map(|term| Ok((term, self.check(term)?))).collect::<Result<Vec<_>, Failed>>()?;
                for (term, ty) in types {
                    self.expect(term, &ty, &Ty::Bool)?;
                }
                Ty::Bool
            }
            Kind::Conditional(parts) => {
                let args = self.all(parts.iter())?;
                self.resolve(expr, "_?_:_", signatures::CONDITIONAL, false, &args)?
            }
            Kind::Binary(operator, sides) => {
                let args = self.all(sides.iter())?;
                self.resolve(expr, operator.name(), signatures::of(*operator), false, &args)?
            }
            Kind::Not(operand) => {
                let args = [self.check(operand)?];
                self.resolve(expr, "!_", signatures::NOT, false, &args)?
            }
            Kind::Negate(operand) => {
                let args = [self.check(operand)?];
                self.resolve(expr, "-_", signatures::NEGATE, false, &args)?
            }
            Kind::Call { entry, is_member, args } => {
                let args = self.all(args.iter())?;
                self.resolve(expr, entry.name, entry.overloads, *is_member, &args)?
            }
            Kind::Unknown { name, .. } => return Err(undeclared(expr, name)),
            Kind::List(elements) => {
                let mut joined = None;
                for element in elements {
                    let ty = self.element(&element.value, element.is_optional)?;
                    joined = Some(self.join(&element.value, joined, ty)?);
                }
                Ty::list(joined.unwrap_or_else(|| self.bindings.fresh()))
            }
            Kind::Map(entries) => {
                let (mut keys, mut values) = (None, None);
                for entry in entries {
                    let key = self.check(&entry.key)?;
                    keys = Some(self.join(&entry.key, keys, key)?);
                    let value = self.element(&entry.value, entry.is_optional)?;
                    values = Some(self.join(&entry.value, values, value)?);
                }
                let key = keys.unwrap_or_else(|| self.bindings.fresh());
                Ty::map(key, values.unwrap_or_else(|| self.bindings.fresh()))
            }
            Kind::Fold(fold) => self.fold(expr, fold)?,
            Kind::OptMap(map) => self.opt_map(expr, map)?,
        };
        self.types.insert(expr.id, ty.clone());
        Ok(ty)
    }

    fn all(&mut self, exprs: impl Iterator<Item = &'c Expr>) -> Result<Vec<Ty>, Failed> {
        exprs.map(|expr| self.check(expr)).collect()
    }

    fn named(&self, expr: &Expr, name: &str) -> Result<Ty, Failed> {
        let name = name.trim_start_matches('.');
        if let Some((_, ty)) = self.scopes.iter().rev().find(|(known, _)| *known == name) {
            return Ok(ty.clone());
        }
        if self.declared.contains(&name) {
            return Ok(Ty::map(Ty::String, Ty::Dyn));
        }
        Type::named(name).map(|named| Ty::Type(Rc::new(instance_of(named)))).ok_or_else(|| undeclared(expr, name))
    }

    fn select(&mut self, expr: &'c Expr, operand: &'c Expr, how: How) -> Result<Ty, Failed> {
        if let Some(named) = expr.qualified_name().as_deref().and_then(Type::named) {
            return Ok(Ty::Type(Rc::new(instance_of(named))));
        }
        let operand = self.check(operand)?;
        let operand = self.known(expr, &operand)?;
        let (target, mut is_optional) = match &operand {
            Ty::Optional(inner) => ((**inner).clone(), true),
            other => (other.clone(), false),
        };
        is_optional |= how == How::Optional;
        let field = match &target {
            Ty::Map(inner) => inner.1.clone(),
            Ty::Dyn => Ty::Dyn,
            Ty::Param(_) => {
                self.fits(expr, &Ty::Dyn, &target)?;
                Ty::Dyn
            }
            other => {
                let message = format!("a value of type {} has no fields", other.shown());
                return Err((expr.at, Fault::new(message)));
            }
        };
        if how == How::Presence {
            return Ok(Ty::Bool);
        }
        let field = if is_optional { Ty::optional(field) } else { field };
        self.known(expr, &field)
    }

    /// The type that a call has: that of the overloads that the arguments fit.
    fn resolve(
        &mut self,
        expr: &Expr,
        name: &str,
        overloads: &str,
        is_member: bool,
        args: &[Ty],
    ) -> Result<Ty, Failed> {
        let mut found: Option<Ty> = None;
        for overload in overloads.split(' ') {
            let Some((wanted, result)) = signatures::instance(overload, is_member, &mut self.bindings) else {
                continue;
            };
            if !self.bindings.all_fit(args, &wanted).map_err(|cause| (expr.at, cause.into()))? {
                continue;
            }
            let result = self.known(expr, &result)?;
            found = Some(match found {
                None => result,
                Some(Ty::Dyn) => Ty::Dyn,
                Some(known) => {
                    let is_same = self.bindings.is_exactly(&result, &known, true);
                    if is_same.map_err(|cause| (expr.at, cause.into()))? { known } else { Ty::Dyn }
                }
            });
        }
        found.ok_or_else(|| {
            let types: Vec<&str> = args.iter().map(Ty::shown).collect();
            (expr.at, Fault::new(format!("no matching overload: {name} takes no ({})", types.join(", "))))
        })
    }

    fn known(&self, expr: &Expr, ty: &Ty) -> Result<Ty, Failed> {
        self.bindings.substitute(ty, false).map_err(|cause| (expr.at, cause.into()))
    }

    fn fits(&mut self, expr: &Expr, given: &Ty, wanted: &Ty) -> Result<bool, Failed> {
        self.bindings.fits(given, wanted).map_err(|cause| (expr.at, cause.into()))
    }

    fn expect(&mut self, expr: &Expr, given: &Ty, wanted: &Ty) -> Result<(), Failed> {
        if self.fits(expr, given, wanted)? {
            return Ok(());
        }
        let message = format!("expected type {}, found {}", wanted.shown(), given.shown());
        Err((expr.at, Fault::new(message)))
    }

    /// What an element or entry of a literal is; an optional one stands for what is in it.
    fn element(&mut self, expr: &'c Expr, is_optional: bool) -> Result<Ty, Failed> {
        match (self.check(expr)?, is_optional) {
            (Ty::Optional(inner), true) => Ok((*inner).clone()),
            (ty @ Ty::Dyn, true) | (ty, false) => Ok(ty),
            (ty, true) => Err((expr.at, Fault::new(format!("expected an optional, found {}", ty.shown())))),
        }
    }

    fn join(&mut self, expr: &Expr, before: Option<Ty>, ty: Ty) -> Result<Ty, Failed> {
        let Some(before) = before else { return Ok(ty) };
        if !self.fits(expr, &before, &ty)? {
            return Ok(Ty::Dyn);
        }
        self.bindings.more_general(&before, &ty).map_err(|cause| (expr.at, cause.into()))
    }

    fn fold(&mut self, expr: &'c Expr, fold: &'c Fold) -> Result<Ty, Failed> {
        let range = self.check(&fold.range)?;
        let element = match self.known(&fold.range, &range)? {
            Ty::List(inner) => (*inner).clone(),
            Ty::Map(inner) => inner.0.clone(),
            other @ (Ty::Dyn | Ty::Param(_)) => {
                self.fits(expr, &Ty::Dyn, &other)?;
                Ty::Dyn
            }
            other => {
                let message = format!("expected a list or a map, found {}", other.shown());
                return Err((fold.range.at, Fault::new(message)));
            }
        };
        let made = match fold.what {
            What::Map | What::Filter => Ty::list(self.bindings.fresh()),
            What::ExistsOne => Ty::Int,
            What::All | What::Exists => Ty::Bool,
        };
        self.scopes.push((&fold.variable, element.clone()));
        let filter = fold.filter.as_ref().map(|filter| self.check(filter)).transpose()?;
        let body = self.check(&fold.body)?;
        self.scopes.pop();
        // The steps that cel-go's expansion of the macro takes.
        let add = signatures::of(crate::ast::Binary::Add);
        let (condition, step) = match fold.what {
            What::All | What::Exists => {
                self.expect(&fold.body, &body, &Ty::Bool)?;
                return Ok(Ty::Bool);
            }
            What::ExistsOne => (Some(body), Ty::Int),
            What::Filter => {
                let grown = self.resolve(expr, "_+_", add, false, &[made.clone(), Ty::list(element)])?;
                (Some(body), grown)
            }
            What::Map => {
                let grown = self.resolve(expr, "_+_", add, false, &[made.clone(), Ty::list(body)])?;
                (filter, grown)
            }
        };
        let step = match condition {
            Some(condition) => {
                let args = [condition, step, made.clone()];
                self.resolve(&fold.body, "_?_:_", signatures::CONDITIONAL, false, &args)?
            }
            None => step,
        };
        self.expect(&fold.body, &made, &step)?;
        if fold.what == What::ExistsOne { Ok(Ty::Bool) } else { self.known(expr, &made) }
    }

    fn opt_map(&mut self, expr: &'c Expr, map: &'c OptMap) -> Result<Ty, Failed> {
        let target = [self.check(&map.target)?];
        let condition = self.resolve(&map.target, "hasValue", signatures::HAS_VALUE, false, &target)?;
        let value = self.resolve(&map.target, "value", signatures::VALUE, false, &target)?;
        self.scopes.push((&map.variable, value));
        let body = self.check(&map.body)?;
        self.scopes.pop();
        let mut made = self.known(expr, &body)?;
        if !map.is_flat {
            made = self.resolve(expr, "optional.of", signatures::OPTIONAL_OF, false, &[made])?;
        }
        let none = self.resolve(expr, "optional.none", signatures::OPTIONAL_NONE, false, &[])?;
        self.resolve(expr, "_?_:_", signatures::CONDITIONAL, false, &[condition, made, none])
    }
}

fn undeclared(expr: &Expr, name: &str) -> Failed {
    (expr.at, Fault::new(format!("undeclared reference to '{name}'")))
}

/// What the name of a type is a type of.
fn instance_of(named: Type) -> Ty {
    match named {
        Type::Null => Ty::Null,
        Type::Bool => Ty::Bool,
        Type::Int => Ty::Int,
        Type::Uint => Ty::Uint,
        Type::Double => Ty::Double,
        Type::String => Ty::String,
        Type::Bytes => Ty::Bytes,
        Type::List => Ty::list(Ty::Dyn),
        Type::Map => Ty::map(Ty::Dyn, Ty::Dyn),
        Type::Timestamp => Ty::Timestamp,
        Type::Duration => Ty::Duration,
        Type::Type => Ty::Type(Rc::new(Ty::Dyn)),
        Type::Optional => Ty::optional(Ty::Dyn),
    }
}
