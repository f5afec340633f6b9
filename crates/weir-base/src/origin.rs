use std::fmt;
use std::sync::Arc;

/// A place in a file of a source: what an error message points at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// Path relative to the root of the source, with `/` as separator; empty when unknown.
    pub file: Option<Arc<str>>,
    /// Line, counted from 1; 0 when unknown.
    pub line: u32,
    /// Column in characters, counted from 1; 0 when unknown.
    pub col: u32,
}

impl Origin {
    pub fn new(file: Option<Arc<str>>, line: u32, col: u32) -> Self {
        Self { file, line, col }
    }

    /// The file alone, when no line is known.
    pub fn file(file: impl Into<Arc<str>>) -> Self {
        Self { file: Some(file.into()), line: 0, col: 0 }
    }

    pub fn is_known(&self) -> bool {
        self.file.is_some() || self.line > 0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), 0) => f.write_str(file),
            (Some(file), line) => write!(f, "{file}:{line}"),
            (None, 0) => f.write_str("unknown place"),
            (None, line) => write!(f, "line {line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_file_and_line() {
        assert_eq!(Origin::new(Some("a/b.yaml".into()), 7, 3).to_string(), "a/b.yaml:7");
        assert_eq!(Origin::file("a/b.yaml").to_string(), "a/b.yaml");
        assert_eq!(Origin::new(None, 7, 0).to_string(), "line 7");
        assert!(!Origin::default().is_known());
    }
}
