//! Nobody grants what they do not have, unless they may escalate or bind.

use super::rbac::{self, Attributes};
use super::{User, allows_verb};
use crate::cluster::State;
use crate::resources::Resource;
use crate::status::ApiError;
use weir_doc::Node;

/// Checks a write of a role or binding.
pub(crate) fn check_escalation(
    state: &State,
    user: &User,
    resource: &Resource,
    old: Option<&Node>,
    new: &Node,
) -> Result<(), ApiError> {
    if resource.group != "rbac.authorization.k8s.io" || user.is_master() {
        return Ok(());
    }
    let text = |path: &[&str]| new.path(path).and_then(Node::as_str).unwrap_or_default();
    let (name, namespace) = (text(&["metadata", "name"]), text(&["metadata", "namespace"]));
    let is_role = matches!(resource.plural.as_str(), "roles" | "clusterroles");
    let unchanged = |keys: &[&str]| old.is_some_and(|old| keys.iter().all(|key| old.get(key) == new.get(key)));
    let rules: Vec<&Node> = if is_role {
        if unchanged(&["rules", "aggregationRule"]) || allows_verb(state, user, resource, "escalate", namespace, name) {
            return Ok(());
        }
        let everything = new.get("aggregationRule").is_some_and(|rule| !rule.is_null());
        if everything && !super::rbac::rules_for(state, user, "").any(is_everything) {
            let why = "must have cluster-admin privileges to use the aggregationRule";
            return Err(ApiError::forbidden(&resource.group, &resource.plural, name, why));
        }
        new.get("rules").and_then(Node::as_seq).into_iter().flatten().collect()
    } else {
        let role = new.get("roleRef");
        let kind = text(&["roleRef", "kind"]);
        let roles = if kind == "ClusterRole" { "clusterroles" } else { "roles" };
        let bind = Attributes {
            verb: "bind".to_owned(),
            group: resource.group.clone(),
            version: "v1".to_owned(),
            resource: roles.to_owned(),
            namespace: namespace.to_owned(),
            name: text(&["roleRef", "name"]).to_owned(),
            ..Attributes::default()
        };
        if unchanged(&["roleRef", "subjects"]) || rbac::allows(state, user, &bind) {
            return Ok(());
        }
        if rbac::role_rules(state, role, namespace).next().is_none() && !role_exists(state, kind, &bind.name, namespace)
        {
            return Err(ApiError::not_found_as(&resource.group, roles_name(kind), &bind.name));
        }
        rbac::role_rules(state, role, namespace).collect()
    };
    let held: Vec<&Node> = rbac::rules_for(state, user, namespace).collect();
    let missing: Vec<Node> =
        rules.into_iter().flat_map(split).filter(|rule| !held.iter().any(|own| covers(own, rule))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = compact(&missing).iter().map(describe).collect();
    let groups: Vec<String> = user.groups.iter().map(|group| format!("{group:?}")).collect();
    let why = format!(
        "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        groups.join(" "),
        shown.join("\n")
    );
    Err(ApiError::forbidden(&resource.group, &resource.plural, name, why))
}

fn roles_name(kind: &str) -> &'static str {
    if kind == "ClusterRole" { "clusterroles" } else { "roles" }
}

fn role_exists(state: &State, kind: &str, name: &str, namespace: &str) -> bool {
    match kind {
        "ClusterRole" => state.store.get("clusterroles.rbac.authorization.k8s.io", "", name).is_some(),
        _ => state.store.get("roles.rbac.authorization.k8s.io", namespace, name).is_some(),
    }
}

fn values(rule: &Node, key: &str) -> Vec<String> {
    rule.get(key).and_then(Node::as_seq).into_iter().flatten().filter_map(Node::as_str).map(str::to_owned).collect()
}

fn is_everything(rule: &Node) -> bool {
    let all = |key: &str| values(rule, key).iter().any(|value| value == "*");
    all("verbs") && all("apiGroups") && all("resources")
}

/// One rule for each verb, group, resource and name.
fn split(rule: &Node) -> Vec<Node> {
    let mut out = Vec::new();
    let single = |entries: &[(&str, &str)]| {
        let mut node = Node::map();
        for (key, value) in entries {
            node.set(*key, vec![Node::string(*value)]);
        }
        node
    };
    for verb in values(rule, "verbs") {
        for url in values(rule, "nonResourceURLs") {
            out.push(single(&[("nonResourceURLs", &url), ("verbs", &verb)]));
        }
        for group in values(rule, "apiGroups") {
            for resource in values(rule, "resources") {
                let names = values(rule, "resourceNames");
                if names.is_empty() {
                    out.push(single(&[("apiGroups", &group), ("resources", &resource), ("verbs", &verb)]));
                }
                for name in names {
                    out.push(single(&[
                        ("apiGroups", &group),
                        ("resources", &resource),
                        ("resourceNames", &name),
                        ("verbs", &verb),
                    ]));
                }
            }
        }
    }
    out
}

fn covers(own: &Node, rule: &Node) -> bool {
    let first = |key: &str| values(rule, key).into_iter().next();
    let has = |key: &str, value: &str| values(own, key).iter().any(|held| held == "*" || held == value);
    if !first("verbs").is_some_and(|verb| has("verbs", &verb)) {
        return false;
    }
    if let Some(url) = first("nonResourceURLs") {
        return values(own, "nonResourceURLs").iter().any(|held| {
            held == "*" || *held == url || held.strip_suffix('*').is_some_and(|prefix| url.starts_with(prefix))
        });
    }
    let names = values(own, "resourceNames");
    let resource = first("resources").unwrap_or_default();
    let star_sub =
        resource.split_once('/').is_some_and(|(_, sub)| values(own, "resources").contains(&format!("*/{sub}")));
    first("apiGroups").is_some_and(|group| has("apiGroups", &group))
        && (has("resources", &resource) || star_sub)
        && (names.is_empty() || first("resourceNames").is_some_and(|name| names.contains(&name)))
}

/// Joins rules that differ in their verbs only.
fn compact(rules: &[Node]) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::new();
    for rule in rules {
        let same = |other: &&mut Node| {
            ["apiGroups", "resources", "resourceNames", "nonResourceURLs"]
                .iter()
                .all(|key| other.get(key) == rule.get(key))
        };
        match out.iter_mut().find(same) {
            Some(other) => {
                let more = rule.get("verbs").and_then(Node::as_seq).cloned().unwrap_or_default();
                if let Some(verbs) = other.get_mut("verbs").and_then(Node::as_seq_mut) {
                    verbs.extend(more);
                }
            }
            None => out.push(rule.clone()),
        }
    }
    out
}

/// `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`
fn describe(rule: &Node) -> String {
    let keys = [
        ("NonResourceURLs", "nonResourceURLs"),
        ("APIGroups", "apiGroups"),
        ("Resources", "resources"),
        ("ResourceNames", "resourceNames"),
        ("Verbs", "verbs"),
    ];
    let parts: Vec<String> = keys
        .iter()
        .filter(|(_, key)| !values(rule, key).is_empty())
        .map(|(label, key)| {
            let quoted: Vec<String> = values(rule, key).iter().map(|value| format!("{value:?}")).collect();
            format!("{label}:[{}]", quoted.join(" "))
        })
        .collect();
    format!("{{{}}}", parts.join(", "))
}
