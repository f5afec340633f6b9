//! What is run: where it is on disk, what stands for which URL, which objects start it.

use crate::error::CliError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use weir_base::{Budget, Origin, Tree, tree, tree::join};
use weir_doc::{Dialect, Node, yaml};
use weir_git::{Access, Limits, Reference, Remote, Repository, Selection};
use weir_object::meta;
use weir_source::{Local, Locals, read_folder};

/// The host of the URLs that stand for local sources without a remote; it cannot exist (RFC 2606).
const LOCAL_HOST: &str = "https://local.invalid";
const CONFIG: &str = ".weir.yaml";
const SYNC_NAME: &str = "flux-system";

pub struct Target {
    /// The objects that start everything.
    pub objects: Vec<Node>,
    pub locals: Locals,
}

/// Blocks: reads the source whole, over the network where it is a URL.
pub fn find(source: &str, path: Option<&str>, worktree: bool, replace: &[String]) -> Result<Target, CliError> {
    let mut locals = Locals::default();
    let root = if source.contains("://") { None } else { Some(root_of(source)?) };
    let Found { url, branch, tree, local } = match &root {
        Some(root) => on_disk(root, worktree)?,
        None => over_the_network(source)?,
    };
    let path = match path {
        Some(path) => join("", path.trim_start_matches('/')).map_err(|error| CliError::new(error.to_string()))?,
        None => only_cluster(&tree),
    };
    for (url, path) in replacements(&tree, root.as_deref(), replace)? {
        locals.insert(&url, local_of(&path)?);
    }
    let mut objects = sync_objects(&tree, &path, source)?;
    // The source stands for its own remote, and for the source it was bootstrapped with.
    match local {
        Some(local) => {
            locals.insert(&url, local.clone());
            for url in objects.iter().filter(|o| is_sync_source(o)).filter_map(|o| o.str_at(&["spec", "url"])) {
                locals.insert(url, local.clone());
            }
        }
        None => objects.iter_mut().filter(|o| is_sync_source(o)).for_each(|o| point_at(o, &url, branch.as_deref())),
    }
    if objects.is_empty() {
        objects = made_objects(&url, branch.as_deref(), &path);
    }
    Ok(Target { objects, locals })
}

/// A source, and what is in it.
struct Found {
    /// The URL it stands for.
    url: String,
    branch: Option<String>,
    tree: Tree,
    local: Option<Local>,
}

fn root_of(source: &str) -> Result<PathBuf, CliError> {
    let root =
        std::fs::canonicalize(source).map_err(|error| CliError::new(format!("{source} cannot be opened: {error}")))?;
    if root.is_dir() { Ok(root) } else { Err(CliError::new(format!("{source} is not a folder"))) }
}

fn over_the_network(url: &str) -> Result<Found, CliError> {
    let stop = Arc::new(AtomicBool::new(false));
    let remote = Remote::new(url, Access::default(), Limits::default(), stop)?;
    let branch = remote.head_branch()?;
    let reference = Reference { branch: branch.clone(), ..Reference::default() };
    let (_, snapshot) = remote.fetch(&reference, &Selection::default(), &budget())?;
    let tree = snapshot.tree()?;
    Ok(Found { url: url.to_owned(), branch, tree, local: None })
}

fn on_disk(root: &Path, worktree: bool) -> Result<Found, CliError> {
    let name = root.file_name().map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned());
    let made = format!("{LOCAL_HOST}/{name}");
    let folder = |url| -> Result<Found, CliError> {
        let tree = read_folder(root, &budget())?;
        Ok(Found { url, branch: None, tree, local: Some(Local::Folder(root.to_owned())) })
    };
    if !weir_git::is_repository(root) {
        return folder(made);
    }
    let repository = Repository::open(root)?;
    let url = repository.origin_url().filter(|url| url.contains("://")).unwrap_or(made);
    if worktree {
        return folder(url);
    }
    let branch = repository.head_branch();
    let head = repository.resolve(&Reference { branch: branch.clone(), ..Reference::default() })?;
    let tree = repository.snapshot(&head.commit, &Selection::default(), &budget())?.tree()?;
    Ok(Found { url, branch, tree, local: Some(Local::Repository(root.to_owned())) })
}

