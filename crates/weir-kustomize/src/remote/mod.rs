//! What is not in the tree: repositories and files behind URLs.
//!
//! A build asks for nothing itself. It ends with [`KustomizeError::Needed`] for all that it met; the caller answers
//! ([`Remotes::answer`]) and builds again, [`resolved`] at most [`ROUNDS`] times.

mod spec;

pub use spec::RepoSpec;

use crate::KustomizeError;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use weir_base::{Budget, Tree, redact_url};

/// Bases of bases that are remote: a build is run once more for each level.
pub const ROUNDS: usize = 16;

/// What a build cannot go on without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    Repository(RepoSpec),
    /// A file, by its URL of http or https.
    File(String),
    Chart(ChartSpec),
}

/// A chart of Helm in a repository of charts or a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChartSpec {
    /// Its URL, of http, https or oci.
    pub repo: String,
    pub name: String,
    /// A version or a range; the newest without one.
    pub version: Option<String>,
    /// Whether versions before a release count.
    pub devel: bool,
}

/// What came of a [`Need`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// All files of a repository at what it was asked for.
    Repository(Tree),
    File(Arc<[u8]>),
    /// All files of a chart, without the folder that its archive has them in.
    Chart(Tree),
    /// A server that has no such file, by its status of HTTP. kustomize then tries no further where the URL cannot be
    /// one of a repository.
    NoFile(u16),
    /// Why it could not be had.
    Failed(String),
}

/// What is known of the world outside of the tree.
#[derive(Clone, Debug, Default)]
pub struct Remotes {
    answers: BTreeMap<Need, Answer>,
    is_refused: bool,
}

impl Remotes {
    /// Nothing is asked for: what is remote is an error (`--no-remote-bases`).
    pub fn refused() -> Self {
        Self { answers: BTreeMap::new(), is_refused: true }
    }

    pub fn answer(&mut self, need: Need, answer: Answer) {
        self.answers.insert(need, answer);
    }

    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    pub(crate) fn get(&self, need: &Need) -> Option<&Answer> {
        self.answers.get(need)
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused
    }
}

/// Who brings what is needed. Its calls may block.
pub trait Fetch: fmt::Debug + Send + Sync {
    fn fetch(&self, need: &Need, budget: &Budget) -> Answer;
}

/// The URL, without a password.
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::Repository(spec) => f.write_str(&redact_url(&spec.raw)),
            Need::File(url) => f.write_str(&redact_url(url)),
            Need::Chart(spec) => write!(f, "{} of {}", spec.name, redact_url(&spec.repo)),
        }
    }
}

/// Builds until nothing is missing. `needs` tells what of an error can be answered; `fetch` answers.
pub fn resolved<T, E>(
    mut remotes: Remotes,
    mut build: impl FnMut(&Remotes) -> Result<T, E>,
    needs: impl Fn(&E) -> Vec<Need>,
    mut fetch: impl FnMut(&Need) -> Answer,
) -> Result<T, E> {
    for _ in 0..ROUNDS {
        let error = match build(&remotes) {
            Ok(built) => return Ok(built),
            Err(error) => error,
        };
        let needs = needs(&error);
        if needs.is_empty() {
            return Err(error);
        }
        for need in needs {
            let answer = fetch(&need);
            remotes.answer(need, answer);
        }
    }
    build(&remotes)
}

impl KustomizeError {
    /// What would have to be fetched to go on; nothing where something else is wrong as well.
    pub fn needs(&self) -> Vec<Need> {
        match self {
            KustomizeError::Needed { need, .. } => vec![(**need).clone()],
            KustomizeError::Several(errors) => {
                let each: Vec<Vec<Need>> = errors.iter().map(KustomizeError::needs).collect();
                if each.iter().any(Vec::is_empty) {
                    return Vec::new();
                }
                let mut all: Vec<Need> = each.into_iter().flatten().collect();
                all.sort();
                all.dedup();
                all
            }
            _ => Vec::new(),
        }
    }
}

/// Whether a path names a file behind a URL.
pub(crate) fn is_file_url(path: &str) -> bool {
    let scheme = path.split(':').next().filter(|scheme| scheme.len() < path.len()).unwrap_or_default();
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}
