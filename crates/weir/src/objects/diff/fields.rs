//! In which fields two states of an object differ; pure.

use std::collections::{BTreeMap, BTreeSet};
use weir_doc::{Node, Value};

/// A field with what it is and what it would be; one side is missing where the field is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    /// `spec.containers[app].image`: an entry of a list by its name where all have one, else by its place.
    pub path: String,
    pub before: Option<Node>,
    pub after: Option<Node>,
    /// Where the build has it from.
    pub origin: Option<String>,
}

/// The differences in what an apply decides: labels, annotations, and what is neither metadata nor status. By path, so
/// that the order does not depend on who wrote the object. `built` is the object before the server completed it.
pub(super) fn fields(live: &Node, wanted: &Node, built: Option<&Node>) -> Vec<Field> {
    let mut found = Vec::new();
    compare("", Some(&decided(live)), (Some(&decided(wanted)), built), &mut found);
    found
}

fn decided(object: &Node) -> Node {
    let mut out = object.clone();
    let metadata = out.remove("metadata");
    out.remove("status");
    for key in ["annotations", "labels"] {
        let kept = metadata.as_ref().and_then(|metadata| metadata.get(key));
        if let Some(kept) = kept.filter(|kept| kept.as_map().is_some_and(|map| !map.is_empty())) {
            out.ensure_map(&["metadata"]).insert(key, kept.clone());
        }
    }
    out
}

fn compare(path: &str, before: Option<&Node>, (after, built): (Option<&Node>, Option<&Node>), found: &mut Vec<Field>) {
    if before == after {
        return;
    }
    match (before.map(|node| &node.value), after.map(|node| &node.value)) {
        (Some(Value::Map(one)), Some(Value::Map(other))) => {
            let keys: BTreeSet<&str> = one.iter().chain(other.iter()).map(|(key, _)| key.as_str()).collect();
            for key in keys {
                let built = built.and_then(|built| built.get(key));
                compare(&below(path, key), one.get(key), (other.get(key), built), found);
            }
        }
        (Some(Value::Seq(one)), Some(Value::Seq(other))) => match (named(one), named(other)) {
            // Of the same names in another order it is the order that differs.
            (Some(by_name), Some(others)) if !(one.len() == other.len() && is_permuted(one, other)) => {
                let names: BTreeSet<&str> = by_name.keys().chain(others.keys()).copied().collect();
                for name in names {
                    let path = format!("{path}[{name}]");
                    let built = built.and_then(|built| named(built.as_seq()?)?.get(name).copied());
                    compare(&path, by_name.get(name).copied(), (others.get(name).copied(), built), found);
                }
            }
            _ => by_place(path, one, (other, built), found),
        },
        _ => {
            let origin = after.and(built).and_then(weir_kustomize::origin_of);
            found.push(Field { path: path.to_owned(), before: before.cloned(), after: after.cloned(), origin });
        }
    }
}

/// Entries of lists without names: what is before and behind the difference counts as the same, what is between is
/// compared one by one.
fn by_place(path: &str, one: &[Node], (other, built): (&[Node], Option<&Node>), found: &mut Vec<Field>) {
    let shorter = one.len().min(other.len());
    let head = (0..shorter).take_while(|at| one[*at] == other[*at]).count();
    let is_same = |back: &usize| one[one.len() - 1 - back] == other[other.len() - 1 - back];
    let tail = (0..shorter - head).take_while(is_same).count();
    let (one, other) = (&one[head..one.len() - tail], &other[head..other.len() - tail]);
    for at in 0..one.len().max(other.len()) {
        let built = built.and_then(|built| built.as_seq()?.get(head + at));
        compare(&format!("{path}[{}]", head + at), one.get(at), (other.get(at), built), found);
    }
}

/// The entries by their names, where each has one of its own.
fn named(entries: &[Node]) -> Option<BTreeMap<&str, &Node>> {
    let names: BTreeMap<&str, &Node> =
        entries.iter().map(|entry| Some((entry.str_at(&["name"])?, entry))).collect::<Option<_>>()?;
    (names.len() == entries.len()).then_some(names)
}

fn is_permuted(one: &[Node], other: &[Node]) -> bool {
    one.iter().all(|entry| other.contains(entry))
}

fn below(path: &str, key: &str) -> String {
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    match (path, is_plain) {
        ("", true) => key.to_owned(),
        (path, true) => format!("{path}.{key}"),
        (path, false) => format!("{path}[\"{key}\"]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(json: &str) -> Node {
        weir_doc::from_json(json.as_bytes()).expect("valid")
    }

    fn shown(live: &str, wanted: &str) -> Vec<String> {
        let text = |node: Option<Node>| {
            node.map_or_else(|| "-".to_owned(), |node| String::from_utf8_lossy(&weir_doc::to_json(&node)).into_owned())
        };
        let fields = fields(&node(live), &node(wanted), None);
        fields.into_iter().map(|field| format!("{} {} {}", field.path, text(field.before), text(field.after))).collect()
    }

    #[test]
    fn what_the_server_keeps_is_no_difference() {
        let live =
            r#"{"kind":"A","metadata":{"name":"x","uid":"1","managedFields":[{}],"annotations":{}},"status":{"a":1}}"#;
        assert_eq!(shown(live, r#"{"kind":"A","metadata":{"name":"x"}}"#), Vec::<String>::new());
    }

    #[test]
    fn paths_name_entries_and_odd_keys() {
        assert_eq!(
            shown(
                r#"{"metadata":{"labels":{"app.kubernetes.io/name":"a"}},"spec":{"c":[{"name":"one","i":1},{"name":"two"}]}}"#,
                r#"{"metadata":{"labels":{"app.kubernetes.io/name":"b"}},"spec":{"c":[{"name":"two"},{"name":"one","i":2}],"n":0}}"#
            ),
            [r#"metadata.labels["app.kubernetes.io/name"] "a" "b""#, "spec.c[one].i 1 2", "spec.n - 0"]
        );
    }

    #[test]
    fn lists_without_names_are_compared_where_they_differ() {
        assert_eq!(shown(r#"{"a":[1,2,3]}"#, r#"{"a":[1,9,2,3]}"#), ["a[1] - 9"]);
        assert_eq!(shown(r#"{"a":[1,2,3]}"#, r#"{"a":[1,3]}"#), ["a[1] 2 -"]);
        assert_eq!(shown(r#"{"a":[{"b":1,"c":1}]}"#, r#"{"a":[{"b":2,"c":1}]}"#), ["a[0].b 1 2"]);
        assert_eq!(
            shown(r#"{"a":[{"name":"x"},{"name":"y"}]}"#, r#"{"a":[{"name":"y"},{"name":"x"}]}"#),
            [r#"a[0].name "x" "y""#, r#"a[1].name "y" "x""#]
        );
    }
}
