//! Kubernetes' protobuf, read only: Go clients send it for built-in kinds. What they read is JSON.
//!
//! The field numbers are a table, `tables/protobuf-1.37.json.gz`, made from the tags in Go's types.

use crate::resources::unpack;
use base64::Engine;
use std::sync::OnceLock;
use weir_doc::{Map, Node, Number, Value};

const MAGIC: &[u8] = b"k8s\0";

/// The deepest nesting of messages; protobuf's own default.
const MAX_DEPTH: u32 = 100;

fn table() -> &'static Node {
    static TABLE: OnceLock<Node> = OnceLock::new();
    TABLE.get_or_init(|| unpack(include_bytes!("../../tables/protobuf-1.37.json.gz")))
}

/// Reads an object in its envelope. `None` when it is malformed or of an unknown kind.
pub(super) fn decode(bytes: &[u8]) -> Option<Node> {
    let envelope = fields(bytes.strip_prefix(MAGIC)?)?;
    let part = |number: u64| envelope.iter().find(|(n, _)| *n == number).and_then(|(_, wire)| wire.bytes());
    let meta = fields(part(1)?)?;
    let text = |number: u64| {
        let bytes = meta.iter().find(|(n, _)| *n == number).and_then(|(_, wire)| wire.bytes())?;
        String::from_utf8(bytes.to_vec()).ok()
    };
    let (api_version, kind) = (text(1)?, text(2)?);
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let rows = table().get("kinds").and_then(Node::as_seq)?;
    let cell = |row: &'static Node, at: usize| {
        row.as_seq().and_then(|row| row.get(at)).and_then(Node::as_str).unwrap_or_default()
    };
    let is_it = |row: &&'static Node| {
        cell(row, 2) == kind && (cell(row, 0) == "*" || (cell(row, 0) == group && cell(row, 1) == version))
    };
    let name = cell(rows.iter().find(is_it)?, 3);
    let mut map = Map::new();
    map.insert("apiVersion", api_version.as_str());
    map.insert("kind", kind);
    message(name, part(2).unwrap_or_default(), &mut map, 0)?;
    Some(Node::from(map))
}

/// One value on the wire.
#[derive(Clone, Copy)]
enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Wire::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn int(self) -> Option<i64> {
        match self {
            Wire::Varint(n) => Some(n as i64),
            _ => None,
        }
    }

    fn text(self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Wire<'_>)>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let wire = match tag & 7 {
            0 => Wire::Varint(varint(&mut bytes)?),
            1 => Wire::Fixed64(take(&mut bytes, 8)?.try_into().ok()?),
            2 => {
                let count = usize::try_from(varint(&mut bytes)?).ok()?;
                Wire::Bytes(take(&mut bytes, count)?)
            }
            5 => Wire::Fixed32(take(&mut bytes, 4)?.try_into().ok()?),
            _ => return None,
        };
        out.push((tag >> 3, wire));
    }
    Some(out)
}

/// A row of the table: JSON name, kind, flags (`l`ist, `m`ap, left out when `z`ero). An inlined message has no name.
fn field(name: &str, number: u64) -> Option<(&'static str, &'static str, &'static str)> {
    let row = table().path(&["messages", name])?.get(&number.to_string())?.as_seq()?;
    Some((row.first()?.as_str()?, row.get(1)?.as_str()?, row.get(2)?.as_str()?))
}

fn message(name: &str, bytes: &[u8], out: &mut Map, depth: u32) -> Option<()> {
    if depth > MAX_DEPTH {
        return None;
    }
    for (number, wire) in fields(bytes)? {
        let Some((key, kind, flags)) = field(name, number) else { continue };
        if key.is_empty() {
            message(kind.strip_prefix("m:")?, wire.bytes()?, out, depth + 1)?;
        } else if flags.contains('m') {
            let entry = fields(wire.bytes()?)?;
            let part = |number: u64| entry.iter().find(|(n, _)| *n == number).map(|(_, wire)| *wire);
            let name = part(1).and_then(Wire::text).unwrap_or_default();
            let value = value(kind, part(2).unwrap_or(Wire::Bytes(&[])), depth)?;
            out.entry_or_null(key).ensure_map(&[]).insert(name, value);
        } else if flags.contains('l') {
            let list = out.entry_or_null(key);
            if list.as_seq().is_none() {
                *list = Node::from(Vec::new());
            }
            let value = value(kind, wire, depth)?;
            if let Some(list) = list.as_seq_mut() {
                list.push(value);
            }
        } else {
            let value = value(kind, wire, depth)?;
            if !(flags.contains('z') && is_zero(&value)) {
                out.insert(key, value);
            }
        }
    }
    Some(())
}

