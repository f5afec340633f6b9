//! Paths of fields with dots, as replacements and vars have them: `spec.containers.[name=app].image`.

use crate::fieldspec::split_path;
use crate::scalar;
use weir_doc::{Node, Value};

/// Splits at dots that are not escaped or in brackets; brackets that are no `[key=value]` go.
pub(crate) fn split(path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut pieces = split_path(path, '.').into_iter();
    while let Some(piece) = pieces.next() {
        if !piece.starts_with('[') || piece.ends_with(']') {
            parts.push(piece);
            continue;
        }
        let mut joined = piece;
        for next in pieces.by_ref() {
            joined.push('.');
            joined.push_str(&next);
            if next.ends_with(']') {
                break;
            }
        }
        if joined.contains('=') {
            parts.push(joined);
        } else {
            parts.push(joined.trim_matches(['[', ']']).to_owned());
        }
    }
    parts
}

/// `ports[0]` as two parts.
pub(crate) fn with_indexes(parts: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for part in parts {
        let index = part.strip_suffix(']').and_then(|part| part.rsplit_once('['));
        match index {
            Some((name, index)) if !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()) => {
                found.extend((!name.is_empty()).then(|| name.to_owned()));
                found.push(index.to_owned());
            }
            _ => found.push(part.clone()),
        }
    }
    found
}

/// A part that names elements of a list by the value of a field: `[key=value]`, or `[=value]`.
pub(crate) fn element(part: &str) -> Option<Result<(&str, &str), String>> {
    let inner = part.strip_prefix('[')?.strip_suffix(']')?;
    Some(inner.split_once('=').ok_or_else(|| format!("'{part}' must be of the form [field=value]")))
}

pub(crate) fn index(part: &str) -> Option<usize> {
    part.parse::<i64>().ok().and_then(|index| usize::try_from(index).ok())
}

/// The one node at a path.
pub(crate) fn lookup<'n>(node: &'n Node, parts: &[String]) -> Result<Option<&'n Node>, String> {
    let mut node = node;
    for part in parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        if node.is_null() {
            return Ok(None);
        }
        let next = if let Ok(index) = part.parse::<i64>() {
            let items =
                node.as_seq().ok_or_else(|| format!("expected a list at '{part}', found {}", node.kind_name()))?;
            items.get(usize::try_from(index).map_err(|_| format!("index {index} is negative"))?)
        } else if part == "-" {
            let items =
                node.as_seq().ok_or_else(|| format!("expected a list at '{part}', found {}", node.kind_name()))?;
            items.last()
        } else if part == "*" {
            return Err("'*' is not possible in the path of a source".to_owned());
        } else if let Some(element) = element(part) {
            let (key, value) = element?;
            let items =
                node.as_seq().ok_or_else(|| format!("expected a list at '{part}', found {}", node.kind_name()))?;
            items.iter().find(|item| match key {
                "" => scalar::text(item) == value,
                key => item.get(key).is_some_and(|found| scalar::text(found) == value),
            })
        } else {
            match &node.value {
                Value::Map(map) => map.get(part),
                _ => return Err(format!("expected a mapping at '{part}', found {}", node.kind_name())),
            }
        };
        match next {
            Some(next) => node = next,
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_keep_their_dots() {
        let cases: [(&str, &[&str]); 4] = [
            ("spec.containers.[name=a.b].image", &["spec", "containers", "[name=a.b]", "image"]),
            ("metadata.annotations.[a.b/c]", &["metadata", "annotations", "a.b/c"]),
            ("data.a\\.b", &["data", "a.b"]),
            ("spec.*.x", &["spec", "*", "x"]),
        ];
        for (path, parts) in cases {
            assert_eq!(split(path), parts, "{path}");
        }
        assert_eq!(with_indexes(&split("spec.ports[0].port")), ["spec", "ports", "0", "port"]);
    }
}
