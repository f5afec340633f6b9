//! Reading YAML.

mod colon;
mod parse;
pub(crate) mod resolve;
mod tabs;

pub use parse::{parse_all, parse_first};
pub use resolve::plain as resolve_plain;

use weir_base::{Diagnose, Exhausted, Origin};

/// Whose reading of YAML applies; the crate's page has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// sigs.k8s.io/yaml over yaml.v2.
    Sigs,
    /// kyaml over yaml.v3.
    V3,
}

/// Text that is not YAML, or YAML that is not a document of Kubernetes.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    pub at: Origin,
    pub message: String,
}

impl ParseError {
    pub fn new(at: Origin, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    pub(crate) fn exhausted(at: Origin, why: Exhausted) -> Self {
        Self { at, message: format!("the document is too large: {why}") }
    }
}

impl Diagnose for ParseError {
    fn reason(&self) -> &'static str {
        "BuildFailed"
    }

    fn at(&self) -> Option<Origin> {
        Some(self.at.clone())
    }
}
