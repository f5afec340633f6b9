//! The object in a request: is it of this kind, and does it fit the kind's schema?

use super::Call;
use crate::crd;
use crate::kinds;
use crate::request::{FieldValidation, body};
use crate::resources::Version;
use crate::status::ApiError;
use bytes::Bytes;
use weir_doc::{Node, Value};
use weir_merge::TypeRef;
use weir_merge::schema::{Scalar, Schema};

/// Reads the object of a POST or PUT. Returns it with warnings.
pub(super) fn object(call: &Call<'_>, bytes: &Bytes) -> Result<(Node, Vec<String>), ApiError> {
    let mut node = body::object(&call.content_type, bytes)?;
    if node.as_map().is_none() {
        return Err(ApiError::bad_request("couldn't get version/kind; json parse error: the body is not an object"));
    }
    check_kind(call, &mut node)?;
    let warnings = check_fields(call, &node)?;
    Ok((node, warnings))
}

/// An object may leave out apiVersion and kind; if it has them they are the endpoint's.
pub(super) fn check_kind(call: &Call<'_>, node: &mut Node) -> Result<(), ApiError> {
    let resource = &call.resource;
    let expected = resource.api_version(&call.target.version);
    let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if (!kind.is_empty() && kind != resource.kind) || (!api_version.is_empty() && api_version != expected) {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        return Err(ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): the API version in the data ({api_version}) does not match the expected API version ({expected})",
            resource.kind
        ))
        .for_kind(kind != resource.kind && !kind.is_empty(), || {
            format!("{kind} in version {version:?} cannot be handled as a {}: no kind {kind:?} is registered for version \"{group}/{version}\"", resource.kind)
        }));
    }
    node.set("apiVersion", expected);
    node.set("kind", resource.kind.as_str());
    Ok(())
}

impl ApiError {
    fn for_kind(mut self, wrong: bool, message: impl FnOnce() -> String) -> Self {
        if wrong {
            self.message = message();
        }
        self
    }
}

/// Wrong types are refused; unknown fields as the client wants it.
pub(super) fn check_fields(call: &Call<'_>, node: &Node) -> Result<Vec<String>, ApiError> {
    let version = call.version()?;
    let validation = call.query.field_validation()?;
    if version.rules.is_none() {
        let mut walk = TypeWalk { schema: &version.schema, path: Vec::new() };
        if let Some(why) = walk.check(version.ty, None, node) {
            return Err(ApiError::bad_request(handled(call, &format!("json: {why}"))));
        }
        check_bytes(call, node)?;
    }
    let unknown = unknown_fields(version, node);
    match validation {
        FieldValidation::Strict if !unknown.is_empty() => {
            Err(ApiError::bad_request(handled(call, &format!("strict decoding error: {}", unknown.join(", ")))))
        }
        FieldValidation::Warn => Ok(unknown),
        _ => Ok(Vec::new()),
    }
}

/// Bytes are base64 in JSON.
pub(super) fn check_bytes(call: &Call<'_>, node: &Node) -> Result<(), ApiError> {
    match kinds::broken_base64(&call.resource, node) {
        Some(at) => Err(ApiError::bad_request(handled(call, &format!("illegal base64 data at input byte {at}")))),
        None => Ok(()),
    }
}

fn handled(call: &Call<'_>, why: &str) -> String {
    let kind = &call.resource.kind;
    format!("{kind} in version {:?} cannot be handled as a {kind}: {why}", call.target.version)
}

/// `unknown field "spec.foo"` for each, in order.
pub(super) fn unknown_fields(version: &Version, node: &Node) -> Vec<String> {
    let mut out = Vec::new();
    match &version.rules {
        Some(rules) => {
            crd::unknown(rules, node, &mut out);
            let builtin = Schema::builtin();
            if let (Some(ty), Some(meta)) =
                (builtin.named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"), node.get("metadata"))
            {
                unknown(builtin, ty, meta, "metadata", &mut out);
            }
        }
        None => unknown(&version.schema, version.ty, node, "", &mut out),
    }
    out.into_iter().map(|path| format!("unknown field {path:?}")).collect()
}

fn unknown(schema: &Schema, ty: TypeRef, node: &Node, path: &str, out: &mut Vec<String>) {
    let shape = schema.get(ty);
    match &node.value {
        Value::Map(map) => {
            let Some(fields) = &shape.map else { return };
            for (key, value) in map.iter() {
                let at = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
                match fields.fields.get(key.as_str()).map(|field| field.ty).or(fields.values) {
                    Some(child) => unknown(schema, child, value, &at, out),
                    None => out.push(at),
                }
            }
        }
        Value::Seq(items) => {
            let Some(list) = &shape.list else { return };
            for (index, item) in items.iter().enumerate() {
                unknown(schema, list.element, item, &format!("{path}[{index}]"), out);
            }
        }
        _ => {}
    }
}

struct TypeWalk<'a> {
    schema: &'a Schema,
    path: Vec<String>,
}

