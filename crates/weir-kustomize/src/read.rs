//! From text to objects: documents, lists of objects, and what every object must have.

use crate::KustomizeError;
use crate::resource::Resource;
use crate::scalar;
use std::collections::VecDeque;
use std::sync::Arc;
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Node, ParseError, Value, yaml};

/// The objects of a text, in order.
pub(crate) fn objects(text: &[u8], file: &Arc<str>, budget: &Budget) -> Result<Vec<Resource>, KustomizeError> {
    check_separators(text, file)?;
    let mut documents = yaml::parse_all(text, Some(file), Dialect::V3, budget)?;
    documents.iter_mut().for_each(scalar::mark_timestamps);
    documents.retain(|document| !document.is_null());
    if let [list] = documents.as_slice()
        && matches!(list.str_at(&["kind"]), Some("List" | "ResourceList"))
        && (list.get("items").is_some() || list.get("functionConfig").is_some())
    {
        documents = list.get("items").and_then(Node::as_seq).cloned().unwrap_or_default();
    }
    let mut queue = VecDeque::new();
    for document in documents.into_iter().filter(|document| !scalar::is_nil_or_empty(document)) {
        validate(&document)?;
        queue.push_back(document);
    }
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
                    validate(&item)?;
                    scalar::quote_strings(&mut item);
                    queue.push_back(item);
                }
            }
            Some((_, at)) => {
                return Err(KustomizeError::object(at, format!("items of {kind} is not a list")));
            }
        }
    }
    Ok(found)
}

/// A line that begins with `---` may only be followed by a comment.
fn check_separators(text: &[u8], file: &Arc<str>) -> Result<(), KustomizeError> {
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate().skip(1) {
        let Some(rest) = line.strip_prefix(b"---") else { continue };
        let rest = rest.trim_ascii();
        if !rest.is_empty() && !rest.starts_with(b"#") {
            let at = Origin::new(Some(file.clone()), number as u32 + 1, 1);
            let shown = String::from_utf8_lossy(line.trim_ascii()).into_owned();
            return Err(ParseError::new(at, format!("invalid document separator: {shown}")).into());
        }
    }
    Ok(())
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
