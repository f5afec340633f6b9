//! Files and folders as a kustomization may name them.

use crate::helm::Generator;
use crate::remote::{Answer, ChartSpec, Need, Remotes, RepoSpec, is_file_url};
use crate::{KustomizeError, LoadRestrictor};
use std::sync::Arc;
use weir_base::tree::{Found, Link, PathError, join};
use weir_base::{Budget, Origin, Tree, redact_url};

/// The names that a kustomization file may have, in the order in which they are looked for.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// How deep bases may lead to bases.
const MAX_BASES: usize = 64;

/// The view from one kustomization: its folder, and the folders that led to it.
#[derive(Clone, Debug)]
pub(crate) struct Loader<'t> {
    tree: &'t Tree,
    remotes: &'t Remotes,
    charts: Option<&'t dyn Generator>,
    restrictor: LoadRestrictor,
    pub root: String,
    /// The folders that led here, within this tree.
    ancestors: Vec<String>,
    /// The repositories that led here, as they were written; the last one is this tree's.
    repositories: Vec<Arc<str>>,
    /// What stands before a path of this tree in messages: where a repository is.
    prefix: Arc<str>,
    depth: usize,
}

/// What a resource is.
pub(crate) enum Resource {
    File(Arc<[u8]>, Arc<str>),
    Folder,
    /// A file behind a URL, which may be a repository if it has no objects.
    Url(Arc<[u8]>, Arc<str>),
}

/// A path as it stands in a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sited {
    pub text: String,
    pub at: Origin,
}

impl<'t> Loader<'t> {
    pub fn new(
        tree: &'t Tree,
        (remotes, charts): (&'t Remotes, Option<&'t dyn Generator>),
        path: &str,
        restrictor: LoadRestrictor,
    ) -> Result<Self, KustomizeError> {
        let at = Origin::file(path);
        let root = join("", path).map_err(|why| KustomizeError::bad_path(&at, "path", &why))?;
        let (ancestors, repositories) = (Vec::new(), Vec::new());
        let prefix = "".into();
        let loader = Self { tree, remotes, charts, restrictor, root, ancestors, repositories, prefix, depth: 0 };
        match tree.find(&loader.root) {
            Found::Folder => Ok(loader),
            Found::File => Err(missing(&at, "path", path, "is a file, expected a folder with a kustomization")),
            Found::Nothing => Err(missing(&at, "path", path, "does not exist")),
        }
    }

    /// What a resource's path leads to. kustomize reads it as a file first, and then as a folder or repository.
    pub fn resource(&self, path: &Sited, field: &str) -> Result<Resource, KustomizeError> {
        expect_some(path, field)?;
        if is_file_url(&path.text) {
            return match (self.known(&Need::File(path.text.clone()), path, field)?, RepoSpec::parse(&path.text)) {
                (Answer::File(content), _) => Ok(Resource::Url(content.clone(), path.text.as_str().into())),
                (_, Ok(_)) => Ok(Resource::Folder),
                (answer, Err(_)) => Err(self.not_fetched(answer, path, field)),
            };
        }
        let is_repository = RepoSpec::parse(&path.text).is_ok();
        match self.join(path, field).map(|full| self.tree.find(&full)) {
            Ok(Found::File) => self.load(path, field).map(|(content, name)| Resource::File(content, name)),
            Ok(Found::Folder) => Ok(Resource::Folder),
            _ if is_repository => Ok(Resource::Folder),
            _ => self.load(path, field).map(|(content, name)| Resource::File(content, name)),
        }
    }

    /// The content of a file, and its path from the root of the source.
    pub fn load(&self, path: &Sited, field: &str) -> Result<(Arc<[u8]>, Arc<str>), KustomizeError> {
        expect_some(path, field)?;
        if is_file_url(&path.text) {
            return match self.known(&Need::File(path.text.clone()), path, field)? {
                Answer::File(content) => Ok((content.clone(), path.text.as_str().into())),
                answer => Err(self.not_fetched(answer, path, field)),
            };
        }
        let full = self.join(path, field)?;
        self.allow(&full, path, field)?;
        match self.tree.read(&full) {
            Some(content) => Ok((content, self.shown(&full))),
            None if self.tree.find(&full) == Found::Folder => {
                Err(missing(&path.at, field, &path.text, "is a folder, expected a file"))
            }
            None => Err(self.absent(path, field, &full)),
        }
    }

    /// The same, where a folder of the tree was fetched: it stands in its place.
    pub fn load_from(
        &self,
        path: &Sited,
        field: &str,
        (folder, files): (&str, &Tree),
    ) -> Result<(Arc<[u8]>, Arc<str>), KustomizeError> {
        if !path.text.is_empty() && !is_file_url(&path.text) {
            let full = self.join(path, field)?;
            let inner = full.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
            if let Some(content) = inner.and_then(|inner| files.read(inner)) {
                self.allow(&full, path, field)?;
                return Ok((content, self.shown(&full)));
            }
        }
        self.load(path, field)
    }

