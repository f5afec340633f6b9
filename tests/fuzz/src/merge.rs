//! Patches of all kinds: an object, then a patch of it.

use crate::{budget, halves};
use weir_base::Tree;
use weir_doc::{Dialect, Node, yaml};
use weir_kustomize::Options;
use weir_merge::{Schema, json_patch, merge_patch, strategic::strategic_merge};

pub fn run(data: &[u8]) {
    let (object, patch) = halves(data);
    let read = |text| yaml::parse_first(text, None, 0, Dialect::Sigs, &budget()).ok().flatten();
    if let (Some(object), Some(patch)) = (read(object), read(patch)) {
        as_the_server_does(&object, &patch);
    }
    as_kustomize_does(object, patch);
}

fn as_the_server_does(object: &Node, patch: &Node) {
    let mut merged = object.clone();
    merge_patch(&mut merged, patch);
    let once = merged.clone();
    merge_patch(&mut merged, patch);
    assert_eq!(merged, once, "a merge patch changes nothing the second time");

    let mut patched = object.clone();
    if json_patch(&mut patched, patch).is_err() {
        assert_eq!(&patched, object, "a JSON patch that fails changes nothing");
    }

    let schema = Schema::builtin();
    let text = |key| object.str_at(&[key]).unwrap_or_default();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    if let Some(ty) = schema.kind(group, version, text("kind")) {
        let mut patched = object.clone();
        let _ = strategic_merge(schema, ty, &mut patched, patch);
    }
}

fn as_kustomize_does(object: &[u8], patch: &[u8]) {
    const KUSTOMIZATION: &str = "resources: [object.yaml]\npatches: [{path: patch.yaml, target: {kind: '.*'}}]\n";
    let mut tree = Tree::new();
    let files = [("object.yaml", object), ("patch.yaml", patch), ("kustomization.yaml", KUSTOMIZATION.as_bytes())];
    for (name, content) in files {
        tree.insert(name, content).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    let _ = weir_kustomize::build(&tree, ".", &Options::default(), &budget());
}
