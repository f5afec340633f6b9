//! The kustomization.yaml that a Kustomization builds: the one in the source, or one made from the
//! manifests found, with the object's own fields added. As fluxcd/pkg/kustomize generates it.

use crate::{Decryption, RenderError, Substitution};
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_base::{Budget, Origin, Tree, tree, tree::Found};
use weir_doc::{Dialect, Node, Value, emit, yaml};
use weir_kustomize::FILE_NAMES;

/// What the Kustomization object adds to the build.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    pub namespace: Option<String>,
    pub name_prefix: Option<String>,
    pub name_suffix: Option<String>,
    /// Entries of `patches`, as kustomization.yaml has them.
    pub patches: Vec<Node>,
    /// Entries of `images`, likewise.
    pub images: Vec<Node>,
    pub components: Vec<String>,
    pub ignore_missing_components: bool,
    /// Takes the place of the file's `buildMetadata` where it is not empty.
    pub build_metadata: Vec<String>,
    /// Put on every object after the build.
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    /// What is done with what SOPS encrypted.
    pub decryption: Option<Decryption>,
    /// Post-build substitution.
    pub substitution: Option<Substitution>,
}

/// Writes the kustomization into the tree; true when there is nothing to build.
pub(crate) fn kustomization(
    tree: &mut Tree,
    path: &str,
    overlay: &Overlay,
    budget: &Budget,
) -> Result<bool, RenderError> {
    if !matches!(tree.find(path), Found::Folder) {
        let folders = tree.list("").into_iter().filter(|(_, is_folder)| *is_folder).map(|(name, _)| name).collect();
        return Err(RenderError::NoPath { path: path.to_owned(), folders });
    }
    let file = file_of(tree, path);
    let mut node = match &file {
        Some(file) => read(tree, file, budget)?,
        None => {
            let mut resources = Vec::new();
            collect(tree, path, "", &mut resources, budget)?;
            if resources.is_empty() && overlay.components.is_empty() {
                return Ok(true);
            }
            let mut node = Node::map();
            node.set("apiVersion", "kustomize.config.k8s.io/v1beta1");
            node.set("kind", "Kustomization");
            node.set("resources", resources.into_iter().map(Node::string).collect::<Vec<_>>());
            node
        }
    };
    if file.is_some() && !adds(overlay) {
        return Ok(false);
    }
    add(&mut node, tree, path, overlay)?;
    let file = file.unwrap_or_else(|| below(path, FILE_NAMES[0]));
    tree.insert(&file, emit::to_yaml_in_order(&node).into_bytes())?;
    Ok(false)
}

fn adds(overlay: &Overlay) -> bool {
    let Overlay {
        namespace,
        name_prefix,
        name_suffix,
        patches,
        images,
        components,
        ignore_missing_components: _,
        build_metadata,
        labels: _,
        annotations: _,
        decryption: _,
        substitution: _,
    } = overlay;
    namespace.is_some()
        || name_prefix.is_some()
        || name_suffix.is_some()
        || !(patches.is_empty() && images.is_empty() && components.is_empty() && build_metadata.is_empty())
}

fn add(node: &mut Node, tree: &Tree, path: &str, overlay: &Overlay) -> Result<(), RenderError> {
    for (key, value) in
        [("namespace", &overlay.namespace), ("namePrefix", &overlay.name_prefix), ("nameSuffix", &overlay.name_suffix)]
    {
        if let Some(value) = value {
            node.set(key, value.as_str());
        }
    }
    list(node, "patches")?.extend(overlay.patches.iter().cloned());
    for component in &overlay.components {
        if component.contains("://") || component.starts_with('/') {
            let message = format!("component path '{component}' must be local and relative");
            return Err(RenderError::Malformed { at: Origin::default(), message });
        }
        let exists = tree::join(path, component).is_ok_and(|at| matches!(tree.find(&at), Found::Folder));
        if exists || !overlay.ignore_missing_components {
            list(node, "components")?.push(Node::string(component.as_str()));
        }
    }
    if !overlay.build_metadata.is_empty() {
        let options: Vec<Node> = overlay.build_metadata.iter().map(|option| Node::string(option.as_str())).collect();
        node.set("buildMetadata", options);
    }
    let images = list(node, "images")?;
    for image in &overlay.images {
        let name = image.str_at(&["name"]).unwrap_or_default();
        match images.iter_mut().find(|i| i.str_at(&["name"]) == Some(name)) {
            Some(place) => merge_image(place, image),
            None => images.push(image.clone()),
        }
    }
    for key in ["patches", "components", "images"] {
        if node.get(key).and_then(Node::as_seq).is_some_and(Vec::is_empty) {
            node.remove(key);
        }
    }
    Ok(())
}

/// The new name only when it is given; tag and digest together.
fn merge_image(place: &mut Node, image: &Node) {
    if let Some(name) = image.get("newName") {
        place.set("newName", name.clone());
    }
    if image.get("newTag").is_some() || image.get("digest").is_some() {
        for key in ["newTag", "digest"] {
            match image.get(key) {
                Some(value) => place.set(key, value.clone()),
                None => {
                    place.remove(key);
                }
            }
        }
    }
}

