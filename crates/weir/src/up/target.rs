//! What is run: where it is on disk, what stands for which URL, which objects start it.

use crate::error::CliError;
use std::path::{Path, PathBuf};
use weir_base::{Budget, Origin, tree::join};
use weir_doc::{Dialect, Node, yaml};
use weir_git::Repository;
use weir_object::meta;
use weir_source::{Local, Locals};

/// The host of the URLs that stand for local sources without a remote; it cannot exist (RFC 2606).
const LOCAL_HOST: &str = "https://local.invalid";
const CONFIG: &str = ".weir.yaml";
const SYNC_NAME: &str = "flux-system";

pub struct Target {
    /// The objects that start everything.
    pub objects: Vec<Node>,
    pub locals: Locals,
}

pub fn find(source: &str, path: Option<&str>, worktree: bool, replace: &[String]) -> Result<Target, CliError> {
    if source.contains("://") {
        let shown = weir_base::redact_url(source);
        return Err(CliError::new(format!(
            "{shown}: fetching over the network is not implemented in this version of weir (clone it and name the folder)"
        )));
    }
    let root =
        std::fs::canonicalize(source).map_err(|error| CliError::new(format!("{source} cannot be opened: {error}")))?;
    if !root.is_dir() {
        return Err(CliError::new(format!("{source} is not a folder")));
    }
    let (local, url, branch) = local(&root, worktree)?;
    let path = match path {
        Some(path) => join("", path.trim_start_matches('/')).map_err(|error| CliError::new(error.to_string()))?,
        None => only_cluster(&root),
    };
    let mut locals = Locals::default();
    for (url, path) in replacements(&root, replace)? {
        locals.insert(&url, local_of(&path)?);
    }
    let mut objects = sync_objects(&root, &path)?;
    // The repository stands for its own remote, and for the source it was bootstrapped with.
    locals.insert(&url, local.clone());
    for object in objects.iter().filter(|o| meta::kind(o) == "GitRepository" && meta::name(o) == Some(SYNC_NAME)) {
        if let Some(url) = object.str_at(&["spec", "url"]) {
            locals.insert(url, local.clone());
        }
    }
    if objects.is_empty() {
        objects = made_objects(&url, branch.as_deref(), &path);
    }
    Ok(Target { objects, locals })
}

/// How the root is read, the URL it stands for, and its branch.
fn local(root: &Path, worktree: bool) -> Result<(Local, String, Option<String>), CliError> {
    let name = root.file_name().map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned());
    let made = format!("{LOCAL_HOST}/{name}");
    if !weir_git::is_repository(root) {
        return Ok((Local::Folder(root.to_owned()), made, None));
    }
    let repository = Repository::open(root)?;
    let url = repository.origin_url().filter(|url| url.contains("://")).unwrap_or(made);
    if worktree {
        return Ok((Local::Folder(root.to_owned()), url, None));
    }
    Ok((Local::Repository(root.to_owned()), url, repository.head_branch()))
}

fn local_of(path: &Path) -> Result<Local, CliError> {
    let path = std::fs::canonicalize(path)
        .map_err(|error| CliError::new(format!("{} cannot be opened: {error}", path.display())))?;
    Ok(if weir_git::is_repository(&path) { Local::Repository(path) } else { Local::Folder(path) })
}

/// `clusters/NAME`, when there is exactly one; else the root.
fn only_cluster(root: &Path) -> String {
    let Ok(entries) = std::fs::read_dir(root.join("clusters")) else { return String::new() };
    let mut names: Vec<_> =
        entries.flatten().filter(|e| e.path().is_dir()).map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => format!("clusters/{name}"),
        _ => String::new(),
    }
}

/// URL and folder of each `--replace` and of the `replace` list in the source's configuration.
fn replacements(root: &Path, flags: &[String]) -> Result<Vec<(String, PathBuf)>, CliError> {
    let mut pairs = Vec::new();
    let file = root.join(CONFIG);
    if let Ok(text) = std::fs::read(&file) {
        for document in parse(&text, CONFIG)? {
            let replace = document.get("replace").and_then(Node::as_map);
            for (url, path) in replace.into_iter().flat_map(|map| map.iter()) {
                let Some(path) = path.as_str() else {
                    let at = Origin::new(Some(CONFIG.into()), url.line, url.col);
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
fn sync_objects(root: &Path, path: &str) -> Result<Vec<Node>, CliError> {
    let mut objects = Vec::new();
    let base = root.join(path);
    if !base.is_dir() {
        return Err(CliError::new(format!("there is no folder '{path}' in {}", root.display())));
    }
    let walk = ignore::WalkBuilder::new(&base).hidden(true).follow_links(false).sort_by_file_path(Ord::cmp).build();
    for entry in walk.flatten().filter(|e| e.file_type().is_some_and(|kind| kind.is_file())) {
        let file = entry.path();
        if !file.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            continue;
        }
        let shown = file.strip_prefix(root).unwrap_or(file).to_string_lossy().into_owned();
        let text = std::fs::read(file).map_err(|error| CliError::new(format!("{shown}: {error}")))?;
        // A template or a values file need not be a manifest; the build says what is wrong with one that is.
        let documents = parse(&text, &shown).unwrap_or_default();
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