impl TypeWalk<'_> {
    /// What Go's decoder says about the first value of a wrong type.
    fn check(&mut self, ty: TypeRef, owner: Option<TypeRef>, node: &Node) -> Option<String> {
        let shape = self.schema.get(ty);
        let fail = |expected: &str| {
            let got = match node.value {
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                Value::Seq(_) => "array",
                Value::Map(_) => "object",
                Value::Null => "null",
            };
            let owner = owner.and_then(|owner| self.schema.go_name(owner)).unwrap_or_default();
            Some(format!(
                "cannot unmarshal {got} into Go struct field {owner}.{} of type {expected}",
                self.path.join(".")
            ))
        };
        match (&node.value, &shape.map, &shape.list, shape.scalar) {
            (Value::Null, ..) => None,
            (Value::Map(map), Some(fields), _, _) => map.iter().find_map(|(key, value)| {
                let plain = fields.fields.is_empty();
                let child = fields.fields.get(key.as_str()).map(|field| field.ty).or(fields.values)?;
                if !plain {
                    self.path.push(key.as_str().to_owned());
                }
                let found = self.check(child, if plain { owner } else { Some(ty) }, value);
                if !plain {
                    self.path.pop();
                }
                found
            }),
            (Value::Seq(items), _, Some(list), _) => {
                items.iter().find_map(|item| self.check(list.element, owner, item))
            }
            (value, _, _, Some(scalar)) => {
                let (fits, name) = match (scalar, value) {
                    (Scalar::Untyped, _) => (true, ""),
                    (Scalar::IntOrString, Value::Map(_) | Value::Seq(_) | Value::Bool(_)) => {
                        (false, "intstr.IntOrString")
                    }
                    (Scalar::Quantity, Value::Map(_) | Value::Seq(_) | Value::Bool(_)) => (false, "resource.Quantity"),
                    (Scalar::IntOrString | Scalar::Quantity, _) => (true, ""),
                    (Scalar::String, value) => (matches!(value, Value::String(_)), "string"),
                    (Scalar::Time, value) => (matches!(value, Value::String(_)), "v1.Time"),
                    (Scalar::Bytes, value) => (matches!(value, Value::String(_)), "[]uint8"),
                    (Scalar::Bool, value) => (matches!(value, Value::Bool(_)), "bool"),
                    (Scalar::Int32, Value::Number(number)) => (number.as_i64().is_some(), "int32"),
                    (Scalar::Integer, Value::Number(number)) => (number.as_i64().is_some(), "int64"),
                    (Scalar::Number, Value::Number(_)) => (true, ""),
                    (Scalar::Int32, _) => (false, "int32"),
                    (Scalar::Integer, _) => (false, "int64"),
                    (Scalar::Number, _) => (false, "float64"),
                };
                if fits { None } else { fail(name) }
            }
            (_, Some(fields), _, None) => {
                let go = self.schema.go_name(ty).map(|name| format!("v1.{name}"));
                fail(&go.unwrap_or_else(|| {
                    if fields.fields.is_empty() { "map[string]string".to_owned() } else { "struct".to_owned() }
                }))
            }
            (_, None, Some(list), None) => {
                let element = self.schema.get(list.element);
                let go = self.schema.go_name(list.element).map(|name| format!("[]v1.{name}"));
                fail(&go.unwrap_or_else(|| {
                    if element.scalar.is_some() { "[]string".to_owned() } else { "[]interface {}".to_owned() }
                }))
            }
            _ => None,
        }
    }
}
