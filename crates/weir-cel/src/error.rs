use std::fmt;
use weir_base::{Class, Diagnose, Exhausted, Origin};

/// Where in an expression something is; both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub line: u32,
    pub col: u32,
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CelError {
    /// The text is not an expression.
    #[error("{at}: {message}")]
    Syntax { at: Position, message: String },
    /// It could never be evaluated: a constant that cannot be converted, a pattern that is none.
    #[error("{at}: {message}")]
    Plan { at: Position, message: String },
    /// Names and types do not fit together.
    #[error("{at}: {message}")]
    Check { at: Position, message: String },
    /// It has no value for these variables.
    #[error("{at}: {message}")]
    Evaluation { at: Position, message: String },
    /// The budget was used up: the expression costs too much.
    #[error("{at}: {cause}")]
    Exhausted { at: Position, cause: Exhausted },
}

impl CelError {
    pub fn position(&self) -> Position {
        match self {
            CelError::Syntax { at, .. }
            | CelError::Plan { at, .. }
            | CelError::Check { at, .. }
            | CelError::Evaluation { at, .. }
            | CelError::Exhausted { at, .. } => *at,
        }
    }

    /// Whether only another expression can help, whatever the variables are.
    pub fn is_invalid(&self) -> bool {
        matches!(self, CelError::Syntax { .. } | CelError::Plan { .. } | CelError::Check { .. })
    }
}

impl Diagnose for CelError {
    fn class(&self) -> Class {
        if self.is_invalid() { Class::Stalled } else { Class::Transient }
    }

    fn reason(&self) -> &'static str {
        "InvalidCELExpression"
    }

    fn at(&self) -> Option<Origin> {
        // The message begins with it: an expression stands in a field of an object, not in a file.
        None
    }

    fn remedy(&self) -> Option<String> {
        let remedy = match self {
            CelError::Evaluation { message, .. } if message.starts_with("no such") => {
                "guard fields that may be missing, as in has(status.conditions) && ..."
            }
            CelError::Exhausted { .. } => "nest fewer comprehensions, and build no large strings or lists",
            CelError::Check { message, .. } if message.starts_with("undeclared") => {
                "use only the declared variables and CEL's own functions"
            }
            _ => return None,
        };
        Some(remedy.to_owned())
    }
}

/// `LINE:COLUMN`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.col)
    }
}

impl Position {
    /// The place of a byte of `text`.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let col = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line: u32::try_from(line).unwrap_or(u32::MAX), col: u32::try_from(col).unwrap_or(u32::MAX) }
    }
}

/// Why a part has no value, while it is evaluated: `&&` and `||` may do without it.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// What CEL calls an error. The node is the innermost that failed, when it is known.
    Error { at: Option<u32>, message: String },
    /// Ends the evaluation at once.
    Exhausted(Exhausted),
}

impl Fault {
    pub fn new(message: impl Into<String>) -> Self {
        Fault::Error { at: None, message: message.into() }
    }

    /// No function or operator of this name takes these values.
    pub fn no_overload(name: &str) -> Self {
        Self::new(format!("no such overload: {name}"))
    }

    /// Says where, unless that is known better already.
    pub fn at(self, offset: u32) -> Self {
        match self {
            Fault::Error { at: None, message } => Fault::Error { at: Some(offset), message },
            other => other,
        }
    }
}

impl From<Exhausted> for Fault {
    fn from(cause: Exhausted) -> Self {
        Fault::Exhausted(cause)
    }
}
