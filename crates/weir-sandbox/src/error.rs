use weir_base::Diagnose;

/// Why a sandbox could not be opened or served.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the sandbox's data directory {path}: {why}")]
    Data { path: String, why: String },
    #[error("the sandbox's certificates: {0}")]
    Certificates(String),
    #[error("the sandbox cannot listen: {0}")]
    Listen(#[source] std::io::Error),
    #[error("the sandbox cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
}

impl Diagnose for SandboxError {
    fn reason(&self) -> &'static str {
        "SandboxFailed"
    }

    fn remedy(&self) -> Option<String> {
        match self {
            SandboxError::Data { .. } => Some(
                "check that no other process uses it and that it can be written, or remove it to start anew".to_owned(),
            ),
            SandboxError::Listen(_) => Some("choose another port".to_owned()),
            _ => None,
        }
    }
}
