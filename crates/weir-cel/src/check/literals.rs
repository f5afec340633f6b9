//! What is looked at after the types are known: whether the elements of lists and maps are of one
//! type, and whether the values of `format` fit its clauses.

use super::Failed;
use super::types::{Bindings, Ty};
use crate::ast::{Expr, Kind};
use crate::error::Fault;
use crate::functions::Function;
use crate::functions::format::{Clause, Piece, pieces};
use std::collections::HashMap;

pub(super) fn check(root: &Expr, types: &HashMap<u32, Ty>, bindings: &Bindings) -> Result<(), Failed> {
    Literals { types, bindings }.visit(root, false)
}

struct Literals<'t> {
    types: &'t HashMap<u32, Ty>,
    bindings: &'t Bindings,
}

impl Literals<'_> {
    /// Below a call of `format`, lists may be mixed.
    fn visit(&self, expr: &Expr, mut is_mixed: bool) -> Result<(), Failed> {
        match &expr.kind {
            Kind::List(elements) if !is_mixed => {
                self.alike(elements.iter().map(|element| (&element.value, element.is_optional)))?;
            }
            Kind::Map(entries) if !is_mixed => {
                self.alike(entries.iter().map(|entry| (&entry.key, false)))?;
                self.alike(entries.iter().map(|entry| (&entry.value, entry.is_optional)))?;
            }
            Kind::Call { entry, args, .. } if entry.function == Function::Format => {
                is_mixed = true;
                if let [Expr { kind: Kind::String(text), .. }, Expr { kind: Kind::List(elements), .. }] = &args[..] {
                    let values: Vec<&Expr> = elements.iter().map(|element| &element.value).collect();
                    self.format(expr, text, &values)?;
                }
            }
            _ => {}
        }
        expr.children().into_iter().try_for_each(|child| self.visit(child, is_mixed))
    }

    fn ty(&self, expr: &Expr) -> &Ty {
        self.types.get(&expr.id).unwrap_or(&Ty::Dyn)
    }

    fn alike<'e>(&self, exprs: impl Iterator<Item = (&'e Expr, bool)>) -> Result<(), Failed> {
        let mut first: Option<&Ty> = None;
        for (expr, is_optional) in exprs {
            let ty = match self.ty(expr) {
                Ty::Optional(inner) if is_optional => inner,
                other => other,
            };
            let wanted = *first.get_or_insert(ty);
            if !self.bindings.is_exactly(wanted, ty, false).map_err(|cause| (expr.at, cause.into()))? {
                let message = format!(
                    "the elements of a list or map have to be of one type: expected {}, found {}",
                    wanted.shown(),
                    ty.shown()
                );
                return Err((expr.at, Fault::new(message)));
            }
        }
        Ok(())
    }

    fn format(&self, call: &Expr, text: &str, values: &[&Expr]) -> Result<(), Failed> {
        let mut given = values.iter();
        for piece in pieces(text).map_err(|message| (call.at, Fault::new(message)))? {
            let Piece::Clause(clause) = piece else { continue };
            let value = given.next().ok_or_else(|| (call.at, Fault::new("format has fewer values than clauses")))?;
            let fits = match (clause, self.ty(value)) {
                (_, Ty::Dyn) => true,
                (Clause::String, _) => self.is_printable(value),
                (Clause::Decimal | Clause::Fixed(_) | Clause::Scientific(_), ty) => {
                    matches!(ty, Ty::Int | Ty::Uint | Ty::Double)
                }
                (Clause::Binary, ty) => matches!(ty, Ty::Bool | Ty::Int | Ty::Uint),
                (Clause::Hex { .. }, ty) => matches!(ty, Ty::Int | Ty::Uint | Ty::String | Ty::Bytes),
                (Clause::Octal, ty) => matches!(ty, Ty::Int | Ty::Uint),
            };
            if !fits {
                let message = format!("a clause of format takes no value of type {}", self.ty(value).shown());
                return Err((value.at, Fault::new(message)));
            }
        }
        if given.next().is_some() {
            return Err((call.at, Fault::new("format has more values than clauses")));
        }
        Ok(())
    }

    fn is_printable(&self, expr: &Expr) -> bool {
        !matches!(self.ty(expr), Ty::Optional(_))
            && match &expr.kind {
                Kind::List(elements) => elements.iter().all(|element| self.is_printable(&element.value)),
                Kind::Map(entries) => {
                    entries.iter().all(|entry| self.is_printable(&entry.key) && self.is_printable(&entry.value))
                }
                _ => true,
            }
    }
}
