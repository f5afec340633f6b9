use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

/// The files of a source, in memory: what an engine reads instead of a disk.
///
/// Paths are relative to the root and normalised: `/` between segments, no empty segment, no `.`,
/// no `..`. Nothing outside the root can be named, so nothing outside can be read. Folders exist
/// through the files below them. A symbolic link is no file: a reader notes where it leads, and who
/// follows links asks for the path without them ([`Tree::resolved`]).
///
/// A command that builds a folder does not read more of the disk than the build asks for: its tree
/// stands [over](Tree::over) a [`Disk`].
#[derive(Clone, Debug, Default)]
pub struct Tree {
    files: BTreeMap<Arc<str>, Arc<[u8]>>,
    executables: BTreeSet<Arc<str>>,
    links: BTreeMap<Arc<str>, Link>,
    disk: Option<Arc<dyn Disk>>,
    trace: Option<Trace>,
}

/// Files that are read when they are asked for. Paths are those of a [`Tree`], and lead through no symbolic link.
pub trait Disk: Debug + Send + Sync {
    fn entry(&self, path: &str) -> Entry;

    /// The content of a file; none for what is no file, or cannot be read, which the disk has to tell.
    fn content(&self, path: &str) -> Option<Arc<[u8]>>;

    /// The names of the files and folders directly in a folder, in any order; `true` marks a folder.
    fn names(&self, folder: &str) -> Vec<(String, bool)>;
}

/// What a disk has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    File,
    Folder,
    Link(Link),
    Nothing,
}

/// What was asked of a tree: with the answers, all that a pure reader's result can depend on.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<BTreeSet<Question>>>);

/// A question that a tree was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// What stands at a path.
    Find(Box<str>),
    /// The content of a file.
    Read(Box<str>),
    /// The names in a folder.
    List(Box<str>),
    /// Everything.
    All,
}

impl Trace {
    fn add(&self, question: Question) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(question);
    }

    /// What was asked so far.
    pub fn questions(&self) -> Vec<Question> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Why a path of a tree cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("path '{0}' is absolute")]
    Absolute(String),
    /// It begins so many folders above the source.
    #[error("path '{path}' leads out of the source")]
    Escapes { path: String, levels: usize },
    #[error("path '{0}' is both a file and a folder")]
    Clash(String),
}

/// Where a symbolic link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nowhere, or where nothing may be read.
    Nowhere,
    /// To a path of the tree.
    To(String),
    /// To a place that only a tree has which begins so many folders above.
    Above(usize),
}

/// More links than this on the way are a circle, as on Linux.
const MAX_LINKS: usize = 40;

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    File,
    Folder,
    Nothing,
}

impl Tree {
    pub fn new() -> Self {
        Self::default()
    }

    /// What a disk has; files that are inserted stand before its own. [`Tree::iter`] and what else goes through all
    /// files has only the inserted ones.
    pub fn over(disk: Arc<dyn Disk>) -> Self {
        Self { disk: Some(disk), ..Self::default() }
    }

    /// The same files; what is asked of it and of its copies is noted.
    pub fn traced(&self) -> (Self, Trace) {
        let trace = Trace::default();
        (Self { trace: Some(trace.clone()), ..self.clone() }, trace)
    }

    fn asked(&self, question: impl FnOnce() -> Question) {
        if let Some(trace) = &self.trace {
            trace.add(question());
        }
    }

    /// Adds a file; an equal path replaces it.
    pub fn insert(&mut self, path: &str, content: impl Into<Arc<[u8]>>) -> Result<(), PathError> {
        let path = join("", path)?;
        let below = format!("{path}/");
        let is_folder = self.from(&below).next().is_some_and(|(k, _)| k.starts_with(&below));
        let under_file =
            path.char_indices().filter(|(_, c)| *c == '/').any(|(at, _)| self.files.contains_key(&path[..at]));
        if path.is_empty() || is_folder || under_file {
            return Err(PathError::Clash(path));
        }
        self.files.insert(path.into(), content.into());
        Ok(())
    }

    /// Marks a file as executable. Nothing in weir runs it; the archive keeps the mode.
    pub fn set_executable(&mut self, path: &str) {
        if let Some((path, _)) = self.files.get_key_value(path) {
            self.executables.insert(path.clone());
        }
    }

