//! The form in which objects are sent: as Flux sends them, so that the same fields become ours.
//!
//! Flux reads an object of a built-in kind into Go's type and prints it again. So a `null` is not a
//! value (it would take a replica count from an autoscaler), and the keys of a Secret's `stringData`
//! are those of its `data` (else a key that is removed there stays in the cluster). The status is
//! never ours, but for that of definitions.
//!
//! An object with a field that its kind does not have is sent as it is: a newer server may know the field. Where it does
//! not, the field is left out, as Go's types lose it, and that is told ([`without_unknown`]). `false` and `0` are sent too.

use crate::bundle::without_placeholder;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use weir_doc::{Node, Number, Value};
use weir_merge::schema::Scalar;
use weir_merge::{Schema, TypeRef};
use weir_object::meta;

pub(crate) fn normalise(node: &mut Node) {
    let Some((group, version)) = meta::group_version(node) else { return };
    let kind = meta::kind(node);
    if !is_reshaped(group, version, kind) {
        return;
    }
    let is_definition = (group, kind) == ("apiextensions.k8s.io", "CustomResourceDefinition");
    let is_secret = (group, kind) == ("", "Secret");
    let is_service = (group, kind) == ("", "Service");
    // These two groups are not among the types of Flux's client.
    let schema = Schema::builtin();
    let is_typed = !["apiextensions.k8s.io", "apiregistration.k8s.io"].contains(&group);
    if let Some(ty) = schema.kind(group, version, kind).filter(|_| is_typed)
        && fits(schema, ty, node)
    {
        schema.reshape(ty, node);
        if is_secret {
            encode_string_data(node);
        }
        if is_service {
            own_target_ports(node);
        }
    }
    if let Some(metadata) = node.get_mut("metadata").and_then(Node::as_map_mut) {
        metadata.remove("creationTimestamp");
    }
    if is_definition {
        without_placeholder(node);
    } else {
        node.remove("status");
    }
}

/// Flux leaves roles alone, since Go's types print their rules in another way.
fn is_reshaped(group: &str, version: &str, kind: &str) -> bool {
    (group, version) != ("rbac.authorization.k8s.io", "v1") || !["Role", "ClusterRole"].contains(&kind)
}

/// Leaves out the fields that the object's kind does not have, and says which, with their places. None where the kind is
/// not known, or has all of them.
pub(crate) fn without_unknown(node: &mut Node) -> Option<Vec<String>> {
    let (group, version) = meta::group_version(node)?;
    let schema = Schema::builtin();
    let ty = schema.kind(group, version, meta::kind(node)).filter(|_| is_reshaped(group, version, meta::kind(node)))?;
    let mut unknown = Vec::new();
    leave_out(schema, ty, node, "", &mut unknown);
    normalise(node);
    (!unknown.is_empty()).then_some(unknown)
}

fn leave_out(schema: &Schema, ty: TypeRef, node: &mut Node, path: &str, unknown: &mut Vec<String>) {
    let kind = schema.get(ty);
    match &mut node.value {
        Value::Seq(items) => {
            let Some(list) = &kind.list else { return };
            for (at, item) in items.iter_mut().enumerate() {
                leave_out(schema, list.element, item, &format!("{path}[{at}]"), unknown);
            }
        }
        Value::Map(map) => {
            let Some(shape) = &kind.map else { return };
            map.retain(|key, value| {
                let name = key.as_str();
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                match shape.fields.get(name).map(|field| field.ty).or(shape.values) {
                    Some(child) => {
                        leave_out(schema, child, value, &path, unknown);
                        true
                    }
                    None if value.meta.at.is_known() => {
                        unknown.push(format!("{path} ({})", value.meta.at));
                        false
                    }
                    None => {
                        unknown.push(path);
                        false
                    }
                }
            });
        }
        _ => {}
    }
}

