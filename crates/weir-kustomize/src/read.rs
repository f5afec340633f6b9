//! From text to objects: documents, lists of objects, and what every object must have.

use crate::KustomizeError;
use crate::fields::Mistakes;
use crate::loader::Sited;
use crate::resource::Resource;
use crate::scalar;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Node, ParseError, Value, yaml};

/// The objects of a text, in order.
pub(crate) fn objects(text: &[u8], file: &Arc<str>, budget: &Budget) -> Result<Vec<Resource>, KustomizeError> {
    let text = without_returns(text);
    let chunks = split(&text, file)?;
    let mut documents = Vec::new();
    for (chunk, lines) in &chunks {
        let document = yaml::parse_first(chunk, Some(file), *lines, Dialect::V3, budget)?;
        documents.extend(document.filter(|document| !document.is_null()));
    }
    documents.iter_mut().for_each(scalar::mark_timestamps);
    if let ([list], [_]) = (documents.as_slice(), chunks.as_slice())
        && matches!(list.str_at(&["kind"]), Some("List" | "ResourceList"))
        && (list.get("items").is_some() || list.get("functionConfig").is_some())
    {
        documents = list.get("items").and_then(Node::as_seq).cloned().unwrap_or_default();
    }
    let mistakes = Mistakes::default();
    let mut queue: VecDeque<Node> =
        documents.into_iter().filter(|document| !scalar::is_nil_or_empty(document)).collect();
    queue.iter().for_each(|document| mistakes.take(validate(document)));
    let mut found = Vec::new();
    while let Some(mut document) = queue.pop_front() {
        budget.spend(1)?;
        let kind = document.str_at(&["kind"]).unwrap_or_default().to_owned();
        if !kind.ends_with("List") {
            found.push(Resource::new(document));
            continue;
        }
        match document.get_mut("items").map(|items| (&mut items.value, &items.meta.at)) {
            None => found.push(Resource::new(document)),
            Some((Value::Null, _)) => {}
            Some((Value::Seq(items), _)) => {
                for mut item in std::mem::take(items) {
                    if scalar::is_nil_or_empty(&item) {
                        continue;
                    }
                    mistakes.take(validate(&item));
                    mistakes.take(scalar::check_keys(&item));
                    scalar::quote_strings(&mut item);
                    queue.push_back(item);
                }
            }
            Some((_, at)) => mistakes.add(KustomizeError::object(at, format!("items of {kind} is not a list"))),
        }
    }
    mistakes.check()?;
    Ok(found)
}

/// The objects of a text that stands in a field: each part of them is where the field is.
pub(crate) fn inline(text: &Sited, field: &str, budget: &Budget) -> Result<Vec<Resource>, KustomizeError> {
    let file = text.at.file.clone().unwrap_or_else(|| field.into());
    let mut found = objects(text.text.as_bytes(), &file, budget)?;
    found.iter_mut().for_each(|resource| place(&mut resource.node, &text.at));
    Ok(found)
}

/// Puts an object and all parts of it to one place.
pub(crate) fn place(node: &mut Node, at: &Origin) {
    node.meta.at = at.clone();
    match &mut node.value {
        Value::Map(map) => map.values_mut().for_each(|value| place(value, at)),
        Value::Seq(items) => items.iter_mut().for_each(|item| place(item, at)),
        _ => {}
    }
}

fn without_returns(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\r') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    for (at, byte) in text.iter().enumerate() {
        if *byte != b'\r' || text.get(at + 1) != Some(&b'\n') {
            out.push(*byte);
        }
    }
    Cow::Owned(out)
}

/// The parts between lines that begin with `---`, each with the number of lines before it. kyaml splits a text
/// before it parses it, and reads one document of each part: an end marker or a directive does not survive this.
fn split<'t>(text: &'t [u8], file: &Arc<str>) -> Result<Vec<(&'t [u8], u32)>, KustomizeError> {
    let mut chunks = Vec::new();
    let (mut start, mut lines) = (0, 0);
    let mut at = 0;
    let mut line = 0;
    while let Some(found) = text[at..].iter().position(|byte| *byte == b'\n') {
        let next = at + found + 1;
        line += 1;
        let end = text[next..].iter().position(|byte| *byte == b'\n').map(|length| next + length);
        let (Some(end), true) = (end, text[next..].starts_with(b"---")) else {
            at = next;
            continue;
        };
        let rest = text[next + 3..end].trim_ascii();
        if !rest.is_empty() && !rest.starts_with(b"#") {
            let at = Origin::new(Some(file.clone()), line + 1, 1);
            let shown = String::from_utf8_lossy(text[next..end].trim_ascii()).into_owned();
            return Err(ParseError::new(at, format!("invalid document separator: {shown}")).into());
        }
        chunks.push((&text[start..next], lines));
        line += 1;
        (start, lines, at) = (end + 1, line, end + 1);
    }
    chunks.push((&text[start..], lines));
    Ok(chunks)
}

fn validate(document: &Node) -> Result<(), KustomizeError> {
    let at = &document.meta.at;
    let known = |path: &[&str]| document.path(path).is_some_and(|node| !scalar::is_nil_or_empty(node));
    if document.as_map().is_none() {
        let problem = format!("expected a Kubernetes object, found {}", document.kind_name());
        return Err(KustomizeError::object(at, problem));
    }
    let text = |path: &[&str]| document.path(path).map(scalar::text).unwrap_or_default();
    if !known(&["kind"]) || text(&["kind"]).is_empty() {
        return Err(KustomizeError::object(at, "the object has no kind"));
    }
    if text(&["kind"]).ends_with("List") {
        return Ok(());
    }
    if !known(&["metadata", "name"]) || text(&["metadata", "name"]).is_empty() {
        let kind = text(&["kind"]);
        return Err(KustomizeError::object(at, format!("the {kind} has no metadata.name")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn parts_know_their_line() {
        let cases: [(&str, &[(&str, u32)]); 5] = [
            ("a\n---\nb\n", &[("a\n", 0), ("b\n", 2)]),
            ("a\n--- # c\n---\nb", &[("a\n", 0), ("---\nb", 2)]),
            ("---\na\n---", &[("---\na\n---", 0)]),
            ("a\n\n---\n", &[("a\n\n", 0), ("", 3)]),
            ("", &[("", 0)]),
        ];
        for (text, expect) in cases {
            let expect: Vec<(&[u8], u32)> = expect.iter().map(|(text, lines)| (text.as_bytes(), *lines)).collect();
            assert_eq!(split(text.as_bytes(), &"f".into()).expect("good separators"), expect, "{text:?}");
        }
        assert!(split(b"a\n--- b\n", &"f".into()).is_err());
    }
}