    pub fn is_executable(&self, path: &str) -> bool {
        self.executables.contains(path)
    }

    /// Notes that a symbolic link stands at the path.
    pub fn link(&mut self, path: &str, to: Link) {
        self.links.insert(path.into(), to);
    }

    /// The first symbolic link that a path is or leads through, and where it leads.
    pub fn link_on<'p>(&self, path: &'p str) -> Option<(&'p str, Link)> {
        let ends = path.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at).chain([path.len()]);
        ends.map(|end| &path[..end]).find_map(|start| Some((start, self.link_at(start)?)))
    }

    fn link_at(&self, path: &str) -> Option<Link> {
        match (self.links.get(path), &self.disk) {
            (Some(link), _) => Some(link.clone()),
            (None, Some(disk)) => match disk.entry(path) {
                Entry::Link(link) => Some(link),
                _ => None,
            },
            (None, None) => None,
        }
    }

    /// The path with its symbolic links followed, as far as they lead to paths of the tree.
    pub fn resolved<'p>(&self, path: &'p str) -> Cow<'p, str> {
        let mut path = Cow::Borrowed(path);
        for _ in 0..MAX_LINKS {
            let Some((link, Link::To(target))) = self.link_on(&path) else { break };
            let Ok(next) = join(&target, path[link.len()..].trim_start_matches('/')) else { break };
            path = Cow::Owned(next);
        }
        path
    }

    /// Keeps the files whose path passes.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.files.retain(|path, _| keep(path));
    }

    /// The size of all files, in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|content| content.len() as u64).sum()
    }

    /// What stands at a normalised path (`""` is the root).
    pub fn find(&self, path: &str) -> Found {
        self.asked(|| Question::Find(path.into()));
        if self.files.contains_key(path) {
            return Found::File;
        }
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        if path.is_empty() || self.from(&below).next().is_some_and(|(first, _)| first.starts_with(&below)) {
            return Found::Folder;
        }
        match self.disk.as_ref().map(|disk| disk.entry(path)) {
            Some(Entry::File) => Found::File,
            Some(Entry::Folder) => Found::Folder,
            Some(Entry::Link(_) | Entry::Nothing) | None => Found::Nothing,
        }
    }

    /// The content of a file at a normalised path.
    pub fn read(&self, path: &str) -> Option<Arc<[u8]>> {
        self.asked(|| Question::Read(path.into()));
        self.files.get(path).cloned().or_else(|| self.disk.as_ref()?.content(path))
    }

    /// The names directly in a folder, sorted; `true` marks a folder.
    pub fn list(&self, folder: &str) -> Vec<(String, bool)> {
        self.asked(|| Question::List(folder.into()));
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut names: Vec<(String, bool)> = Vec::new();
        for path in self.from(&below).map(|(path, _)| path) {
            let Some(rest) = path.strip_prefix(&below) else { break };
            let (name, is_folder) = match rest.split_once('/') {
                Some((name, _)) => (name, true),
                None => (rest, false),
            };
            if names.last().is_none_or(|(last, _)| last != name) {
                names.push((name.to_owned(), is_folder));
            }
        }
        names.extend(self.disk.iter().flat_map(|disk| disk.names(folder)));
        names.sort();
        names.dedup();
        names
    }

    /// The files from a path on.
    fn from<'t>(&'t self, path: &str) -> impl Iterator<Item = (&'t Arc<str>, &'t Arc<[u8]>)> {
        self.files.range::<str, _>((Bound::Included(path), Bound::Unbounded))
    }

    /// Every file in memory, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<[u8]>)> {
        self.asked(|| Question::All);
        self.files.iter()
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// The order of a walk: by name within a folder, a folder where its name stands.
pub fn walk_order(one: &str, other: &str) -> Ordering {
    one.split('/').cmp(other.split('/'))
}

