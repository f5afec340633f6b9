//! Role-based access control over the roles and bindings in the store.

use super::{User, split_account};
use crate::cluster::State;
use crate::status::{ApiError, qualified};
use weir_doc::Node;

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub verb: String,
    pub group: String,
    pub version: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    /// Set for requests that are not about a resource.
    pub path: Option<String>,
}

/// Refuses with the original's message unless a rule allows it.
pub(crate) fn authorize(state: &State, user: &User, attributes: &Attributes) -> Result<(), ApiError> {
    if allows(state, user, attributes) {
        return Ok(());
    }
    Err(refusal(user, attributes))
}

pub(crate) fn allows(state: &State, user: &User, attributes: &Attributes) -> bool {
    user.is_master() || rules_for(state, user, &attributes.namespace).any(|rule| rule_allows(rule, attributes))
}

/// The rules that apply to a user in a namespace (`""`: only cluster-wide ones).
pub(crate) fn rules_for<'a>(state: &'a State, user: &'a User, namespace: &'a str) -> impl Iterator<Item = &'a Node> {
    let wide = state.store.list("clusterrolebindings.rbac.authorization.k8s.io", "", None);
    let local = (!namespace.is_empty())
        .then(|| state.store.list("rolebindings.rbac.authorization.k8s.io", namespace, None))
        .into_iter()
        .flatten();
    wide.map(|(_, binding)| (binding, ""))
        .chain(local.map(move |(_, binding)| (binding, namespace)))
        .filter(move |(binding, namespace)| applies(&binding.node, user, namespace))
        .flat_map(move |(binding, namespace)| role_rules(state, binding.node.get("roleRef"), namespace))
}

/// The rules of a role that a binding refers to.
pub(crate) fn role_rules<'a>(
    state: &'a State,
    role: Option<&Node>,
    namespace: &str,
) -> impl Iterator<Item = &'a Node> + use<'a> {
    let text = |key: &str| role.and_then(|role| role.get(key)).and_then(Node::as_str).unwrap_or_default();
    let found = match text("kind") {
        "ClusterRole" => state.store.get("clusterroles.rbac.authorization.k8s.io", "", text("name")),
        "Role" => state.store.get("roles.rbac.authorization.k8s.io", namespace, text("name")),
        _ => None,
    };
    found.and_then(|role| role.node.get("rules")).and_then(Node::as_seq).into_iter().flatten()
}

fn applies(binding: &Node, user: &User, namespace: &str) -> bool {
    binding.get("subjects").and_then(Node::as_seq).into_iter().flatten().any(|subject| {
        let text = |key: &str| subject.get(key).and_then(Node::as_str).unwrap_or_default();
        match text("kind") {
            "User" => text("name") == user.name,
            "Group" => user.groups.iter().any(|group| group == text("name")),
            "ServiceAccount" => {
                let home = if text("namespace").is_empty() { namespace } else { text("namespace") };
                split_account(&user.name) == Some((home, text("name"))) && !home.is_empty()
            }
            _ => false,
        }
    })
}

fn list<'a>(rule: &'a Node, key: &str) -> impl Iterator<Item = &'a str> {
    rule.get(key).and_then(Node::as_seq).into_iter().flatten().filter_map(Node::as_str)
}

pub(crate) fn rule_allows(rule: &Node, attributes: &Attributes) -> bool {
    if !list(rule, "verbs").any(|verb| verb == "*" || verb == attributes.verb) {
        return false;
    }
    if let Some(path) = &attributes.path {
        return list(rule, "nonResourceURLs").any(|url| {
            url == "*" || url == path || url.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix))
        });
    }
    let combined = match attributes.subresource.as_str() {
        "" => attributes.resource.clone(),
        sub => format!("{}/{sub}", attributes.resource),
    };
    let resource = list(rule, "resources").any(|resource| {
        resource == "*"
            || resource == combined
            || (!attributes.subresource.is_empty() && resource.strip_prefix("*/") == Some(&attributes.subresource))
    });
    let mut names = list(rule, "resourceNames").peekable();
    resource
        && list(rule, "apiGroups").any(|group| group == "*" || group == attributes.group)
        && (names.peek().is_none() || names.any(|name| name == attributes.name))
}

fn refusal(user: &User, attributes: &Attributes) -> ApiError {
    let verb = &attributes.verb;
    if let Some(path) = &attributes.path {
        let why = format!("User {:?} cannot {verb} path {path:?}", user.name);
        return ApiError::forbidden("", "", "", why);
    }
    let resource = match attributes.subresource.as_str() {
        "" => attributes.resource.clone(),
        sub => format!("{}/{sub}", attributes.resource),
    };
    let mut why =
        format!("User {:?} cannot {verb} resource {resource:?} in API group {:?}", user.name, attributes.group);
    match attributes.namespace.as_str() {
        "" => why += " at the cluster scope",
        namespace => why += &format!(" in the namespace {namespace:?}"),
    }
    let mut error = ApiError::forbidden(&attributes.group, &attributes.resource, &attributes.name, &why);
    if !attributes.subresource.is_empty() {
        // The details name the resource, the message the subresource with it.
        let subject = qualified(&attributes.resource, &attributes.group);
        error.message = match attributes.name.as_str() {
            "" => format!("{subject} is forbidden: {why}"),
            name => format!("{subject} {name:?} is forbidden: {why}"),
        };
    }
    error
}
