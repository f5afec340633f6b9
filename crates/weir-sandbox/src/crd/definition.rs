//! CustomResourceDefinitions themselves.

use crate::clock;
use crate::cluster::State;
use crate::kinds::meta;
use crate::status::Cause;
use weir_doc::{Map, Node};

fn text<'a>(node: &'a Node, path: &[&str]) -> &'a str {
    node.path(path).and_then(Node::as_str).unwrap_or_default()
}

/// `plural.group`: the name of the definition and the key of its objects.
pub(crate) fn resource_key(crd: &Node) -> String {
    format!("{}.{}", text(crd, &["spec", "names", "plural"]), text(crd, &["spec", "group"]))
}

fn condition<'a>(crd: &'a Node, kind: &str) -> Option<&'a Node> {
    let conditions = crd.path(&["status", "conditions"]).and_then(Node::as_seq)?;
    conditions.iter().find(|condition| text(condition, &["type"]) == kind)
}

pub(crate) fn is_established(crd: &Node) -> bool {
    condition(crd, "Established").is_some_and(|condition| text(condition, &["status"]) == "True")
}

pub(crate) fn default_definition(node: &mut Node) {
    let kind = text(node, &["spec", "names", "kind"]).to_owned();
    let names = node.ensure_map(&["spec", "names"]);
    let mut set = |key: &str, value: String| {
        if names.get(key).and_then(Node::as_str).unwrap_or_default().is_empty() && !value.is_empty() {
            names.insert(key, value);
        }
    };
    set("singular", kind.to_lowercase());
    set("listKind", if kind.is_empty() { String::new() } else { format!("{kind}List") });
    let conversion = node.ensure_map(&["spec", "conversion"]);
    if !conversion.contains("strategy") {
        conversion.insert("strategy", "None");
    }
}

/// The status that the original's naming controller writes a moment later.
pub(crate) fn prepare(state: &State, old: Option<&Node>, node: &mut Node) {
    let group = text(node, &["spec", "group"]).to_owned();
    let own_key = resource_key(node);
    let names = node.path(&["spec", "names"]).cloned().unwrap_or_default();
    let taken =
        state.registry.iter().filter(|other| other.group == group && *other.key != *own_key).find_map(|other| {
            let clash = |key: &str, theirs: &str| {
                (text(&names, &[key]) == theirs).then(|| format!("{theirs:?} is already in use"))
            };
            clash("kind", &other.kind)
                .or_else(|| clash("listKind", &other.list_kind))
                .or_else(|| clash("singular", &other.singular))
        });
    let accepted = taken.is_none();
    let mut stored: Vec<Node> =
        old.and_then(|old| old.path(&["status", "storedVersions"])).and_then(Node::as_seq).cloned().unwrap_or_default();
    for version in node.path(&["spec", "versions"]).and_then(Node::as_seq).into_iter().flatten() {
        let name = Node::string(text(version, &["name"]));
        if version.get("storage").and_then(Node::as_bool) == Some(true) && !stored.contains(&name) {
            stored.push(name);
        }
    }
    let was = old.is_some_and(is_established);
    let condition = |kind: &str, ok: bool, reason: &str, message: &str| {
        let known = old.and_then(|old| condition_of(old, kind, ok));
        known.unwrap_or_else(|| {
            let mut map = Map::new();
            map.insert("lastTransitionTime", clock::now());
            map.insert("message", message);
            map.insert("reason", reason);
            map.insert("status", if ok { "True" } else { "False" });
            map.insert("type", kind);
            Node::from(map)
        })
    };
    let why = taken.unwrap_or_default();
    let conditions = vec![
        match accepted {
            true => condition("NamesAccepted", true, "NoConflicts", "no conflicts found"),
            false => condition("NamesAccepted", false, "KindConflict", &why),
        },
        match accepted || was {
            true => condition("Established", true, "InitialNamesAccepted", "the initial names have been accepted"),
            false => condition("Established", false, "NotAccepted", "not all names are accepted"),
        },
    ];
    let status = node.ensure_map(&["status"]);
    status.insert("conditions", conditions);
    status.insert("acceptedNames", if accepted { names } else { Node::map() });
    status.insert("storedVersions", stored);
}

fn condition_of(crd: &Node, kind: &str, ok: bool) -> Option<Node> {
    condition(crd, kind).filter(|found| (text(found, &["status"]) == "True") == ok).cloned()
}

