use crate::remote::Need;
use weir_base::tree::PathError;
use weir_base::{Diagnose, Exhausted, Origin};
use weir_doc::ParseError;

/// Why a build failed. Every variant but [`KustomizeError::Exhausted`] names a place; of several mistakes each has
/// its own.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KustomizeError {
    #[error(transparent)]
    Syntax(#[from] ParseError),
    #[error("the build was stopped: {0}")]
    Exhausted(#[from] Exhausted),
    /// A mistake in a kustomization file or a file of the same kind (a configuration, a replacement).
    #[error("{field}: {problem}")]
    Field { at: Origin, field: String, problem: String, remedy: Option<String> },
    /// A file or folder that is named but cannot be used.
    #[error("{field}: '{path}' {problem}")]
    Path {
        at: Origin,
        field: String,
        path: Box<str>,
        problem: String,
        remedy: Option<String>,
        /// How many folders above the source the path begins; 0 where that is not the problem.
        levels: u16,
    },
    /// What kustomize can do and this engine does not.
    #[error("{what} is not supported")]
    Unsupported { at: Origin, what: String, remedy: String },
    /// What has to be fetched first; see [`crate::remote`].
    #[error("{field}: '{need}' has to be fetched, and nobody did")]
    Needed { at: Origin, field: String, need: Box<Need> },
    /// A base that leads back to where it is used.
    #[error("resources: '{path}' leads back to '{visited}', which is being built")]
    Cycle { at: Origin, path: String, visited: String },
    /// A document that is no Kubernetes object.
    #[error("{problem}")]
    Object { at: Origin, problem: String },
    /// Two objects with one identity.
    #[error("{id} is defined twice, the other time at {other}{context}")]
    Conflict { at: Origin, id: String, other: Origin, context: String },
    /// A patch, generator or other step that names no object, or more than one.
    #[error("{what} {problem}")]
    Target { at: Origin, what: String, problem: String, remedy: Option<String> },
    /// A step that cannot be applied to an object.
    #[error("{what} cannot be applied to {object}: {problem}")]
    Apply { at: Origin, what: String, object: String, problem: String },
    /// Mistakes that do not depend on each other, in the order in which they were met.
    #[error("{}", listed(.0))]
    Several(Vec<KustomizeError>),
}

/// How many mistakes are told at once.
const MOST_TOLD: usize = 50;

/// A line for each mistake, with its place: `FILE:LINE:COLUMN: what is wrong (remedy)`.
fn listed(errors: &[KustomizeError]) -> String {
    let mut out = format!("{} mistakes:", errors.len());
    for error in errors.iter().take(MOST_TOLD) {
        let mut report = error.report();
        let at = report.at.take();
        let column = at.as_ref().filter(|at| at.line > 0 && at.col > 0).map(|at| format!(":{}", at.col));
        let place = at.map(|at| format!("{at}{}: ", column.unwrap_or_default())).unwrap_or_default();
        out.push_str(&format!("\n  {place}{report}"));
    }
    if errors.len() > MOST_TOLD {
        out.push_str(&format!("\n  and {} more", errors.len() - MOST_TOLD));
    }
    out
}

impl KustomizeError {
    /// How many folders above the tree a file or folder lies that was named: a larger tree may have it.
    pub fn leads_out(&self) -> Option<usize> {
        match self {
            KustomizeError::Path { levels, .. } => Some(usize::from(*levels)).filter(|levels| *levels > 0),
            KustomizeError::Several(errors) => errors.iter().filter_map(KustomizeError::leads_out).max(),
            _ => None,
        }
    }

    /// Nothing, the one error, or all of them.
    pub(crate) fn several(errors: Vec<KustomizeError>) -> Result<(), KustomizeError> {
        let mut all = Vec::with_capacity(errors.len());
        for error in errors {
            match error {
                KustomizeError::Several(more) => all.extend(more),
                one => all.push(one),
            }
        }
        match all.len() {
            0 => Ok(()),
            1 => all.pop().map_or(Ok(()), Err),
            _ => Err(KustomizeError::Several(all)),
        }
    }

    pub(crate) fn field(at: &Origin, field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Field { at: at.clone(), field: field.into(), problem: problem.into(), remedy: None }
    }

    pub(crate) fn object(at: &Origin, problem: impl Into<String>) -> Self {
        Self::Object { at: at.clone(), problem: problem.into() }
    }

    pub(crate) fn unsupported(at: &Origin, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Unsupported { at: at.clone(), what: what.into(), remedy: remedy.into() }
    }

    pub(crate) fn target(at: &Origin, what: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Target { at: at.clone(), what: what.into(), problem: problem.into(), remedy: None }
    }

    pub(crate) fn bad_path(at: &Origin, field: &str, why: &PathError) -> Self {
        let (path, problem, levels) = match why {
            PathError::Absolute(path) => (path, "is absolute, expected a path relative to the kustomization", 0),
            PathError::Escapes { path, levels } => {
                (path, "leads out of the source", u16::try_from(*levels).unwrap_or(u16::MAX))
            }
            PathError::Clash(path) => (path, "is both a file and a folder", 0),
        };
        Self::Path {
            at: at.clone(),
            field: field.to_owned(),
            path: path.as_str().into(),
            problem: problem.to_owned(),
            remedy: Some("use a relative path to a file within the source".to_owned()),
            levels,
        }
    }

    /// Says that a tree has it that begins so many folders above.
    pub(crate) fn beginning_above(mut self, above: usize) -> Self {
        if let Self::Path { levels, .. } = &mut self {
            *levels = u16::try_from(above).unwrap_or(u16::MAX);
        }
        self
    }

    pub(crate) fn with_remedy(mut self, text: impl Into<String>) -> Self {
        match &mut self {
            Self::Field { remedy, .. } | Self::Path { remedy, .. } | Self::Target { remedy, .. } => {
                *remedy = Some(text.into());
            }
            _ => {}
        }
        self
    }
}

impl Diagnose for KustomizeError {
    fn reason(&self) -> &'static str {
        "BuildFailed"
    }

    fn at(&self) -> Option<Origin> {
        match self {
            Self::Syntax(error) => Diagnose::at(error),
            Self::Exhausted(_) | Self::Several(_) => None,
            Self::Field { at, .. }
            | Self::Path { at, .. }
            | Self::Unsupported { at, .. }
            | Self::Needed { at, .. }
            | Self::Cycle { at, .. }
            | Self::Object { at, .. }
            | Self::Conflict { at, .. }
            | Self::Target { at, .. }
            | Self::Apply { at, .. } => Some(at.clone()),
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::Field { remedy, .. } | Self::Path { remedy, .. } | Self::Target { remedy, .. } => remedy.clone(),
            Self::Unsupported { remedy, .. } => Some(remedy.clone()),
            Self::Needed { .. } => Some("keep a copy of it in the source and name that".to_owned()),
            Self::Cycle { .. } => Some("let the base name its own resources only".to_owned()),
            Self::Conflict { .. } => Some("rename one of them, or remove it from the resources".to_owned()),
            _ => None,
        }
    }
}
