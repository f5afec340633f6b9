//! The types of expressions, and when one fits another: unification as cel-go's checker does it.

use std::rc::Rc;
use weir_base::{Budget, Exhausted};

#[derive(Clone, Debug)]
pub(super) enum Ty {
    /// Anything, known when it is evaluated.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    List(Rc<Ty>),
    Map(Rc<(Ty, Ty)>),
    Type(Rc<Ty>),
    Optional(Rc<Ty>),
    /// Not known yet.
    Param(usize),
}

impl Ty {
    pub fn list(element: Ty) -> Self {
        Ty::List(Rc::new(element))
    }

    pub fn map(key: Ty, value: Ty) -> Self {
        Ty::Map(Rc::new((key, value)))
    }

    pub fn optional(inner: Ty) -> Self {
        Ty::Optional(Rc::new(inner))
    }

    fn inner(&self) -> Vec<&Ty> {
        match self {
            Ty::List(inner) | Ty::Type(inner) | Ty::Optional(inner) => vec![inner],
            Ty::Map(inner) => vec![&inner.0, &inner.1],
            _ => Vec::new(),
        }
    }

    fn same_kind(&self, other: &Ty) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Not below the first level, which may be as large as an exponent of the expression.
    pub fn shown(&self) -> &'static str {
        match self {
            Ty::Dyn | Ty::Param(_) => "dyn",
            Ty::Null => "null",
            Ty::Bool => "bool",
            Ty::Int => "int",
            Ty::Uint => "uint",
            Ty::Double => "double",
            Ty::String => "string",
            Ty::Bytes => "bytes",
            Ty::Timestamp => "timestamp",
            Ty::Duration => "duration",
            Ty::List(_) => "list",
            Ty::Map(_) => "map",
            Ty::Type(_) => "type",
            Ty::Optional(_) => "optional",
        }
    }
}

/// What is known of the parameters.
#[derive(Debug)]
pub(super) struct Bindings {
    known: Vec<Option<Ty>>,
    /// What each change replaced, so that an attempt that fails leaves nothing.
    trail: Vec<(usize, Option<Ty>)>,
    budget: Budget,
}

type Fits = Result<bool, Exhausted>;

impl Bindings {
    pub fn new(budget: Budget) -> Self {
        Self { known: Vec::new(), trail: Vec::new(), budget }
    }

    pub fn fresh(&mut self) -> Ty {
        self.known.push(None);
        Ty::Param(self.known.len() - 1)
    }

    pub fn spend(&self, steps: u64) -> Result<(), Exhausted> {
        self.budget.spend(steps)
    }

    /// Whether all types fit their counterparts; what that says of parameters is kept then.
    pub fn all_fit(&mut self, given: &[Ty], wanted: &[Ty]) -> Fits {
        if given.len() != wanted.len() {
            return Ok(false);
        }
        let before = self.trail.len();
        for (given, wanted) in given.iter().zip(wanted) {
            if !self.unify(given, wanted)? {
                while self.trail.len() > before {
                    if let Some((param, old)) = self.trail.pop() {
                        self.known[param] = old;
                    }
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub fn fits(&mut self, given: &Ty, wanted: &Ty) -> Fits {
        self.all_fit(std::slice::from_ref(given), std::slice::from_ref(wanted))
    }

    fn bind(&mut self, param: usize, ty: Ty) {
        let old = self.known[param].replace(ty);
        self.trail.push((param, old));
    }

    fn unify(&mut self, one: &Ty, other: &Ty) -> Fits {
        self.spend(1)?;
        if let Ty::Param(param) = other {
            let is_bound = self.known[*param].is_some();
            if self.substitutes(one, *param)? {
                return Ok(true);
            }
            if is_bound {
                return Ok(false);
            }
        }
        match (one, other) {
            (Ty::Param(param), other) => self.substitutes(other, *param),
            (Ty::Dyn, _) | (_, Ty::Dyn) => Ok(true),
            (Ty::Null, other) | (other, Ty::Null) => {
                Ok(matches!(other, Ty::Null | Ty::Optional(_) | Ty::Timestamp | Ty::Duration))
            }
            (Ty::Type(_), Ty::Type(_)) => Ok(true),
            (one, other) if one.same_kind(other) => {
                for (one, other) in one.inner().into_iter().zip(other.inner()) {
                    if !self.unify(one, other)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Whether a parameter may stand for this type; the more general of old and new is kept.
    fn substitutes(&mut self, ty: &Ty, param: usize) -> Fits {
        if matches!(ty, Ty::Param(same) if *same == param) {
            return Ok(true);
        }
        let Some(known) = self.known[param].clone() else {
            if self.is_free_of(ty, param)? {
                self.bind(param, ty.clone());
                return Ok(true);
            }
            return Ok(false);
        };
        if self.is_exactly(ty, &known, true)? {
            return Ok(true);
        }
        if !self.unify(ty, &known)? {
            return Ok(false);
        }
        let general = self.more_general(ty, &known)?;
        if self.is_free_of(&general, param)? {
            self.bind(param, general);
        }
        Ok(true)
    }

    fn is_free_of(&self, ty: &Ty, param: usize) -> Fits {
        self.spend(1)?;
        match ty {
            Ty::Param(same) if *same == param => Ok(false),
            Ty::Param(other) => match &self.known[*other] {
                Some(known) => self.is_free_of(known, param),
                None => Ok(true),
            },
            other => {
                for inner in other.inner() {
                    if !self.is_free_of(inner, param)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    pub fn more_general(&self, one: &Ty, other: &Ty) -> Result<Ty, Exhausted> {
        Ok(if self.is_general(one, other)? { one.clone() } else { other.clone() })
    }

    /// Whether the first type says no more than the second.
    fn is_general(&self, one: &Ty, other: &Ty) -> Fits {
        self.spend(1)?;
        match (one, other) {
            (Ty::Dyn | Ty::Param(_), _) => Ok(true),
            (_, Ty::Dyn | Ty::Param(_)) => Ok(false),
            (Ty::Type(_), Ty::Type(_)) => Ok(true),
            (one, other) if one.same_kind(other) => {
                for (one, other) in one.inner().into_iter().zip(other.inner()) {
                    if !self.is_general(one, other)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Whether two types are the same; unknown ones are if they are the same unknown, or any.
    pub fn is_exactly(&self, one: &Ty, other: &Ty, by_name: bool) -> Fits {
        self.spend(1)?;
        if let (Ty::Param(one), Ty::Param(other)) = (one, other) {
            return Ok(!by_name || one == other);
        }
        if !one.same_kind(other) {
            return Ok(false);
        }
        for (one, other) in one.inner().into_iter().zip(other.inner()) {
            if !self.is_exactly(one, other, by_name)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The type with what is known put in; what is not becomes dyn, if that is wanted.
    pub fn substitute(&self, ty: &Ty, to_dyn: bool) -> Result<Ty, Exhausted> {
        self.spend(1)?;
        Ok(match ty {
            Ty::Param(param) => match &self.known[*param] {
                Some(known) => self.substitute(known, to_dyn)?,
                None if to_dyn => Ty::Dyn,
                None => ty.clone(),
            },
            Ty::List(inner) => Ty::list(self.substitute(inner, to_dyn)?),
            Ty::Type(inner) => Ty::Type(Rc::new(self.substitute(inner, to_dyn)?)),
            Ty::Optional(inner) => Ty::optional(self.substitute(inner, to_dyn)?),
            Ty::Map(inner) => Ty::map(self.substitute(&inner.0, to_dyn)?, self.substitute(&inner.1, to_dyn)?),
            other => other.clone(),
        })
    }
}
