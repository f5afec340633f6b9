use weir_base::{Class, Diagnose, Origin};
use weir_kube::KubeError;
use weir_object::{IdError, ObjectRef};

/// Why objects were not applied or deleted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("{object} dry-run failed ({}): {source}", .source.status_reason())]
    DryRun { object: Box<ObjectRef>, at: Origin, source: KubeError },
    #[error("{object} apply failed ({}): {source}", .source.status_reason())]
    Apply { object: Box<ObjectRef>, at: Origin, source: KubeError },
    #[error("{object} cannot be read ({}): {source}", .source.status_reason())]
    Read { object: Box<ObjectRef>, at: Origin, source: KubeError },
    #[error("{object} delete failed ({}): {source}", .source.status_reason())]
    Delete { object: Box<ObjectRef>, source: KubeError },
    #[error("{object} namespace not specified")]
    NoNamespace { object: Box<ObjectRef>, at: Origin },
    #[error("{0}")]
    NoIdentity(#[from] IdError),
    #[error("{object} is defined twice")]
    Twice { object: Box<ObjectRef>, at: Origin, first: Origin },
    #[error("timeout waiting for: [{}]", .waiting.join(", "))]
    NotReady { waiting: Vec<String> },
    /// Nothing was changed, since what was going to be could not be written down.
    #[error("{0}")]
    Unrecorded(String),
    /// Several objects failed on their own.
    #[error("{}", .0.iter().map(|error| error.report().to_string()).collect::<Vec<_>>().join("; "))]
    Several(Vec<ApplyError>),
}

impl ApplyError {
    /// One error out of several: the one itself when it is alone.
    pub(crate) fn of(mut errors: Vec<ApplyError>) -> Option<Self> {
        match errors.len() {
            0 | 1 => errors.pop(),
            _ => Some(ApplyError::Several(errors)),
        }
    }
}

impl Diagnose for ApplyError {
    fn class(&self) -> Class {
        Class::Transient
    }

    fn reason(&self) -> &'static str {
        match self {
            ApplyError::NotReady { .. } => "HealthCheckFailed",
            ApplyError::Delete { .. } => "PruneFailed",
            ApplyError::Unrecorded(_) => "PatchOperationFailed",
            ApplyError::Several(errors) => errors.first().map_or("ReconciliationFailed", ApplyError::reason),
            _ => "ReconciliationFailed",
        }
    }

    fn at(&self) -> Option<Origin> {
        match self {
            ApplyError::DryRun { at, .. }
            | ApplyError::Apply { at, .. }
            | ApplyError::Read { at, .. }
            | ApplyError::NoNamespace { at, .. }
            | ApplyError::Twice { at, .. } => Some(at.clone()),
            ApplyError::NoIdentity(error) => error.at(),
            _ => None,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            ApplyError::NoNamespace { .. } => {
                Some("set metadata.namespace in the manifest, or spec.targetNamespace of the Kustomization".to_owned())
            }
            ApplyError::Twice { first, .. } => Some(format!("the other definition is at {first}")),
            ApplyError::DryRun { source, .. } | ApplyError::Apply { source, .. } if source.is_immutable() => {
                Some("set spec.force, or the annotation kustomize.toolkit.fluxcd.io/force: enabled on the object, to delete and create it anew".to_owned())
            }
            ApplyError::DryRun { source, .. } | ApplyError::Apply { source, .. } | ApplyError::Read { source, .. } => {
                source.remedy()
            }
            _ => None,
        }
    }
}
