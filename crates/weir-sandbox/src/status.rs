//! What the API answers when it refuses: `Status` bodies in the original's words.

use crate::resources::Resource;
use weir_doc::{Map, Node};

/// A refusal: an HTTP code and the content of a `Status`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    pub details: Option<Box<Details>>,
    /// What the client is warned of besides.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Details {
    pub name: String,
    pub group: String,
    pub kind: String,
    pub causes: Vec<Cause>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cause {
    pub reason: &'static str,
    pub message: String,
    pub field: String,
}

impl Cause {
    pub fn invalid(field: impl Into<String>, value: &Node, message: impl AsRef<str>) -> Self {
        let shown = String::from_utf8_lossy(&weir_doc::to_json(value)).into_owned();
        let message = format!("Invalid value: {shown}: {}", message.as_ref());
        Cause { reason: "FieldValueInvalid", message, field: field.into() }
    }

    pub fn required(field: impl Into<String>, message: &str) -> Self {
        let message =
            if message.is_empty() { "Required value".to_owned() } else { format!("Required value: {message}") };
        Cause { reason: "FieldValueRequired", message, field: field.into() }
    }

    pub fn forbidden(field: impl Into<String>, message: &str) -> Self {
        Cause { reason: "FieldValueForbidden", message: format!("Forbidden: {message}"), field: field.into() }
    }

    pub fn unsupported(field: impl Into<String>, value: &Node, allowed: &[String]) -> Self {
        let allowed: Vec<String> = allowed.iter().map(|value| format!("{value:?}")).collect();
        let shown = String::from_utf8_lossy(&weir_doc::to_json(value)).into_owned();
        let message = format!("Unsupported value: {shown}: supported values: {}", allowed.join(", "));
        Cause { reason: "FieldValueNotSupported", message, field: field.into() }
    }

    fn text(&self) -> String {
        format!("{}: {}", self.field, self.message)
    }
}

impl ApiError {
    fn plain(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        ApiError { code, reason, message: message.into(), details: None, warnings: Vec::new() }
    }

    fn with(code: u16, reason: &'static str, message: String, group: &str, kind: &str, name: &str) -> Self {
        let details = Details { name: name.into(), group: group.into(), kind: kind.into(), causes: Vec::new() };
        ApiError { code, reason, message, details: Some(Box::new(details)), warnings: Vec::new() }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::plain(400, "BadRequest", message)
    }

    pub fn unauthorized() -> Self {
        Self::plain(401, "Unauthorized", "Unauthorized")
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::plain(500, "InternalError", message)
    }

    /// A failure that the original reports without a reason.
    pub fn bare_internal(message: impl Into<String>) -> Self {
        Self::plain(500, "", message)
    }

    pub fn expired(message: impl Into<String>) -> Self {
        Self::plain(410, "Expired", message)
    }

    pub fn path_not_found() -> Self {
        Self::with(404, "NotFound", "the server could not find the requested resource".to_owned(), "", "", "")
    }

    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource".to_owned();
        Self::with(405, "MethodNotAllowed", message, "", "", "")
    }

    pub fn not_acceptable() -> Self {
        let message = "only the following media types are accepted: application/json, application/yaml";
        Self::plain(406, "NotAcceptable", message)
    }

    pub fn unsupported_media(message: impl Into<String>) -> Self {
        Self::plain(415, "UnsupportedMediaType", message)
    }

    pub fn too_large(message: impl Into<String>) -> Self {
        Self::plain(413, "RequestEntityTooLarge", message)
    }

    pub fn too_many(message: impl Into<String>) -> Self {
        Self::plain(429, "TooManyRequests", message)
    }

    pub fn not_found(resource: &Resource, name: &str) -> Self {
        Self::not_found_as(&resource.group, &resource.plural, name)
    }

    pub fn not_found_as(group: &str, plural: &str, name: &str) -> Self {
        let message = format!("{} {name:?} not found", qualified(plural, group));
        Self::with(404, "NotFound", message, group, plural, name)
    }

    pub fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", resource.qualified());
        Self::with(409, "AlreadyExists", message, &resource.group, &resource.plural, name)
    }

    pub fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified());
        Self::with(409, "Conflict", message, &resource.group, &resource.plural, name)
    }

    pub fn modified(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    pub fn apply_conflict(error: &weir_merge::ApplyError) -> Self {
        let mut refusal = Self::plain(409, "Conflict", error.to_string());
        if let weir_merge::ApplyError::Conflicts(conflicts) = error {
            let causes = conflicts.iter().map(|conflict| Cause {
                reason: "FieldManagerConflict",
                message: format!("conflict with {}", conflict.manager),
                field: weir_merge::fields::path_text(&conflict.path),
            });
            refusal.details = Some(Box::new(Details { causes: causes.collect(), ..Details::default() }));
        }
        refusal
    }

    pub fn forbidden(group: &str, plural: &str, name: &str, why: impl AsRef<str>) -> Self {
        let subject = match (plural, name) {
            ("", _) => "forbidden".to_owned(),
            (_, "") => format!("{} is forbidden", qualified(plural, group)),
            _ => format!("{} {name:?} is forbidden", qualified(plural, group)),
        };
        Self::with(403, "Forbidden", format!("{subject}: {}", why.as_ref()), group, plural, name)
    }

    pub fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let texts: Vec<String> = causes.iter().map(Cause::text).collect();
        let list = match texts.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let mut error = Self::with(
            422,
            "Invalid",
            format!("{} {name:?} is invalid: {list}", qualified(kind, group)),
            group,
            kind,
            name,
        );
        if let Some(details) = &mut error.details {
            details.causes = causes;
        }
        error
    }

    pub fn warn(mut self, warnings: &[String]) -> Self {
        self.warnings.extend_from_slice(warnings);
        self
    }

    pub fn to_node(&self) -> Node {
        let mut map = status("Failure");
        map.insert("message", self.message.as_str());
        if !self.reason.is_empty() {
            map.insert("reason", self.reason);
        }
        if let Some(details) = &self.details {
            map.insert("details", details.to_node());
        }
        map.insert("code", i64::from(self.code));
        Node::from(map)
    }
}

impl Details {
    fn to_node(&self) -> Node {
        let mut map = Map::new();
        for (key, value) in [("name", &self.name), ("group", &self.group), ("kind", &self.kind)] {
            if !value.is_empty() {
                map.insert(key, value.as_str());
            }
        }
        if !self.causes.is_empty() {
            let causes = self.causes.iter().map(|cause| {
                let entries = [("reason", cause.reason), ("message", &cause.message), ("field", &cause.field)];
                Node::from(entries.into_iter().map(|(key, value)| (key, Node::string(value))).collect::<Map>())
            });
            map.insert("causes", causes.collect::<Vec<Node>>());
        }
        Node::from(map)
    }
}

/// The answer to a deletion that is done.
pub(crate) fn success(resource: &Resource, name: &str, uid: &str) -> Node {
    let mut details = Map::new();
    details.insert("name", name);
    if !resource.group.is_empty() {
        details.insert("group", resource.group.as_str());
    }
    details.insert("kind", resource.plural.as_str());
    details.insert("uid", uid);
    let mut map = status("Success");
    map.insert("details", details);
    Node::from(map)
}

fn status(outcome: &str) -> Map {
    let mut map = Map::new();
    map.insert("kind", "Status");
    map.insert("apiVersion", "v1");
    map.insert("metadata", Node::map());
    map.insert("status", outcome);
    map
}

/// `deployments.apps`, `pods`.
pub(crate) fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}