fn list<'n>(node: &'n mut Node, key: &str) -> Result<&'n mut Vec<Node>, RenderError> {
    let at = node.meta.at.clone();
    let place = node.ensure_map(&[]).entry_or_null(key);
    if place.is_null() {
        place.value = Value::Seq(Vec::new());
    }
    place.as_seq_mut().ok_or_else(|| RenderError::Malformed { at, message: format!("{key} must be a list") })
}

pub(crate) fn read(tree: &Tree, file: &str, budget: &Budget) -> Result<Node, RenderError> {
    let name: Arc<str> = file.into();
    let text = tree.read(file).unwrap_or_default();
    let mut documents = yaml::parse_all(&text, Some(&name), Dialect::V3, budget)?;
    documents.retain(|document| !document.is_null());
    match documents.len() {
        0 => Ok(Node::map().at(Origin::file(name))),
        1 => Ok(documents.remove(0)),
        _ => {
            let at = documents[1].meta.at.clone();
            Err(RenderError::Malformed { at, message: "a kustomization file holds one document".to_owned() })
        }
    }
}

/// The manifests below a folder that has no kustomization file of its own.
fn collect(
    tree: &Tree,
    root: &str,
    relative: &str,
    resources: &mut Vec<String>,
    budget: &Budget,
) -> Result<(), RenderError> {
    for (name, is_folder) in tree.list(&below(root, relative)) {
        let entry = below(relative, &name);
        let full = below(root, &entry);
        if is_folder {
            if file_of(tree, &full).is_some() {
                resources.push(entry);
            } else {
                collect(tree, root, &entry, resources, budget)?;
            }
        } else if name.ends_with(".yaml") || name.ends_with(".yml") {
            let text = tree.read(&full).unwrap_or_default();
            let file: Arc<str> = full.as_str().into();
            let documents = yaml::parse_all(&text, Some(&file), Dialect::V3, budget)?;
            if documents.iter().any(is_manifest) {
                resources.push(entry);
            }
        }
    }
    Ok(())
}

fn is_manifest(document: &Node) -> bool {
    document.str_at(&["apiVersion"]).is_some() && document.str_at(&["kind"]).is_some()
}

pub(crate) fn file_of(tree: &Tree, folder: &str) -> Option<String> {
    FILE_NAMES.iter().map(|name| below(folder, name)).find(|file| tree.read(file).is_some())
}

fn below(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::new();
        for (path, text) in files {
            tree.insert(path, text.as_bytes().to_vec()).expect("a good path");
        }
        tree
    }

    fn text(tree: &Tree, path: &str) -> String {
        String::from_utf8(tree.read(path).expect("the file").to_vec()).expect("text")
    }

    const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

    #[test]
    fn manifests_are_found_and_folders_with_their_own_file_are_taken_whole() {
        let mut tree = tree(&[
            ("app/b.yaml", OBJECT),
            ("app/values.yaml", "replicas: 1\n"),
            ("app/sub/c.yml", OBJECT),
            ("app/own/kustomization.yaml", "resources: [x.yaml]\n"),
            ("app/own/x.yaml", OBJECT),
            ("app/readme.md", "text"),
        ]);
        let overlay = Overlay { namespace: Some("team".to_owned()), ..Overlay::default() };
        assert!(!kustomization(&mut tree, "app", &overlay, &Budget::standard()).expect("generates"));
        assert_eq!(
            text(&tree, "app/kustomization.yaml"),
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
             resources:\n- b.yaml\n- own\n- sub/c.yml\nnamespace: team\n"
        );
    }

    #[test]
    fn fields_are_added_to_the_file_that_is_there() {
        let file = "# kept out of the copy\nresources: [a.yaml]\nimages:\n- name: nginx\n  newTag: '1'\n";
        let mut tree = tree(&[("kustomization.yml", file), ("a.yaml", OBJECT), ("c/kustomization.yaml", "")]);
        let image = weir_doc::from_json(br#"{"name":"nginx","digest":"sha256:x"}"#).expect("valid");
        let overlay = Overlay {
            images: vec![image],
            components: vec!["c".to_owned(), "missing".to_owned()],
            ignore_missing_components: true,
            ..Overlay::default()
        };
        kustomization(&mut tree, "", &overlay, &Budget::standard()).expect("generates");
        assert_eq!(
            text(&tree, "kustomization.yml"),
            "resources:\n- a.yaml\nimages:\n- name: nginx\n  digest: sha256:x\ncomponents:\n- c\n"
        );
    }

    #[test]
    fn a_wrong_path_says_what_there_is_and_nothing_to_build_is_no_error() {
        let mut source = tree(&[("deploy/a.txt", ""), ("docs/b", "")]);
        let error =
            kustomization(&mut source, "deploi", &Overlay::default(), &Budget::standard()).expect_err("missing");
        assert!(matches!(error, RenderError::NoPath { folders, .. } if folders == ["deploy", "docs"]));
        assert!(kustomization(&mut source, "deploy", &Overlay::default(), &Budget::standard()).expect("no error"));
        let mut broken = tree(&[("a/x.yaml", "a: [\n")]);
        assert!(kustomization(&mut broken, "a", &Overlay::default(), &Budget::standard()).is_err());
    }
}
