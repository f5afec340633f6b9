//! Reviews: requests that ask what somebody may do, or who somebody is.

use super::User;
use super::authn::user_of_token;
use super::keys::Claims;
use super::rbac::{self, Attributes};
use crate::handlers::{Answer, Call};
use crate::request::body;
use crate::status::ApiError;
use crate::store::Object;
use bytes::Bytes;
use weir_doc::{Map, Node};

/// The audience of tokens that ask for none.
pub(crate) const AUDIENCE: &str = super::keys::ISSUER;

pub(crate) fn claims(account: &Object, expires: i64, audiences: &[String]) -> Claims {
    Claims {
        namespace: account.namespace().to_owned(),
        name: account.name().to_owned(),
        uid: account.uid().unwrap_or_default().to_owned(),
        expires,
        audiences: audiences.to_vec(),
    }
}

/// Answers a review; `None` when the request is not one.
pub(crate) fn review(call: &Call<'_>, bytes: &Bytes) -> Result<Option<Answer>, ApiError> {
    let group = call.resource.group.as_str();
    if !matches!(group, "authorization.k8s.io" | "authentication.k8s.io") {
        return Ok(None);
    }
    let mut node = body::object(&call.content_type, bytes)?;
    node.set("kind", call.resource.kind.as_str());
    node.set("apiVersion", call.resource.api_version(&call.target.version));
    node.ensure_map(&["metadata"]);
    let status = match call.resource.plural.as_str() {
        "selfsubjectaccessreviews" => access(call, &call.user, &node),
        "subjectaccessreviews" => access(call, &subject(&node), &node),
        "localsubjectaccessreviews" => {
            let namespace = node.path(&["spec", "resourceAttributes", "namespace"]).and_then(Node::as_str);
            if namespace != Some(&call.target.namespace) {
                let why = "spec.resourceAttributes.namespace must match the namespace of the request";
                return Err(ApiError::bad_request(why));
            }
            access(call, &subject(&node), &node)
        }
        "selfsubjectrulesreviews" => rules(call, &node),
        "selfsubjectreviews" => {
            let mut status = Map::new();
            status.insert("userInfo", user_info(&call.user));
            status
        }
        "tokenreviews" => token(call, &node),
        _ => return Ok(None),
    };
    node.set("status", status);
    Ok(Some(Answer { code: 201, node }))
}

fn subject(node: &Node) -> User {
    let list = |key: &str| {
        let values = node.path(&["spec", key]).and_then(Node::as_seq).into_iter().flatten();
        values.filter_map(Node::as_str).map(str::to_owned).collect()
    };
    let text = |key: &str| node.path(&["spec", key]).and_then(Node::as_str).unwrap_or_default().to_owned();
    User { name: text("user"), uid: text("uid"), groups: list("groups"), extra: Vec::new() }
}

fn access(call: &Call<'_>, user: &User, node: &Node) -> Map {
    let text =
        |path: &str, key: &str| node.path(&["spec", path, key]).and_then(Node::as_str).unwrap_or_default().to_owned();
    let resource = node.path(&["spec", "resourceAttributes"]).is_some();
    let attributes = if resource {
        let text = |key: &str| text("resourceAttributes", key);
        Attributes {
            verb: text("verb"),
            group: text("group"),
            version: text("version"),
            resource: text("resource"),
            subresource: text("subresource"),
            namespace: text("namespace"),
            name: text("name"),
            path: None,
        }
    } else {
        let path = text("nonResourceAttributes", "path");
        Attributes { verb: text("nonResourceAttributes", "verb"), path: Some(path), ..Attributes::default() }
    };
    let allowed = rbac::allows(&call.cluster.lock(), user, &attributes);
    let mut status = Map::new();
    status.insert("allowed", allowed);
    if allowed && !user.is_master() {
        status.insert("reason", "RBAC: allowed by a binding");
    }
    status
}

fn rules(call: &Call<'_>, node: &Node) -> Map {
    let namespace = node.path(&["spec", "namespace"]).and_then(Node::as_str).unwrap_or_default();
    let (mut resource, mut other) = (Vec::new(), Vec::new());
    let add = |rule: &Node, keys: &[&str], out: &mut Vec<Node>| {
        let mut map = Map::new();
        for key in keys {
            if let Some(value) = rule.get(key) {
                map.insert(*key, value.clone());
            }
        }
        out.push(Node::from(map));
    };
    let state = call.cluster.lock();
    let all = |keys: &[&str]| {
        let mut rule = Node::map();
        keys.iter().for_each(|key| rule.set(*key, vec![Node::string("*")]));
        rule
    };
    if call.user.is_master() {
        resource.push(all(&["verbs", "apiGroups", "resources"]));
        other.push(all(&["verbs", "nonResourceURLs"]));
    }
    for rule in rbac::rules_for(&state, &call.user, namespace) {
        if rule.get("nonResourceURLs").is_some() {
            add(rule, &["verbs", "nonResourceURLs"], &mut other);
        } else {
            add(rule, &["verbs", "apiGroups", "resources", "resourceNames"], &mut resource);
        }
    }
    let mut status = Map::new();
    status.insert("resourceRules", resource);
    status.insert("nonResourceRules", other);
    status.insert("incomplete", false);
    status
}

fn token(call: &Call<'_>, node: &Node) -> Map {
    let token = node.path(&["spec", "token"]).and_then(Node::as_str).unwrap_or_default();
    let wanted: Vec<&str> = node
        .path(&["spec", "audiences"])
        .and_then(Node::as_seq)
        .into_iter()
        .flatten()
        .filter_map(Node::as_str)
        .collect();
    let audiences = match call.cluster.keys.verify(token, crate::clock::unix_seconds()) {
        Some(claims) => claims.audiences,
        None => vec![AUDIENCE.to_owned()],
    };
    let common: Vec<Node> = match wanted.as_slice() {
        [] => audiences.iter().map(|audience| Node::string(audience.as_str())).collect(),
        wanted => audiences
            .iter()
            .filter(|audience| wanted.contains(&audience.as_str()))
            .map(|a| Node::string(a.as_str()))
            .collect(),
    };
    let mut status = Map::new();
    match user_of_token(call.cluster, token).filter(|_| !common.is_empty()) {
        Some(user) => {
            status.insert("authenticated", true);
            status.insert("user", user_info(&user));
            status.insert("audiences", common);
        }
        None => {
            status.insert("user", Node::map());
            status.insert("error", "invalid bearer token");
        }
    }
    status
}

fn user_info(user: &User) -> Map {
    let mut map = Map::new();
    map.insert("username", user.name.as_str());
    if !user.uid.is_empty() {
        map.insert("uid", user.uid.as_str());
    }
    map.insert("groups", user.groups.iter().map(|group| Node::string(group.as_str())).collect::<Vec<Node>>());
    if !user.extra.is_empty() {
        let mut extra = Map::new();
        for (key, value) in &user.extra {
            let values = extra.entry_or_null(key);
            let mut list = values.as_seq().cloned().unwrap_or_default();
            list.push(Node::string(value.as_str()));
            *values = list.into();
        }
        map.insert("extra", extra);
    }
    map
}
