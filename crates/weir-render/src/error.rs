use weir_base::{Class, Diagnose, Origin, tree::PathError};
use weir_doc::ParseError;
use weir_kustomize::KustomizeError;
use weir_kustomize::remote::Need;
use weir_kustomize::substitute::SubstituteError;
use weir_sops::{SopsError, Unmet};

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
    Sops(#[from] SopsError),
    /// No key at hand opens a file.
    #[error("{0}")]
    Keys(Box<Unmet>),
    #[error("the SOPS MAC does not fit: the file was changed after it was encrypted")]
    Mac { at: Origin },
    #[error("{object} is SOPS encrypted, configuring decryption is required for this secret to be reconciled")]
    Encrypted { object: String, at: Origin },
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
            // As in Flux, which finds it when it applies.
            RenderError::Encrypted { .. } => "ReconciliationFailed",
            _ => "BuildFailed",
        }
    }

    fn at(&self) -> Option<Origin> {
        match self {
            RenderError::Parse(error) => error.at(),
            RenderError::Malformed { at, .. }
            | RenderError::Mac { at }
            | RenderError::Encrypted { at, .. }
            | RenderError::Substitute { at, .. }
            | RenderError::Substituted { at, .. } => Some(at.clone()),
            RenderError::Kustomize(error) => error.at(),
            RenderError::Sops(error) => error.at(),
            RenderError::Keys(unmet) => unmet.at(),
            _ => None,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            RenderError::NoPath { folders, .. } if folders.is_empty() => Some("the source is empty".to_owned()),
            RenderError::NoPath { folders, .. } => Some(format!("the source has the folders {}", folders.join(", "))),
            RenderError::Kustomize(error) => error.remedy(),
            RenderError::Sops(error) => error.remedy(),
            RenderError::Keys(unmet) if unmet.ask().is_empty() => unmet.remedy(),
            RenderError::Keys(_) => {
                Some("this version of weir asks no key service: encrypt the file to an age or PGP key too".to_owned())
            }
            RenderError::Mac { .. } => Some("restore the file, or edit it with sops".to_owned()),
            RenderError::Encrypted { .. } => Some("set spec.decryption".to_owned()),
            RenderError::Substitute { source: SubstituteError::NotSet { name, .. }, .. } => Some(format!(
                "set {name} in spec.postBuild, give it a default as ${{{name}:=value}}, or write $${{{name}}} for the text itself"
            )),
            RenderError::Substituted { .. } => Some("quote the expression in the manifest".to_owned()),
            _ => None,
        }
    }
}

impl From<Unmet> for RenderError {
    fn from(unmet: Unmet) -> Self {
        RenderError::Keys(Box::new(unmet))
    }
}