/// `path` as seen from the folder `base`, normalised. `base` is normalised already.
pub fn join(base: &str, path: &str) -> Result<String, PathError> {
    if path.starts_with('/') {
        return Err(PathError::Absolute(path.to_owned()));
    }
    let mut segments: Vec<&str> = base.split('/').filter(|s| !s.is_empty()).collect();
    let mut levels = 0;
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                if segments.pop().is_none() {
                    levels += 1;
                }
            }
            name => segments.push(name),
        }
    }
    if levels > 0 { Err(PathError::Escapes { path: path.to_owned(), levels }) } else { Ok(segments.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        let mut tree = Tree::new();
        for path in paths {
            tree.insert(path, path.as_bytes().to_vec()).expect("a good path");
        }
        tree
    }

    #[test]
    fn lists_and_finds() {
        let tree = tree(&["a/b/c", "a/b.yaml", "a/b-d", "./z", "a//x"]);
        let names = |list: &[(&str, bool)]| list.iter().map(|(n, d)| ((*n).to_owned(), *d)).collect::<Vec<_>>();
        assert_eq!(tree.list("a"), names(&[("b", true), ("b-d", false), ("b.yaml", false), ("x", false)]));
        assert_eq!(tree.list(""), names(&[("a", true), ("z", false)]));
        assert_eq!(tree.find("a/b"), Found::Folder);
        assert_eq!(tree.find("a/b.yaml"), Found::File);
        assert_eq!(tree.find("a/c"), Found::Nothing);
        assert_eq!(Tree::new().find(""), Found::Folder);
    }

    #[test]
    fn links_are_known_and_are_no_files() {
        let mut tree = tree(&["a/b"]);
        tree.link("a/link", Link::Nowhere);
        let link = Some(("a/link", Link::Nowhere));
        assert_eq!((tree.link_on("a/link"), tree.link_on("a/link/x")), (link.clone(), link));
        assert_eq!((tree.link_on("a/b"), tree.link_on("a/linked")), (None, None));
        assert_eq!((tree.find("a/link"), tree.read("a/link")), (Found::Nothing, None));
    }

    #[test]
    fn links_are_followed_within_the_tree() {
        let mut tree = tree(&["a/b/c", "d"]);
        let links = [("x", "y"), ("y", "a/b"), ("a/top", ""), ("round", "about"), ("about", "round/z")];
        links.iter().for_each(|(link, to)| tree.link(link, Link::To((*to).to_owned())));
        tree.link("out", Link::Above(2));
        for (path, to) in [("a/b/c", "a/b/c"), ("x/c", "a/b/c"), ("y", "a/b"), ("a/top/x/c", "a/b/c"), ("a/top", "")] {
            assert_eq!(tree.resolved(path), to);
        }
        assert_eq!((tree.resolved("out/x"), tree.resolved("a/top/out")), ("out/x".into(), "out".into()));
        assert!(tree.link_on(&tree.resolved("round")).is_some(), "a circle ends as a link");
    }

    #[test]
    fn what_is_asked_is_noted_for_copies_too() {
        let (traced, trace) = tree(&["a/b", "c"]).traced();
        let copy = traced.clone();
        assert!(copy.read("c").is_some() && copy.read("d").is_none());
        assert_eq!((traced.find("a"), copy.list("a").len()), (Found::Folder, 1));
        let asked = [Question::Find("a".into()), Question::Read("c".into()), Question::Read("d".into())];
        assert_eq!(trace.questions(), [&asked[..], &[Question::List("a".into())]].concat());
    }

    #[test]
    fn nothing_outside_the_root_has_a_name() {
        assert_eq!(join("a/b", "../c"), Ok("a/c".to_owned()));
        assert_eq!(join("a", "../../c"), Err(PathError::Escapes { path: "../../c".to_owned(), levels: 1 }));
        assert_eq!(join("a", "/etc/passwd"), Err(PathError::Absolute("/etc/passwd".to_owned())));
        let mut tree = tree(&["a/b"]);
        assert_eq!(tree.insert("../x", Vec::new()), Err(PathError::Escapes { path: "../x".to_owned(), levels: 1 }));
        assert_eq!(tree.insert("a", Vec::new()), Err(PathError::Clash("a".to_owned())));
        assert_eq!(tree.insert("a/b/c", Vec::new()), Err(PathError::Clash("a/b/c".to_owned())));
    }
}
