//! The JSONPath of printer columns: fields, indexes, `[*]` and `[?(@.key=="value")]`.

use weir_doc::{Node, Value};

/// The cell of a column. What is not there is an empty cell.
pub(super) fn cell(object: &Node, path: &str, ty: &str) -> Node {
    let found = select(object, path);
    let Some(first) = found.first() else { return Node::null() };
    match (ty, &first.value) {
        ("date", _) => super::age::since(first.as_str()),
        (_, Value::Null) => Node::null(),
        ("string", Value::String(_)) | ("boolean", Value::Bool(_)) | ("integer" | "number", Value::Number(_)) => {
            (*first).clone()
        }
        ("string", _) => {
            Node::string(found.iter().map(|node| crate::table::path::text(node)).collect::<Vec<_>>().join(","))
        }
        ("integer", Value::String(text)) => text.parse::<i64>().map_or_else(|_| Node::null(), Node::from),
        _ => Node::string(text(first)),
    }
}

fn text(node: &Node) -> String {
    node.as_str().map_or_else(|| String::from_utf8_lossy(&weir_doc::to_json(node)).into_owned(), str::to_owned)
}

fn select<'a>(object: &'a Node, path: &str) -> Vec<&'a Node> {
    let mut nodes = vec![object];
    let mut rest = path.trim().trim_start_matches('{').trim_end_matches('}').trim_start_matches('$');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let Some(end) = closing(inner) else { return Vec::new() };
            nodes = bracket(nodes, inner[..end].trim());
            rest = &inner[end + 1..];
            continue;
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
        // A backslash keeps a dot in a key.
        let mut key = String::new();
        let mut used = 0;
        let mut chars = rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => key.extend(chars.next().map(|(_, c)| c)),
                '.' | '[' => break,
                c => key.push(c),
            }
            used = at + c.len_utf8();
            if c == '\\' {
                used += 1;
            }
        }
        if used == 0 {
            return Vec::new();
        }
        rest = &rest[used..];
        nodes = nodes.into_iter().filter_map(|node| node.get(&key)).collect();
    }
    nodes
}

fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, ']') => return Some(at),
            _ => {}
        }
    }
    None
}

fn bracket<'a>(nodes: Vec<&'a Node>, inner: &str) -> Vec<&'a Node> {
    let items = |node: &'a Node| node.as_seq().map_or(&[][..], |items| items);
    if inner == "*" {
        return nodes.into_iter().flat_map(items).collect();
    }
    if let Some(condition) = inner.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        let Some((path, wanted)) = condition.split_once("==") else { return Vec::new() };
        let path = path.trim().trim_start_matches('@');
        let wanted = wanted.trim().trim_matches(['"', '\'']);
        let holds = |item: &&'a Node| select(item, path).first().is_some_and(|value| text(value) == wanted);
        return nodes.into_iter().flat_map(items).filter(holds).collect();
    }
    if let Ok(index) = inner.parse::<i64>() {
        let at = |node: &'a Node| {
            let items = items(node);
            let index = if index < 0 { index + items.len() as i64 } else { index };
            usize::try_from(index).ok().and_then(|index| items.get(index))
        };
        return nodes.into_iter().filter_map(at).collect();
    }
    let key = inner.trim_matches(['"', '\'']);
    nodes.into_iter().filter_map(|node| node.get(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printer_columns_find_their_values() {
        let object = weir_doc::from_json(
            br#"{"spec":{"url":"u","n":3,"l":["a","b"]},"metadata":{"labels":{"a.b/c":"x"}},
                "status":{"conditions":[{"type":"Ready","status":"True"},{"type":"Other","status":"False"}]}}"#,
        )
        .expect("valid JSON");
        let cases = [
            (".spec.url", "string", Node::string("u")),
            (".spec.n", "integer", Node::from(3)),
            (".status.conditions[?(@.type==\"Ready\")].status", "string", Node::string("True")),
            (".status.conditions[?(@.type=='Other')].status", "string", Node::string("False")),
            (".spec.l[1]", "string", Node::string("b")),
            (".metadata.labels.a\\.b/c", "string", Node::string("x")),
            (".metadata.labels['a.b/c']", "string", Node::string("x")),
            (".spec.missing", "string", Node::null()),
        ];
        for (path, ty, expected) in cases {
            assert_eq!(cell(&object, path, ty), expected, "{path}");
        }
    }
}
