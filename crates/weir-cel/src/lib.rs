//! CEL, the Common Expression Language, as Flux uses it in `readyExpr` and `healthCheckExprs`.
//!
//! Contract: a [`Program`] means what cel-go 0.26 makes of it in the environment that
//! fluxcd/pkg/runtime/cel sets up: the standard library and its macros, optional values, the
//! extensions for strings, sets and encoders, comparisons across number types, UTC as the default
//! time zone. Evaluation is a pure function of the expression, the variables and the budget; there
//! is no clock. Time zones come from a table in the program.
//!
//! Limits: 100,000 characters, 250 levels of nesting. A [`Budget`] bounds the rest: a step for
//! each node that is evaluated and for each element, key or 64 bytes that a function looks at (more
//! for patterns, see `functions/regex.rs`), bytes for each string, list and map that is made.
//! [`Program::check`] has a budget of its own.
//!
//! Not there: messages (`a.B{c: 1}`), the wrapper types of protocol buffers and their names, and
//! identifiers between backticks, which are off in Flux, too.

mod arithmetic;
mod ast;
mod check;
mod compare;
mod error;
mod eval;
mod functions;
mod lexer;
mod literal;
mod number;
mod parser;
mod time;
mod value;

pub use error::{CelError, Position};
pub use time::Timestamp;
pub use value::{Key, List, Map, Str, Type, Value};

use functions::regex::Pattern;
use std::collections::HashMap;
use weir_base::Budget;
use weir_doc::Node;

/// An expression that was read.
#[derive(Debug)]
pub struct Program {
    text: Box<str>,
    root: ast::Expr,
    /// Of `matches` with a constant pattern, by the node of the call.
    patterns: HashMap<u32, Pattern>,
}

/// What the names in an expression stand for.
#[derive(Clone, Debug, Default)]
pub struct Variables<'v>(HashMap<&'v str, Value<'v>>);

impl<'v> Variables<'v> {
    pub fn new() -> Self {
        Self::default()
    }

    /// Every top-level field of a document is a variable.
    pub fn fields_of(node: &'v Node) -> Self {
        let fields = node.as_map().into_iter().flat_map(weir_doc::Map::iter);
        Self(fields.map(|(key, value)| (key.as_str(), Value::of(value))).collect())
    }

    pub fn with(mut self, name: &'v str, node: &'v Node) -> Self {
        self.0.insert(name, Value::of(node));
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value<'v>> {
        self.0.get(name)
    }
}

impl Program {
    /// Reads an expression. What is refused here has no value for any variables.
    pub fn parse(text: &str) -> Result<Self, CelError> {
        let mut program = Self { text: text.into(), root: parser::parse(text)?, patterns: HashMap::new() };
        program.patterns = eval::plan(&program)?;
        Ok(program)
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Refuses an expression that uses other variables than the declared ones (each a mapping from
    /// strings to anything), whose types do not fit together, or that is not known to be bool:
    /// `dep.status.ready` is refused, `dep.status.ready == true` is not.
    pub fn check(&self, declared: &[&str]) -> Result<(), CelError> {
        check::is_bool(self, declared)
    }

    /// The value for some variables.
    pub fn eval<'v>(&'v self, variables: &Variables<'v>, budget: &Budget) -> Result<Value<'v>, CelError> {
        eval::eval(self, variables, budget)
    }

    /// The value, which has to be a bool.
    pub fn eval_bool(&self, variables: &Variables<'_>, budget: &Budget) -> Result<bool, CelError> {
        match eval::eval(self, variables, budget)? {
            Value::Bool(value) => Ok(value),
            other => Err(CelError::Evaluation {
                at: self.position(self.root.at),
                message: format!("the expression has to be of type bool, it is of type {}", other.kind().name()),
            }),
        }
    }

    fn position(&self, offset: u32) -> Position {
        Position::of(&self.text, offset as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_base::{Class, Diagnose};

    fn document() -> Node {
        let text = br#"{"status": {"ready": true, "phase": "Running", "replicas": 2}, "spec": null}"#;
        weir_doc::from_json(text).expect("a document")
    }

    #[test]
    fn fields_of_a_document_are_variables() {
        let document = document();
        let variables = Variables::fields_of(&document);
        for (text, expected) in [
            ("status.phase == 'Running' && status.replicas >= 2", true),
            ("has(status.nope)", false),
            ("spec == null", true),
        ] {
            let program = Program::parse(text).expect("an expression");
            assert_eq!(program.eval_bool(&variables, &Budget::new(1_000, 1_000)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_error_says_where_and_what_to_do() {
        let document = document();
        let evaluated = |text: &str| {
            let program = Program::parse(text)?;
            program.eval_bool(&Variables::fields_of(&document), &Budget::new(1_000, 1 << 20))
        };
        let error = evaluated("true &&\n  status.conditions == 1").expect_err("no such key");
        assert_eq!(error.position(), Position { line: 2, col: 9 });
        assert_eq!(
            error.report().to_string(),
            "2:9: no such key: \"conditions\" (guard fields that may be missing, as in has(status.conditions) && ...)"
        );
        assert_eq!(error.class(), Class::Transient);
        let error = evaluated("status.phase").expect_err("no bool");
        assert_eq!(error.to_string(), "1:7: the expression has to be of type bool, it is of type string");
        let error = evaluated("status.").expect_err("no expression");
        assert_eq!(error.to_string(), "1:8: expected the name of a field, found the end");
        assert_eq!((error.class(), error.reason()), (Class::Stalled, "InvalidCELExpression"));
        let nested = format!("{}true{}", "[1, 2, 3].all(x, ".repeat(9), ")".repeat(9));
        let report = evaluated(&nested).expect_err("too long").report().to_string();
        assert_eq!(
            report,
            "1:14: the work took more than 1000 steps (nest fewer comprehensions, and build no large strings or lists)"
        );
    }

    #[test]
    fn a_check_wants_declared_names_and_a_bool() {
        let checked = |text: &str| Program::parse(text).and_then(|program| program.check(&["self", "dep"]));
        assert_eq!(checked("dep.status.ready == true && self.spec.x != 'a'"), Ok(()));
        let message = |text: &str| checked(text).expect_err("refused").report().to_string();
        assert_eq!(
            message("dep.status.ready"),
            "1:11: the expression has to be of type bool, it is of type dyn; compare it, as in ... == true"
        );
        assert_eq!(
            message("true && foo == 1"),
            "1:9: undeclared reference to 'foo' (use only the declared variables and CEL's own functions)"
        );
        assert_eq!(message("dep == 'a'"), "1:5: no matching overload: _==_ takes no (map, string)");
    }
}
