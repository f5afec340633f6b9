//! Reading, printing, and reading again: the same values.

use crate::budget;
use weir_doc::{Dialect, Node, Number, Value, emit, from_json, to_json, yaml};

pub fn run(data: &[u8]) {
    for dialect in [Dialect::Sigs, Dialect::V3] {
        let Ok(documents) = yaml::parse_all(data, None, dialect, &budget()) else { continue };
        for document in documents.iter().filter(|document| is_json(document)) {
            let text = emit::to_yaml(document);
            for again in [Dialect::Sigs, Dialect::V3] {
                let read = yaml::parse_all(text.as_bytes(), None, again, &budget());
                let read = read.unwrap_or_else(|why| panic!("{dialect:?}, {again:?}: {why}: {text:?}"));
                assert_eq!(read.as_slice(), std::slice::from_ref(document), "{dialect:?}, {again:?}: {text:?}");
            }
            let json = to_json(document);
            let read = from_json(&json);
            assert_eq!(read.ok().as_ref(), Some(document), "{dialect:?}: {}", String::from_utf8_lossy(&json));
        }
    }
}

/// Whether JSON, and so Kubernetes, knows such a value.
fn is_json(node: &Node) -> bool {
    match &node.value {
        Value::Number(Number::Float(number)) => number.is_finite(),
        Value::Seq(items) => items.iter().all(is_json),
        Value::Map(map) => map.values().all(is_json),
        _ => true,
    }
}
