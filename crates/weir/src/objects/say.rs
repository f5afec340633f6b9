use crate::output::Output;
use std::io::{BufRead, IsTerminal, Write};

/// Flux's marks, on standard error.
pub struct Say<'o>(pub &'o Output);

impl Say<'_> {
    pub fn action(&self, text: &str) {
        self.0.error(&format!("► {text}"));
    }

    pub fn generate(&self, text: &str) {
        self.0.error(&format!("✚ {text}"));
    }

    pub fn waiting(&self, text: &str) {
        self.0.error(&format!("◎ {text}"));
    }

    pub fn success(&self, text: &str) {
        self.0.error(&format!("✔ {text}"));
    }

    pub fn warning(&self, text: &str) {
        self.0.error(&format!("⚠️ {text}"));
    }

    pub fn failure(&self, text: &str) {
        self.0.error(&format!("✗ {text}"));
    }

    /// Data, on standard output.
    pub fn data(&self, text: &str) {
        self.0.result(text);
    }

    /// Asks on the terminal; without one the answer is no.
    pub fn confirmed(&self, question: &str) -> bool {
        if !std::io::stdin().is_terminal() {
            return false;
        }
        let _ = write!(std::io::stderr().lock(), "{question} [y/N] ");
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}