    /// Refuses what the load restrictor keeps from being read.
    fn allow(&self, full: &str, path: &Sited, field: &str) -> Result<(), KustomizeError> {
        if self.restrictor == LoadRestrictor::RootOnly && !is_below(full, &self.root) {
            let problem = "is not in or below the folder of the kustomization";
            let remedy = match self.repositories.is_empty() {
                true => "move the file below it, or build without the load restrictor",
                false => "a repository's kustomization may name files below its own folder only",
            };
            return Err(missing(&path.at, field, &path.text, problem).with_remedy(remedy));
        }
        Ok(())
    }

    pub fn charts(&self) -> Option<&'t dyn Generator> {
        self.charts
    }

    /// A path as the tree has it, whether or not anything is there.
    pub fn place(&self, path: &Sited, field: &str) -> Result<String, KustomizeError> {
        self.join(path, field)
    }

    /// All files below a folder of the tree, as a tree of its own.
    pub fn folder(&self, folder: &str, budget: &Budget) -> Result<Option<Tree>, KustomizeError> {
        if self.tree.find(folder) != Found::Folder {
            return Ok(None);
        }
        let mut files = Tree::new();
        let mut queue = vec![String::new()];
        while let Some(next) = queue.pop() {
            budget.spend(1)?;
            let full = if next.is_empty() { folder.to_owned() } else { format!("{folder}/{next}") };
            for (name, is_folder) in self.tree.list(&full) {
                let inner = if next.is_empty() { name.clone() } else { format!("{next}/{name}") };
                if is_folder {
                    queue.push(inner);
                } else if let Some(content) = self.tree.read(&format!("{full}/{name}")) {
                    let clash = |why| KustomizeError::bad_path(&Origin::file(full.clone()), "helmCharts", &why);
                    files.insert(&inner, content.clone()).map_err(clash)?;
                }
            }
        }
        Ok(Some(files))
    }

    /// The files of a chart that has to be fetched.
    pub fn chart(&self, spec: ChartSpec, repo: &Sited, field: &str) -> Result<Tree, KustomizeError> {
        match self.known(&Need::Chart(spec), repo, field)? {
            Answer::Chart(files) => Ok(files.clone()),
            answer => Err(self.not_fetched(answer, repo, field)),
        }
    }

    /// A path of the tree as messages have it.
    fn shown(&self, full: &str) -> Arc<str> {
        if self.prefix.is_empty() { full.into() } else { format!("{}{full}", self.prefix).into() }
    }

    fn join(&self, path: &Sited, field: &str) -> Result<String, KustomizeError> {
        let full = join(&self.root, &path.text).map_err(|why| match why {
            // A larger tree would not have it either.
            PathError::Escapes { .. } if !self.repositories.is_empty() => {
                missing(&path.at, field, &path.text, "leads out of the repository")
            }
            why => KustomizeError::bad_path(&path.at, field, &why),
        })?;
        // What is allowed is decided by where something is, not by how it is called.
        Ok(self.tree.resolved(&full).into_owned())
    }

    /// The answer to a need, which has to be there.
    fn known(&self, need: &Need, path: &Sited, field: &str) -> Result<&'t Answer, KustomizeError> {
        if self.remotes.is_refused() {
            let problem = "is remote, and remote bases are not allowed here (--no-remote-bases)";
            return Err(missing(&path.at, field, &redact_url(&path.text), problem)
                .with_remedy("keep a copy of it in the source and name that"));
        }
        self.remotes.get(need).ok_or_else(|| KustomizeError::Needed {
            at: path.at.clone(),
            field: field.to_owned(),
            need: Box::new(need.clone()),
        })
    }

    fn not_fetched(&self, answer: &Answer, path: &Sited, field: &str) -> KustomizeError {
        let problem = match answer {
            Answer::NoFile(status) => format!("cannot be fetched: the server answers {status}"),
            Answer::Failed(why) => format!("cannot be fetched: {why}"),
            Answer::File(_) | Answer::Repository(_) | Answer::Chart(_) => "is not what was expected".to_owned(),
        };
        missing(&path.at, field, &redact_url(&path.text), &problem)
    }

    fn absent(&self, path: &Sited, field: &str, full: &str) -> KustomizeError {
        match self.tree.link_on(full) {
            Some((link, to)) => {
                let where_to = match to {
                    Link::Above(_) => "out of the source",
                    Link::Nowhere | Link::To(_) => "to nothing that may be read",
                };
                let problem = format!("is not read, since '{link}' is a symbolic link that leads {where_to}");
                let remedy = "put a copy of the file in its place";
                let error = missing(&path.at, field, &path.text, &problem).with_remedy(remedy);
                match to {
                    Link::Above(levels) if self.repositories.is_empty() => error.beginning_above(levels),
                    _ => error,
                }
            }
            None => missing(&path.at, field, &path.text, "does not exist"),
        }
    }

    /// The view from a base or component.
    pub fn enter(&self, path: &Sited, field: &str) -> Result<Self, KustomizeError> {
        expect_some(path, field)?;
        if self.depth >= MAX_BASES {
            let problem = format!("is nested more than {MAX_BASES} bases deep");
            return Err(missing(&path.at, field, &redact_url(&path.text), &problem));
        }
        if let Ok(spec) = RepoSpec::parse(&path.text) {
            return self.enter_repository(spec, path, field);
        }
        let root = self.join(path, field)?;
        match self.tree.find(&root) {
            Found::Folder => {}
            Found::File => return Err(missing(&path.at, field, &path.text, "is a file, expected a folder")),
            Found::Nothing => return Err(self.absent(path, field, &root)),
        }
        let visited = self.ancestors.iter().chain([&self.root]).find(|visited| is_below(visited, &root));
        if let Some(visited) = visited {
            return Err(KustomizeError::Cycle {
                at: path.at.clone(),
                path: path.text.clone(),
                visited: if visited.is_empty() { ".".to_owned() } else { visited.clone() },
            });
        }
        let mut ancestors = self.ancestors.clone();
        ancestors.push(self.root.clone());
        Ok(Self { root, ancestors, depth: self.depth + 1, ..self.clone() })
    }

    fn enter_repository(&self, spec: RepoSpec, path: &Sited, field: &str) -> Result<Self, KustomizeError> {
        // As kustomize has it: by the text, whatever folder or reference it names.
        if let Some(visited) = self.repositories.iter().find(|visited| visited.starts_with(&spec.raw)) {
            let (path_shown, visited) = (redact_url(&spec.raw), redact_url(visited));
            return Err(KustomizeError::Cycle { at: path.at.clone(), path: path_shown, visited });
        }
        let need = Need::Repository(spec);
        let (answer, Need::Repository(spec)) = (self.known(&need, path, field)?, &need) else {
            return Err(missing(&path.at, field, &path.text, "is no repository"));
        };
        let Answer::Repository(tree) = answer else { return Err(self.not_fetched(answer, path, field)) };
        let in_it = || format!("leads to '{}' in the repository, which", spec.folder);
        match tree.find(&spec.folder) {
            Found::Folder => {}
            Found::File => {
                let problem = format!("{} is a file, expected a folder", in_it());
                return Err(missing(&path.at, field, &redact_url(&path.text), &problem));
            }
            Found::Nothing => {
                let problem = format!("{} does not exist", in_it());
                return Err(missing(&path.at, field, &redact_url(&path.text), &problem));
            }
        }
        let mut repositories = self.repositories.clone();
        repositories.push(spec.raw.as_str().into());
        Ok(Self {
            tree,
            remotes: self.remotes,
            charts: self.charts,
            // A clone's files are never a way out of it.
            restrictor: LoadRestrictor::RootOnly,
            root: spec.folder.clone(),
            ancestors: Vec::new(),
            repositories,
            prefix: format!("{}//", redact_url(&spec.url())).into(),
            depth: self.depth + 1,
        })
    }

    /// Whether a file, or a folder that may be entered, is there.
    pub fn check(&self, path: &Sited, field: &str) -> Result<(), KustomizeError> {
        match self.resource(path, field)? {
            Resource::Folder => self.enter(path, field).map(drop),
            _ => Ok(()),
        }
    }

    /// The kustomization file of the folder.
    pub fn kustomization(&self, at: &Origin) -> Result<(Arc<[u8]>, Arc<str>), KustomizeError> {
        let shown = if self.root.is_empty() { "." } else { &self.root };
        let paths =
            FILE_NAMES.map(|name| if self.root.is_empty() { name.to_owned() } else { format!("{}/{name}", self.root) });
        // One that is a link to what may not be read is not there.
        let is_allowed = |real: &str| self.restrictor != LoadRestrictor::RootOnly || is_below(real, &self.root);
        let mut found = paths.into_iter().filter_map(|path| {
            let real = self.tree.resolved(&path);
            let content = is_allowed(&real).then(|| self.tree.read(&real)).flatten()?;
            Some((content, path))
        });
        let at = if at.is_known() { at.clone() } else { Origin::file(self.shown(shown)) };
        let Some((content, path)) = found.next() else {
            let problem = format!("has none of {}", FILE_NAMES.join(", "));
            return Err(missing(&at, "folder", shown, &problem).with_remedy("add a kustomization.yaml to it"));
        };
        if let Some((_, second)) = found.next() {
            let problem = format!("has both {path} and {second}");
            return Err(missing(&at, "folder", shown, &problem).with_remedy("keep one of them"));
        }
        Ok((content, self.shown(&path)))
    }
}

fn missing(at: &Origin, field: &str, path: &str, problem: &str) -> KustomizeError {
    KustomizeError::Path {
        at: at.clone(),
        field: field.to_owned(),
        path: path.into(),
        problem: problem.to_owned(),
        remedy: None,
        levels: 0,
    }
}

/// Whether `path` is `folder` or stands in or below it.
fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn expect_some(path: &Sited, field: &str) -> Result<(), KustomizeError> {
    match path.text.is_empty() {
        true => Err(KustomizeError::field(&path.at, field, "a path is empty, expected a file or folder")),
        false => Ok(()),
    }
}
