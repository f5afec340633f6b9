use weir_base::{Class, Diagnose, Origin, tree::PathError};
use weir_doc::ParseError;
use weir_kustomize::KustomizeError;
use weir_kustomize::remote::Need;
use weir_kustomize::substitute::SubstituteError;

/// Why a source gave no objects.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("kustomization path not found: {path}")]
    NoPath { path: String, folders: Vec<String> },
    #[error("{0}")]
    Path(#[from] PathError),
    #[error("{0}")]
    Parse(#[from] ParseError),
    #[error("{message}")]
    Malformed { at: Origin, message: String },
    #[error("post build failed for '{object}': envsubst error: variable substitution failed: {source}")]
    Substitute { object: String, at: Origin, source: SubstituteError },
    #[error("post build failed for '{object}': what the substitution gave is no manifest: {message}")]
    Substituted { object: String, at: Origin, message: String },
    #[error("{0}")]
    Kustomize(#[from] KustomizeError),
}

impl RenderError {
    /// What would have to be fetched to go on.
    pub fn needs(&self) -> Vec<Need> {
        match self {
            RenderError::Kustomize(error) => error.needs(),
            _ => Vec::new(),
        }
    }
}

impl Diagnose for RenderError {
    fn class(&self) -> Class {
        Class::Transient
    }

    fn reason(&self) -> &'static str {
        match self {
            RenderError::NoPath { .. } | RenderError::Path(_) => "ArtifactFailed",
            _ => "BuildFailed",
        }
    }

    fn at(&self) -> Option<Origin> {
        match self {
            RenderError::Parse(error) => error.at(),
            RenderError::Malformed { at, .. }
            | RenderError::Substitute { at, .. }
            | RenderError::Substituted { at, .. } => Some(at.clone()),
            RenderError::Kustomize(error) => error.at(),
            _ => None,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            RenderError::NoPath { folders, .. } if folders.is_empty() => Some("the source is empty".to_owned()),
            RenderError::NoPath { folders, .. } => Some(format!("the source has the folders {}", folders.join(", "))),
            RenderError::Kustomize(error) => error.remedy(),
            RenderError::Substitute { source: SubstituteError::NotSet { name, .. }, .. } => Some(format!(
                "set {name} in spec.postBuild, give it a default as ${{{name}:=value}}, or write $${{{name}}} for the text itself"
            )),
            RenderError::Substituted { .. } => Some("quote the expression in the manifest".to_owned()),
            _ => None,
        }
    }
}