pub(crate) fn validate_definition(_state: &State, node: &Node) -> Vec<Cause> {
    let mut causes = Vec::new();
    let (group, plural) = (text(node, &["spec", "group"]), text(node, &["spec", "names", "plural"]));
    if group.is_empty() {
        causes.push(Cause::required("spec.group", ""));
    } else if !meta::is_dns_subdomain(group) {
        causes.push(Cause::invalid("spec.group", &Node::string(group), meta::DNS_SUBDOMAIN));
    } else if !group.contains('.') {
        causes.push(Cause::invalid("spec.group", &Node::string(group), "should be a domain with at least one dot"));
    }
    for key in ["plural", "kind"] {
        if text(node, &["spec", "names", key]).is_empty() {
            causes.push(Cause::required(format!("spec.names.{key}"), ""));
        }
    }
    let name = text(node, &["metadata", "name"]);
    if name != format!("{plural}.{group}") {
        causes.push(Cause::invalid("metadata.name", &Node::string(name), "must be spec.names.plural+\".\"+spec.group"));
    }
    let scope = node.path(&["spec", "scope"]);
    match scope.and_then(Node::as_str).unwrap_or_default() {
        "" => causes.push(Cause::required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        other => causes.push(Cause::unsupported(
            "spec.scope",
            &Node::string(other),
            &["Cluster".to_owned(), "Namespaced".to_owned()],
        )),
    }
    if text(node, &["spec", "conversion", "strategy"]) != "None" {
        causes.push(Cause::forbidden(
            "spec.conversion.strategy",
            "the sandbox calls no webhooks: only None is supported",
        ));
    }
    let versions = node.path(&["spec", "versions"]).and_then(Node::as_seq).map_or(&[][..], |versions| versions);
    let storage =
        versions.iter().filter(|version| version.get("storage").and_then(Node::as_bool) == Some(true)).count();
    if storage != 1 {
        let shown = node.path(&["spec", "versions"]).cloned().unwrap_or_default();
        causes.push(Cause::invalid("spec.versions", &shown, "must have exactly one version marked as storage version"));
    }
    for (index, version) in versions.iter().enumerate() {
        let at = format!("spec.versions[{index}]");
        // The original shows the schema of an only version as that of all.
        let of_schema = if versions.len() == 1 { "spec.validation".to_owned() } else { format!("{at}.schema") };
        match version.path(&["schema", "openAPIV3Schema"]) {
            None => causes.push(Cause::required(format!("{at}.schema.openAPIV3Schema"), "schemas are required")),
            Some(schema) => {
                if text(schema, &["type"]) != "object" {
                    let shown = Node::string(text(schema, &["type"]));
                    causes.push(Cause::invalid(
                        format!("{at}.schema.openAPIV3Schema.type"),
                        &shown,
                        "must be object at the root",
                    ));
                }
                structural(schema, &format!("{of_schema}.openAPIV3Schema"), &mut causes);
            }
        }
    }
    causes
}

/// What makes a schema structural, as far as it is commonly missed.
fn structural(schema: &Node, at: &str, causes: &mut Vec<Cause>) {
    let flag = |key: &str| schema.get(key).and_then(Node::as_bool) == Some(true);
    let kind = text(schema, &["type"]);
    if kind.is_empty() && !flag("x-kubernetes-int-or-string") && !flag("x-kubernetes-preserve-unknown-fields") {
        causes.push(Cause::required(format!("{at}.type"), "must not be empty for specified object fields"));
    }
    if !kind.is_empty() && !matches!(kind, "array" | "boolean" | "integer" | "number" | "object" | "string") {
        let allowed = ["array", "boolean", "integer", "number", "object", "string"].map(str::to_owned);
        causes.push(Cause::unsupported(format!("{at}.type"), &Node::string(kind), &allowed));
    }
    for key in ["$ref", "definitions", "dependencies", "patternProperties", "id"] {
        if schema.get(key).is_some_and(|value| value.as_str() != Some("")) {
            causes.push(Cause::forbidden(format!("{at}.{key}"), "is not supported"));
        }
    }
    if kind == "array" {
        match schema.get("items") {
            Some(items) => structural(items, &format!("{at}.items"), causes),
            None => causes.push(Cause::required(format!("{at}.items"), "must be specified")),
        }
    }
    for (name, property) in schema.get("properties").and_then(Node::as_map).into_iter().flat_map(Map::iter) {
        structural(property, &format!("{at}.properties[{name}]"), causes);
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.as_map().is_some()) {
        structural(values, &format!("{at}.additionalProperties"), causes);
    }
}
