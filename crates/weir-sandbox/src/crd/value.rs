//! Validation of an object by its structural schema, with go-openapi's messages.

use crate::status::Cause;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use weir_doc::{Map, Node, Number, Value, to_json};

/// Compiled patterns; a pattern that does not compile matches everything, as its CRD was refused
/// or uses what Go knows and this crate does not.
static PATTERNS: LazyLock<Mutex<HashMap<String, Option<regex::Regex>>>> = LazyLock::new(Mutex::default);

/// Patterns kept compiled.
const MAX_PATTERNS: usize = 4096;

pub(crate) fn validate(schema: &Node, object: &Node, status_only: bool) -> Vec<Cause> {
    let mut out = Vec::new();
    if status_only {
        let properties = schema.get("properties").and_then(|properties| properties.get("status"));
        if let (Some(schema), Some(status)) = (properties, object.get("status")) {
            node(schema, status, "status", &mut out);
        }
        return out;
    }
    node(schema, object, "", &mut out);
    out
}

fn fail(out: &mut Vec<Cause>, at: &str, value: &Node, why: String) {
    let at = if at.is_empty() { "<nil>" } else { at };
    // Mappings and lists are not shown: the original prints their type.
    let shown = match value.value {
        Value::Map(_) => Node::string("object"),
        Value::Seq(_) => Node::string("array"),
        Value::Null => Node::string("null"),
        _ => value.clone(),
    };
    out.push(Cause::invalid(at, &shown, why));
}

fn number(schema: &Node, key: &str) -> Option<f64> {
    match &schema.get(key)?.value {
        Value::Number(number) => Some(number.as_f64()),
        _ => None,
    }
}

fn kind(value: &Node) -> &'static str {
    match &value.value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(Number::Float(n)) if n.fract() != 0.0 => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Seq(_) => "array",
        Value::Map(_) => "object",
    }
}

fn node(schema: &Node, value: &Node, at: &str, out: &mut Vec<Cause>) {
    let flag = |key: &str| schema.get(key).and_then(Node::as_bool) == Some(true);
    if value.is_null() && flag("nullable") {
        return;
    }
    if flag("x-kubernetes-int-or-string") {
        if !matches!(kind(value), "integer" | "string") {
            fail(
                out,
                at,
                &Node::string(kind(value)),
                format!("{at} in body must be of type integer,string: {:?}", kind(value)),
            );
        }
    } else if let Some(expected) = schema.get("type").and_then(Node::as_str) {
        let got = kind(value);
        if got != expected && !(expected == "number" && got == "integer") {
            fail(out, at, &Node::string(got), format!("{at} in body must be of type {expected}: {got:?}"));
            return;
        }
    }
    if let Some(allowed) = schema.get("enum").and_then(Node::as_seq)
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed
            .iter()
            .map(|node| {
                node.as_str().map_or_else(|| String::from_utf8_lossy(&to_json(node)).into_owned(), str::to_owned)
            })
            .collect();
        out.push(Cause::unsupported(at, value, &allowed));
    }
    match &value.value {
        Value::String(text) => string(schema, value, text, at, out),
        Value::Number(n) => numeric(schema, value, n.as_f64(), at, out),
        Value::Seq(items) => list(schema, value, items, at, out),
        Value::Map(map) => object(schema, value, map, at, out),
        _ => {}
    }
    combined(schema, value, at, out);
}