fn is_zero(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Seq(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
    }
}

fn value(kind: &str, wire: Wire<'_>, depth: u32) -> Option<Node> {
    if let Some(name) = kind.strip_prefix("m:") {
        let mut map = Map::new();
        message(name, wire.bytes()?, &mut map, depth + 1)?;
        return Some(Node::from(map));
    }
    let float = |n: f64| Node::new(Value::Number(Number::Float(n)));
    // The parts of the messages that JSON shows as scalars.
    let part = |number: u64| {
        let parts = fields(wire.bytes()?)?;
        parts.into_iter().find(|(n, _)| *n == number).map(|(_, wire)| wire)
    };
    Some(match kind {
        "string" => Node::string(wire.text()?),
        "bool" => Node::from(wire.int()? != 0),
        "int" => Node::from(wire.int()?),
        "double" => match wire {
            Wire::Fixed64(bytes) => float(f64::from_le_bytes(bytes)),
            _ => return None,
        },
        "float" => match wire {
            Wire::Fixed32(bytes) => float(f64::from(f32::from_le_bytes(bytes))),
            _ => return None,
        },
        "bytes" => Node::string(base64::engine::general_purpose::STANDARD.encode(wire.bytes()?)),
        "quantity" => Node::string(part(1).and_then(Wire::text).unwrap_or_default()),
        "raw" => match part(1).or_else(|| part(2)).and_then(Wire::bytes) {
            Some(json) => weir_doc::from_json(json).ok()?,
            None => Node::null(),
        },
        "intstr" => match part(1).and_then(Wire::int) {
            Some(1) => Node::string(part(3).and_then(Wire::text).unwrap_or_default()),
            _ => Node::from(part(2).and_then(Wire::int).unwrap_or(0)),
        },
        "items" => {
            let parts = fields(wire.bytes()?)?;
            Node::from(parts.into_iter().filter_map(|(_, wire)| wire.text()).map(Node::from).collect::<Vec<Node>>())
        }
        "duration" => Node::string(format!("{}ns", part(1).and_then(Wire::int).unwrap_or(0))),
        "time" | "microtime" => {
            let seconds = part(1).and_then(Wire::int).unwrap_or(0);
            let nanos = i32::try_from(part(2).and_then(Wire::int).unwrap_or(0)).ok()?;
            if wire.bytes()?.is_empty() {
                return Some(Node::null());
            }
            let format = if kind == "time" { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S.%6fZ" };
            Node::string(jiff::Timestamp::new(seconds, nanos).ok()?.strftime(format).to_string())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of length-delimited type.
    fn put(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
        out.extend([number << 3 | 2, u8::try_from(bytes.len()).expect("short")]);
        out.extend(bytes);
    }

    #[test]
    fn an_object_in_its_envelope_is_read() {
        let (mut kind, mut meta, mut port, mut target, mut spec, mut object, mut all) = Default::default();
        put(&mut kind, 1, b"v1");
        put(&mut kind, 2, b"Service");
        put(&mut meta, 1, b"web");
        put(&mut meta, 2, b"");
        target = [target, vec![1 << 3, 1]].concat();
        put(&mut target, 3, b"http");
        put(&mut port, 1, b"p");
        port.extend([3 << 3, 80]);
        put(&mut port, 4, &target);
        port.extend([5 << 3, 0]);
        put(&mut spec, 1, &port);
        let mut entry = Vec::new();
        put(&mut entry, 1, b"app");
        put(&mut entry, 2, b"web");
        put(&mut spec, 2, &entry);
        put(&mut object, 1, &meta);
        put(&mut object, 2, &spec);
        put(&mut all, 1, &kind);
        put(&mut all, 2, &object);
        let bytes = [MAGIC, &all].concat();
        let json = weir_doc::to_json(&decode(&bytes).expect("well formed"));
        assert_eq!(
            String::from_utf8_lossy(&json),
            r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"ports":[{"name":"p","port":80,"targetPort":"http"}],"selector":{"app":"web"}}}"#
        );
        assert!(decode(&bytes[..bytes.len() - 1]).is_none());
    }
}