fn is_sync_source(object: &Node) -> bool {
    meta::kind(object) == "GitRepository" && meta::name(object) == Some(SYNC_NAME)
}

/// The source that was fetched from a URL is followed there, whatever it was bootstrapped with.
fn point_at(object: &mut Node, url: &str, branch: Option<&str>) {
    let spec = object.ensure_map(&["spec"]);
    spec.insert("url", url);
    spec.remove("secretRef");
    spec.remove("ref");
    if let Some(branch) = branch {
        object.ensure_map(&["spec", "ref"]).insert("branch", branch);
    }
}

/// What reading a source may take: 512 MiB.
fn budget() -> Budget {
    Budget::new(10_000_000, 512 << 20)
}

fn local_of(path: &Path) -> Result<Local, CliError> {
    let path = std::fs::canonicalize(path)
        .map_err(|error| CliError::new(format!("{} cannot be opened: {error}", path.display())))?;
    Ok(if weir_git::is_repository(&path) { Local::Repository(path) } else { Local::Folder(path) })
}

/// `clusters/NAME`, when there is exactly one; else the root.
fn only_cluster(tree: &Tree) -> String {
    let mut names = tree.list("clusters").into_iter().filter(|(_, is_folder)| *is_folder).map(|(name, _)| name);
    match (names.next(), names.next()) {
        (Some(name), None) => format!("clusters/{name}"),
        _ => String::new(),
    }
}

/// URL and folder of each `--replace` and of the `replace` list in the source's configuration. A
/// source from the network cannot name folders of this machine.
fn replacements(tree: &Tree, root: Option<&Path>, flags: &[String]) -> Result<Vec<(String, PathBuf)>, CliError> {
    let mut pairs = Vec::new();
    if let (Some(root), Some(text)) = (root, tree.read(CONFIG)) {
        for document in parse(&text, CONFIG)? {
            let replace = document.get("replace").and_then(Node::as_map);
            for (url, path) in replace.into_iter().flat_map(|map| map.iter()) {
                let Some(path) = path.as_str() else {
                    let at = Origin::new(Some(CONFIG.into()), url.line, url.col());
                    return Err(CliError::new(format!("{at}: replace must map a URL to a folder")));
                };
                pairs.push((url.as_str().to_owned(), root.join(path)));
            }
        }
    }
    for flag in flags {
        let Some((url, path)) = flag.rsplit_once('=').filter(|(url, path)| url.contains("://") && !path.is_empty())
        else {
            return Err(CliError::new(format!("--replace {flag} is not URL=PATH")));
        };
        pairs.push((url.to_owned(), PathBuf::from(path)));
    }
    Ok(pairs)
}

/// The GitRepository and Kustomization objects in the manifests at the path.
fn sync_objects(tree: &Tree, path: &str, source: &str) -> Result<Vec<Node>, CliError> {
    if !matches!(tree.find(path), tree::Found::Folder) {
        return Err(CliError::new(format!("there is no folder '{path}' in {}", weir_base::redact_url(source))));
    }
    let below = if path.is_empty() { String::new() } else { format!("{path}/") };
    let mut objects = Vec::new();
    for (file, text) in tree.iter().filter(|(file, _)| file.starts_with(&below)) {
        if !(file.ends_with(".yaml") || file.ends_with(".yml")) {
            continue;
        }
        // A template or a values file need not be a manifest; the build says what is wrong with one that is.
        let documents = parse(text, file).unwrap_or_default();
        objects.extend(documents.into_iter().filter(is_sync_object));
    }
    Ok(objects)
}

