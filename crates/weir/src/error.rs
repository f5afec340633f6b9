use std::fmt;
use weir_base::Diagnose;

/// What a command says when it fails: the whole message, with place and remedy.
#[derive(Debug)]
pub struct CliError(String);

impl CliError {
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The one conversion from a library's error.
impl<E: Diagnose> From<E> for CliError {
    fn from(error: E) -> Self {
        Self(error.report().to_string())
    }
}
