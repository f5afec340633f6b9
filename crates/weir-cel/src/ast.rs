//! The syntax tree. Macros are nodes of their own, not the folds that cel-go expands them to: the
//! evaluator needs no accumulator that grows by copying, and nothing is evaluated twice.

use crate::functions;

/// How many nodes may stand above one another, as in cel-go. Every walk over a tree recurses, so
/// this is what bounds the stack.
pub(crate) const MAX_HEIGHT: u16 = 250;

#[derive(Debug)]
pub(crate) struct Expr {
    pub kind: Kind,
    /// Offset of the byte that an error points at.
    pub at: u32,
    /// Which node of the tree this is.
    pub id: u32,
    pub height: u16,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Box<str>),
    Bytes(std::sync::Arc<[u8]>),
    Ident(Box<str>),
    Select {
        operand: Box<Expr>,
        field: Box<str>,
        how: How,
    },
    Index {
        operand: Box<Expr>,
        index: Box<Expr>,
        is_optional: bool,
    },
    /// Any number of terms of `&&`.
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Conditional(Box<[Expr; 3]>),
    Binary(Binary, Box<[Expr; 2]>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    /// `is_member`: written as `a.f(b)`; `a` is the first argument then.
    Call {
        entry: &'static functions::Entry,
        is_member: bool,
        args: Vec<Expr>,
    },
    /// A function that does not exist; an error where it is evaluated.
    Unknown {
        name: Box<str>,
        args: Vec<Expr>,
    },
    List(Vec<Element>),
    Map(Vec<Entry>),
    Fold(Box<Fold>),
    OptMap(Box<OptMap>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// `a.b`
    Value,
    /// `a.?b`
    Optional,
    /// `has(a.b)`
    Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}

impl Binary {
    pub fn name(self) -> &'static str {
        match self {
            Binary::Add => "_+_",
            Binary::Subtract => "_-_",
            Binary::Multiply => "_*_",
            Binary::Divide => "_/_",
            Binary::Modulo => "_%_",
            Binary::Equal => "_==_",
            Binary::NotEqual => "_!=_",
            Binary::Less => "_<_",
            Binary::LessEqual => "_<=_",
            Binary::Greater => "_>_",
            Binary::GreaterEqual => "_>=_",
            Binary::In => "@in",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Element {
    pub value: Expr,
    pub is_optional: bool,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub key: Expr,
    pub value: Expr,
    pub is_optional: bool,
}

#[derive(Debug)]
pub(crate) struct Fold {
    pub what: What,
    pub range: Expr,
    pub variable: Box<str>,
    /// Of `map` with three arguments only.
    pub filter: Option<Expr>,
    pub body: Expr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

#[derive(Debug)]
pub(crate) struct OptMap {
    pub target: Expr,
    pub variable: Box<str>,
    pub body: Expr,
    /// `optFlatMap`: the body is an optional itself.
    pub is_flat: bool,
}

impl Expr {
    /// The dotted name that this spells, if it does: identifiers and plain selections only.
    pub fn qualified_name(&self) -> Option<String> {
        match &self.kind {
            Kind::Ident(name) => Some(name.to_string()),
            Kind::Select { operand, field, how: How::Value } => {
                let mut name = operand.qualified_name()?;
                name.push('.');
                name.push_str(field);
                Some(name)
            }
            _ => None,
        }
    }

    /// What stands directly below this node.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Uint(_)
            | Kind::Double(_)
            | Kind::String(_)
            | Kind::Bytes(_)
            | Kind::Ident(_) => Vec::new(),
            Kind::Select { operand, .. } => vec![operand],
            Kind::Index { operand, index, .. } => vec![operand, index],
            Kind::And(terms) | Kind::Or(terms) => terms.iter().collect(),
            Kind::Conditional(parts) => parts.iter().collect(),
            Kind::Binary(_, sides) => sides.iter().collect(),
            Kind::Not(operand) | Kind::Negate(operand) => vec![operand],
            Kind::Call { args, .. } | Kind::Unknown { args, .. } => args.iter().collect(),
            Kind::List(elements) => elements.iter().map(|element| &element.value).collect(),
            Kind::Map(entries) => entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect(),
            Kind::Fold(fold) => {
                [Some(&fold.range), fold.filter.as_ref(), Some(&fold.body)].into_iter().flatten().collect()
            }
            Kind::OptMap(map) => vec![&map.target, &map.body],
        }
    }

    /// Whether cel-go knows its value before it is evaluated.
    pub fn is_constant(&self) -> bool {
        match &self.kind {
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Uint(_)
            | Kind::Double(_)
            | Kind::String(_)
            | Kind::Bytes(_) => true,
            Kind::List(elements) => elements.iter().all(|element| element.value.is_constant()),
            Kind::Map(entries) => entries.iter().all(|entry| entry.key.is_constant() && entry.value.is_constant()),
            Kind::Call { entry, args, .. } => {
                entry.function.is_conversion() && args.len() == 1 && args.iter().all(Expr::is_constant)
            }
            _ => false,
        }
    }
}
