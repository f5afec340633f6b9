//! The suffix that makes the name of a generated object change with its content.

use crate::scalar;
use sha2::{Digest, Sha256};
use weir_doc::{Map, Node, Value};

/// Ten characters of the SHA-256 of the content, without vowels that spell words.
pub(crate) fn content_hash(object: &Node) -> String {
    let mut object = object.clone();
    scalar::finish(&mut object);
    let mut out = String::new();
    match object.str_at(&["kind"]) {
        Some("Secret") => {
            let mut members = vec![("data", object.get("data")), ("kind", None), ("name", None)];
            if object.get("stringData").is_some_and(is_collection) {
                members.push(("stringData", object.get("stringData")));
            }
            members.push(("type", object.get("type")));
            write_members(&members, "Secret", &mut out);
        }
        Some("ConfigMap") => {
            let mut members = Vec::new();
            if object.get("binaryData").is_some_and(is_collection) {
                members.push(("binaryData", object.get("binaryData")));
            }
            members.extend([("data", object.get("data")), ("kind", None), ("name", None)]);
            write_members(&members, "ConfigMap", &mut out);
        }
        _ => write_json(&object, &mut out),
    }
    let digest = Sha256::digest(out.as_bytes());
    let hex = weir_base::hex(&digest[..5]);
    let change = |c| match c {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    };
    hex.chars().map(change).collect()
}

fn is_collection(node: &Node) -> bool {
    node.as_map().is_some() || node.as_seq().is_some()
}

/// The name does not count: it is hashed as an empty text, as the original does.
fn write_members(members: &[(&str, Option<&Node>)], kind: &str, out: &mut String) {
    out.push('{');
    for (at, (name, node)) in members.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_text(name, out);
        out.push(':');
        match node {
            Some(node) if node.as_map().is_some() => write_json(node, out),
            // kustomize reads it as a mapping, and has none then.
            Some(node) if node.as_seq().is_some() => out.push_str("null"),
            Some(node) => write_text(&scalar::text(node), out),
            None if *name == "kind" => write_text(kind, out),
            None => write_text("", out),
        }
    }
    out.push('}');
}

/// JSON as Go's encoder writes a map: keys sorted, HTML escaped.
pub(crate) fn write_json(node: &Node, out: &mut String) {
    match &node.value {
        Value::String(text) => write_text(text, out),
        Value::Map(map) => {
            let mut entries: Vec<_> = Map::iter(map).collect();
            entries.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
            out.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(key.as_str(), out);
                out.push(':');
                write_json(value, out);
            }
            out.push('}');
        }
        Value::Seq(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        _ => out.push_str(&String::from_utf8_lossy(&weir_doc::to_json(node))),
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