fn string(schema: &Node, value: &Node, text: &str, at: &str, out: &mut Vec<Cause>) {
    let length = text.chars().count() as f64;
    if let Some(limit) = number(schema, "maxLength").filter(|limit| length > *limit) {
        out.push(Cause {
            reason: "FieldValueTooLong",
            message: format!("Too long: may not be more than {limit} bytes"),
            field: at.to_owned(),
        });
        return;
    }
    if let Some(limit) = number(schema, "minLength").filter(|limit| length < *limit) {
        fail(out, at, value, format!("{at} in body should be at least {limit} chars long"));
    }
    if let Some(pattern) = schema.get("pattern").and_then(Node::as_str)
        && !matches(pattern, text)
    {
        fail(out, at, value, format!("{at} in body should match '{pattern}'"));
    }
    if let Some(format) = schema.get("format").and_then(Node::as_str)
        && !fits_format(format, text)
    {
        fail(out, at, value, format!("{at} in body must be of type {format}: {text:?}"));
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut patterns = PATTERNS.lock().unwrap_or_else(PoisonError::into_inner);
    if patterns.len() > MAX_PATTERNS {
        patterns.clear();
    }
    let compiled = patterns.entry(pattern.to_owned()).or_insert_with(|| regex::Regex::new(pattern).ok());
    compiled.as_ref().is_none_or(|regex| regex.is_match(text))
}

fn fits_format(format: &str, text: &str) -> bool {
    match format {
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "uri" => text.parse::<http::Uri>().is_ok_and(|uri| uri.scheme().is_some()) || text.starts_with('/'),
        "byte" => {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD.decode(text).is_ok()
        }
        "uuid" | "uuid3" | "uuid4" | "uuid5" => {
            let hex: Vec<&str> = text.split('-').collect();
            hex.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
                && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        }
        // Unknown formats are ignored, as in the original.
        _ => true,
    }
}

fn numeric(schema: &Node, value: &Node, n: f64, at: &str, out: &mut Vec<Cause>) {
    let flag = |key: &str| schema.get(key).and_then(Node::as_bool) == Some(true);
    if let Some(limit) = number(schema, "maximum") {
        if flag("exclusiveMaximum") && n >= limit {
            fail(out, at, value, format!("{at} in body should be less than {limit}"));
        } else if n > limit {
            fail(out, at, value, format!("{at} in body should be less than or equal to {limit}"));
        }
    }
    if let Some(limit) = number(schema, "minimum") {
        if flag("exclusiveMinimum") && n <= limit {
            fail(out, at, value, format!("{at} in body should be greater than {limit}"));
        } else if n < limit {
            fail(out, at, value, format!("{at} in body should be greater than or equal to {limit}"));
        }
    }
    if let Some(factor) = number(schema, "multipleOf").filter(|factor| *factor != 0.0 && (n / factor).fract() != 0.0) {
        fail(out, at, value, format!("{at} in body should be a multiple of {factor}"));
    }
}

fn list(schema: &Node, value: &Node, items: &[Node], at: &str, out: &mut Vec<Cause>) {
    let count = items.len() as f64;
    if let Some(limit) = number(schema, "maxItems").filter(|limit| count > *limit) {
        let message = format!("Too many: {count}: must have at most {limit} items");
        out.push(Cause { reason: "FieldValueTooMany", message, field: at.to_owned() });
    }
    if let Some(limit) = number(schema, "minItems").filter(|limit| count < *limit) {
        fail(out, at, value, format!("{at} in body should have at least {limit} items"));
    }
    if let Some(schema) = schema.get("items") {
        items.iter().enumerate().for_each(|(index, item)| node(schema, item, &format!("{at}[{index}]"), out));
    }
    let keys: Vec<&str> = schema
        .get("x-kubernetes-list-map-keys")
        .and_then(Node::as_seq)
        .into_iter()
        .flatten()
        .filter_map(Node::as_str)
        .collect();
    let unique = matches!(schema.get("x-kubernetes-list-type").and_then(Node::as_str), Some("set" | "map"));
    if unique {
        let key_of = |item: &Node| -> Node {
            if keys.is_empty() {
                return item.clone();
            }
            Node::from(keys.iter().filter_map(|key| Some((*key, item.get(key)?.clone()))).collect::<Map>())
        };
        let mut seen: Vec<Node> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let key = key_of(item);
            if seen.contains(&key) {
                let message = format!("Duplicate value: {}", String::from_utf8_lossy(&to_json(&key)));
                out.push(Cause { reason: "FieldValueDuplicate", message, field: format!("{at}[{index}]") });
            }
            seen.push(key);
        }
    }
}

fn object(schema: &Node, value: &Node, map: &Map, at: &str, out: &mut Vec<Cause>) {
    let join = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    for key in schema.get("required").and_then(Node::as_seq).into_iter().flatten().filter_map(Node::as_str) {
        if !map.contains(key) {
            out.push(Cause::required(join(key), ""));
        }
    }
    let count = map.len() as f64;
    if let Some(limit) = number(schema, "maxProperties").filter(|limit| count > *limit) {
        let message = format!("Too many: {count}: must have at most {limit} items");
        out.push(Cause { reason: "FieldValueTooMany", message, field: at.to_owned() });
    }
    if let Some(limit) = number(schema, "minProperties").filter(|limit| count < *limit) {
        fail(out, at, value, format!("{at} in body should have at least {limit} properties"));
    }
    let properties = schema.get("properties");
    for (key, value) in map.iter() {
        let key = key.as_str();
        if at.is_empty() && key == "metadata" {
            continue;
        }
        match (properties.and_then(|properties| properties.get(key)), schema.get("additionalProperties")) {
            (Some(schema), _) => node(schema, value, &join(key), out),
            (None, Some(schema)) if schema.as_map().is_some() => node(schema, value, &join(key), out),
            _ => {}
        }
    }
}

fn combined(schema: &Node, value: &Node, at: &str, out: &mut Vec<Cause>) {
    let parts = |key: &str| schema.get(key).and_then(Node::as_seq).filter(|parts| !parts.is_empty());
    let fits = |schema: &Node| {
        let mut causes = Vec::new();
        node(schema, value, at, &mut causes);
        causes.is_empty()
    };
    for part in parts("allOf").into_iter().flatten() {
        node(part, value, at, out);
    }
    if let Some(parts) = parts("anyOf")
        && !parts.iter().any(fits)
    {
        fail(out, at, value, format!("{at} in body must validate at least one schema (anyOf)"));
    }
    if let Some(parts) = parts("oneOf") {
        let count = parts.iter().filter(|part| fits(part)).count();
        if count != 1 {
            let found =
                if count == 0 { "Found none valid".to_owned() } else { format!("Found {count} valid alternatives") };
            fail(out, at, value, format!("{at} in body must validate one and only one schema (oneOf). {found}"));
        }
    }
    if let Some(not) = schema.get("not").filter(|not| not.as_map().is_some_and(|map| !map.is_empty()))
        && fits(not)
    {
        fail(out, at, value, format!("{at} in body must not validate the schema (not)"));
    }
}
