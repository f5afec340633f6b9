//! Replays what a kube-apiserver 1.37 answered to sequences of writes.

use std::path::Path;
use weir_doc::{Node, from_json, to_json};
use weir_merge::structured::{Write, decode, encode};
use weir_merge::{FieldSet, Schema, apply, merge_patch, strategic::strategic_merge, update};

fn read(name: &str) -> Node {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    from_json(&std::fs::read(path).expect("the recording is committed")).expect("valid JSON")
}

fn text<'a>(node: &'a Node, key: &str) -> &'a str {
    node.get(key).and_then(Node::as_str).unwrap_or_default()
}

fn shown(node: &Node) -> String {
    String::from_utf8(to_json(node)).expect("JSON is UTF-8")
}

/// Sorted by manager: the recording has no times to sort by.
fn sorted(managed: Option<&Node>) -> Vec<String> {
    let mut entries: Vec<String> = decode(managed)
        .expect("valid managedFields")
        .iter()
        .map(|entry| {
            let node = encode(std::slice::from_ref(entry)).expect("an entry has fields");
            shown(&node)
        })
        .collect();
    entries.sort();
    entries
}

#[test]
fn server_side_apply_replays_the_recording() {
    let golden = read("apply.json");
    let (schema, ty) = Schema::from_crd_schema(golden.get("schema").expect("a schema"));
    let ignored = FieldSet::new();
    for sequence in golden.get("sequences").and_then(Node::as_seq).expect("sequences") {
        let name = text(sequence, "name");
        let (mut live, mut managed): (Option<Node>, Vec<_>) = (None, Vec::new());
        for (index, step) in sequence.get("steps").and_then(Node::as_seq).expect("steps").iter().enumerate() {
            let at = format!("{name}, step {index}");
            let manager = if step.get("create").is_some() { "creator" } else { text(step, "manager") };
            let write = Write {
                schema: &schema,
                ty,
                manager,
                api_version: "golden.example.com/v1",
                subresource: "",
                ignored: &ignored,
                now: "T",
            };
            if let Some(config) = step.get("apply") {
                let force = step.get("force").and_then(Node::as_bool) == Some(true);
                match (apply(write, live.as_ref(), &managed, config, force), step.get("error").and_then(Node::as_str)) {
                    (Ok(applied), None) => {
                        managed = applied.managed;
                        live = Some(applied.object);
                    }
                    (Err(error), Some(expected)) => {
                        assert!(expected.ends_with(&error.to_string()), "{at}: {error} instead of {expected}");
                    }
                    // The merge went well, but the server's validation refused its result.
                    (Ok(_), Some(expected)) if expected.contains(" is invalid: ") => {}
                    (outcome, expected) => panic!("{at}: {outcome:?} instead of {expected:?}"),
                }
            } else {
                let old = live.clone().unwrap_or_else(Node::map);
                let mut new = old.clone();
                merge_patch(&mut new, step.get("create").or_else(|| step.get("merge")).expect("a write"));
                managed = update(write, &old, &new, &managed);
                live = Some(new);
            }
            if let Some(expected) = step.get("object") {
                let mut object = live.clone().expect("a write succeeded");
                // Defaults are the server's, not the merge's.
                default_protocols(&mut object);
                let meta =
                    Schema::builtin().named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta").expect("in every table");
                Schema::builtin().reshape(meta, object.get_mut("metadata").expect("metadata"));
                assert_eq!(
                    sorted(encode(&managed).as_ref()),
                    sorted(expected.path(&["metadata", "managedFields"])),
                    "{at}"
                );
                let mut expected = expected.clone();
                expected.ensure_map(&["metadata"]).remove("managedFields");
                assert_eq!(shown_sorted(&object), shown_sorted(&expected), "{at}");
                live = Some(object);
            }
        }
    }
}

fn default_protocols(object: &mut Node) {
    for port in object.path_mut(&["spec", "ports"]).and_then(Node::as_seq_mut).into_iter().flatten() {
        if port.get("protocol").is_none() {
            port.set("protocol", "TCP");
        }
    }
}

/// JSON with sorted keys; empty and null are kept.
fn shown_sorted(node: &Node) -> String {
    weir_doc::emit::to_yaml(node)
}

#[test]
fn strategic_merge_replays_the_recording() {
    let golden = read("strategic.json");
    let schema = Schema::builtin();
    let ty = schema.kind("apps", "v1", "Deployment").expect("a built-in kind");
    for case in golden.get("cases").and_then(Node::as_seq).expect("cases") {
        let patch = case.get("patch").expect("a patch");
        let mut object = golden.get("original").expect("an original").clone();
        let outcome = strategic_merge(schema, ty, &mut object, patch);
        match (outcome, case.get("error").and_then(Node::as_str)) {
            (Ok(()), None) => {
                schema.reshape(ty, &mut object);
                let mut expected = case.get("result").expect("a result").clone();
                for node in [&mut object, &mut expected] {
                    // Of an object that is deployed, this is the controller's.
                    node.ensure_map(&["metadata"]).remove("generation");
                }
                assert_eq!(shown_sorted(&object), shown_sorted(&expected), "{}", shown(patch));
            }
            (Err(error), Some(expected)) => assert_eq!(error.to_string(), expected),
            (outcome, expected) => panic!("{}: {outcome:?} instead of {expected:?}", shown(patch)),
        }
    }
}

#[test]
fn the_table_survives_a_round_trip_and_knows_how_lists_merge() {
    let document = br##"{"definitions":{
        "a.Spec":{"type":"object","properties":{
            "ports":{"type":"array","items":{"$ref":"#/definitions/a.Port"},"x-kubernetes-list-type":"map",
                "x-kubernetes-list-map-keys":["port"],"x-kubernetes-patch-strategy":"merge","x-kubernetes-patch-merge-key":"port"}}},
        "a.Port":{"type":"object","required":["port"],"properties":{"port":{"type":"integer","format":"int32"}}},
        "a.Kind":{"type":"object","x-kubernetes-group-version-kind":[{"group":"g","version":"v1","kind":"Kind"}],
            "properties":{"spec":{"$ref":"#/definitions/a.Spec"}}}}}"##;
    let table = weir_merge::Table::from_swagger(&from_json(document).expect("valid JSON"));
    assert_eq!(weir_merge::Table::from_bytes(&table.to_bytes()).expect("our own bytes"), table);
    let schema = Schema::from(table);
    let kind = schema.get(schema.kind("g", "v1", "Kind").expect("the kind")).map.as_ref().expect("a map");
    let spec = schema.get(kind.fields["spec"].ty).map.as_ref().expect("a map");
    let patch = spec.fields["ports"].patch.as_ref().expect("a strategy");
    assert_eq!((patch.merge, patch.merge_key.as_deref()), (true, Some("port")));
}
