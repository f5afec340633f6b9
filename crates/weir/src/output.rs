use std::io::{IsTerminal, Write};

/// Where a command writes: results to standard output, everything else to standard error. A reader
/// that went away is no error.
pub struct Output {
    terminal: bool,
}

impl Output {
    pub fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal() }
    }

    /// Whether progress may be drawn.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether results may be coloured: they go to a terminal, and NO_COLOR is not set (no-color.org).
    pub fn is_coloured(&self) -> bool {
        std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    pub fn result(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    /// The same without a line break at the end.
    pub fn text(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = write!(out, "{text}").and_then(|()| out.flush());
    }

    /// Any bytes, as they are.
    pub fn bytes(&self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }

    pub fn error(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}