/// Whether a document can be read into its type: all of its fields are known, and of the right form.
fn fits(schema: &Schema, ty: TypeRef, node: &Node) -> bool {
    let kind = schema.get(ty);
    match &node.value {
        Value::Null => true,
        Value::Seq(items) => {
            kind.list.as_ref().is_some_and(|list| items.iter().all(|item| fits(schema, list.element, item)))
        }
        Value::Map(map) => kind.map.as_ref().is_some_and(|shape| {
            map.iter().all(|(key, value)| {
                let child = shape.fields.get(key.as_str()).map(|field| field.ty).or(shape.values);
                child.is_some_and(|child| fits(schema, child, value))
            })
        }),
        scalar => kind.scalar.is_some_and(|wanted| is_of(scalar, wanted)),
    }
}

fn is_of(value: &Value, wanted: Scalar) -> bool {
    match wanted {
        Scalar::Untyped => true,
        Scalar::String | Scalar::Bytes | Scalar::Time => matches!(value, Value::String(_)),
        Scalar::Bool => matches!(value, Value::Bool(_)),
        Scalar::Int32 | Scalar::Integer => match value {
            Value::Number(Number::Float(number)) => number.fract() == 0.0,
            value => matches!(value, Value::Number(_)),
        },
        Scalar::Number => matches!(value, Value::Number(_)),
        Scalar::IntOrString | Scalar::Quantity => matches!(value, Value::Number(_) | Value::String(_)),
    }
}

/// Moves `stringData` into `data`, where it wins.
fn encode_string_data(node: &mut Node) {
    let Some(Value::Map(plain)) = node.remove("stringData").map(|node| node.value) else { return };
    let data = node.ensure_map(&["data"]);
    for (key, value) in plain.iter() {
        let mut encoded = Node::string(BASE64_STANDARD.encode(value.as_str().unwrap_or_default()));
        encoded.meta = value.meta.clone();
        data.insert(key.clone(), encoded);
    }
}

/// Go prints a port's target always; naming what the server takes it for makes it ours as well.
fn own_target_ports(node: &mut Node) {
    let ports = node.path_mut(&["spec", "ports"]).and_then(Node::as_seq_mut);
    for port in ports.into_iter().flatten() {
        if let (None, Some(number)) = (port.get("targetPort"), port.get("port").cloned()) {
            port.set("targetPort", number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(json: &str) -> String {
        let mut node = weir_doc::from_json(json.as_bytes()).expect("valid");
        normalise(&mut node);
        String::from_utf8(weir_doc::to_json(&node)).expect("text")
    }

    #[test]
    fn string_data_becomes_data_and_wins() {
        let secret = normal(
            r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","labels":null},
                "data":{"a":"MQ==","b":"Mg=="},"stringData":{"a":"plain"}}"#,
        );
        assert!(secret.contains(r#""data":{"a":"cGxhaW4=","b":"Mg=="}"#), "{secret}");
        assert!(!secret.contains("stringData") && !secret.contains("labels"), "{secret}");
    }

    #[test]
    fn a_null_is_no_value_and_a_status_is_not_ours() {
        let deployment = normal(
            r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","creationTimestamp":null},
                "spec":{"replicas":null,"paused":false},"status":{"replicas":3}}"#,
        );
        assert!(deployment.contains(r#""paused":false"#), "{deployment}");
        for gone in ["replicas", "creationTimestamp", "status"] {
            assert!(!deployment.contains(gone), "{gone}: {deployment}");
        }
    }

    #[test]
    fn what_does_not_fit_its_type_is_left_for_the_server_to_name() {
        let typo = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"replica":null}}"#;
        assert!(normal(typo).contains(r#""replica":null"#));
        let mut node = weir_doc::from_json(typo.as_bytes()).expect("valid");
        assert_eq!(without_unknown(&mut node), Some(vec!["spec.replica".to_owned()]));
        assert!(node.path(&["spec"]).is_none_or(|spec| spec.get("replica").is_none()));
        let custom = r#"{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"size":null}}"#;
        assert!(normal(custom).contains(r#""size":null"#));
    }
}