fn is_sync_object(node: &Node) -> bool {
    let group = meta::group_version(node).map(|(group, _)| group);
    let kind = (group.unwrap_or_default(), meta::kind(node));
    matches!(kind, ("source.toolkit.fluxcd.io", "GitRepository") | ("kustomize.toolkit.fluxcd.io", "Kustomization"))
}

fn parse(text: &[u8], file: &str) -> Result<Vec<Node>, CliError> {
    Ok(yaml::parse_all(text, Some(&file.into()), Dialect::Sigs, &Budget::standard())?)
}

/// One source and one Kustomization for a path without any.
fn made_objects(url: &str, branch: Option<&str>, path: &str) -> Vec<Node> {
    let object = |api_version: &str, kind: &str, spec: Node| {
        let mut node = Node::map();
        node.set("apiVersion", api_version);
        node.set("kind", kind);
        node.ensure_map(&["metadata"]).insert("name", SYNC_NAME);
        node.ensure_map(&["metadata"]).insert("namespace", SYNC_NAME);
        node.set("spec", spec);
        node
    };
    let mut source = Node::map();
    source.set("url", url);
    if let Some(branch) = branch {
        source.ensure_map(&["ref"]).insert("branch", branch);
    }
    let mut kustomization = Node::map();
    kustomization.set("path", format!("./{path}"));
    kustomization.set("prune", true);
    kustomization.set("wait", true);
    kustomization.ensure_map(&["sourceRef"]).insert("kind", "GitRepository");
    kustomization.ensure_map(&["sourceRef"]).insert("name", SYNC_NAME);
    vec![
        object("source.toolkit.fluxcd.io/v1", "GitRepository", source),
        object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", kustomization),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("creates");
            std::fs::write(path, text).expect("writes");
        }
        dir
    }

    fn found(dir: &tempfile::TempDir, path: Option<&str>) -> Target {
        find(&dir.path().display().to_string(), path, false, &[]).map_err(|e| e.to_string()).expect("found")
    }

    const SYNC: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n\
        metadata: {name: flux-system, namespace: flux-system}\nspec: {url: 'ssh://git@example.com/fleet'}\n";

    #[test]
    fn a_bootstrapped_folder_stands_for_its_source() {
        let dir = folder(&[
            ("clusters/demo/sync.yaml", SYNC),
            (".weir.yaml", "replace:\n  https://example.com/team: repos/team\n"),
            ("repos/team/a.yaml", "kind: X\n"),
        ]);
        let target = found(&dir, None);
        assert_eq!(target.objects.len(), 1);
        let root = dir.path().canonicalize().expect("there");
        assert_eq!(target.locals.get("ssh://git@example.com/fleet"), Some(&Local::Folder(root.clone())));
        assert_eq!(target.locals.get("https://example.com/team.git"), Some(&Local::Folder(root.join("repos/team"))));
    }

    #[test]
    fn a_plain_folder_gets_a_source_and_a_kustomization() {
        let dir = folder(&[("deploy/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")]);
        let target = found(&dir, Some("deploy"));
        let kinds: Vec<&str> = target.objects.iter().map(meta::kind).collect();
        assert_eq!(kinds, ["GitRepository", "Kustomization"]);
        assert_eq!(target.objects[1].str_at(&["spec", "path"]), Some("./deploy"));
    }

    #[test]
    fn mistakes_are_named() {
        let dir = folder(&[("a", "")]);
        let root = dir.path().display().to_string();
        let message = |path: Option<&str>, replace: &[String]| {
            find(&root, path, false, replace).map(|_| ()).expect_err("wrong").to_string()
        };
        assert!(message(Some("nothing"), &[]).contains("no folder 'nothing'"));
        assert!(message(Some("../x"), &[]).contains("leads out of the source"));
        assert!(message(None, &["x".to_owned()]).contains("is not URL=PATH"));
    }
}
