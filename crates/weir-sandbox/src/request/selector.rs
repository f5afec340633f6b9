//! Label and field selectors.

use crate::status::ApiError;
use weir_doc::{Node, Value};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, String, bool)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
    Greater(i64),
    Less(i64),
}

impl Selector {
    pub fn parse(labels: Option<&str>, fields: Option<&str>) -> Result<Self, ApiError> {
        let labels = label_requirements(labels.unwrap_or_default())?;
        let mut out = Selector { labels, fields: Vec::new() };
        for term in fields.unwrap_or_default().split(',').filter(|term| !term.is_empty()) {
            let (key, value, equal) = match (term.split_once("!="), term.split_once("==")) {
                (Some((key, value)), _) => (key, value, false),
                (_, Some((key, value))) => (key, value, true),
                _ => match term.split_once('=') {
                    Some((key, value)) => (key, value, true),
                    None => {
                        return Err(ApiError::bad_request(format!(
                            "Unable to find {term:?} that match label selector \"\", field selector {term:?}: invalid selector: {term:?}; can't understand {term:?}"
                        )));
                    }
                },
            };
            out.fields.push((key.trim().to_owned(), value.trim().to_owned(), equal));
        }
        Ok(out)
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// The only name that can match, when the selector asks for one.
    pub fn name(&self) -> Option<&str> {
        self.fields.iter().find(|(key, _, equal)| key == "metadata.name" && *equal).map(|(_, value, _)| value.as_str())
    }

    /// Refuses fields that the original has no index for. `allowed` names those of the kind.
    pub fn check_fields(&self, allowed: Option<&[&str]>) -> Result<(), ApiError> {
        let known = |key: &str| {
            key == "metadata.name"
                || key == "metadata.namespace"
                || allowed.is_some_and(|allowed| allowed.contains(&key))
        };
        let Some((key, _, _)) = self.fields.iter().find(|(key, _, _)| !known(key)) else { return Ok(()) };
        let why = match allowed {
            Some(_) => format!("field label not supported: {key}"),
            None => format!("{key:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""),
        };
        Err(ApiError::bad_request(why))
    }

    pub fn matches(&self, object: &Node) -> bool {
        let labels = object.path(&["metadata", "labels"]);
        self.labels.iter().all(|requirement| requirement.matches(labels))
            && self.fields.iter().all(|(key, value, equal)| (field(object, key) == *value) == *equal)
    }
}

impl Requirement {
    fn matches(&self, labels: Option<&Node>) -> bool {
        let value = labels.and_then(|labels| labels.get(&self.key)).and_then(Node::as_str);
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.test {
            Test::In(values) => value.is_some_and(|value| values.iter().any(|other| other == value)),
            Test::NotIn(values) => value.is_none_or(|value| values.iter().all(|other| other != value)),
            Test::Exists => value.is_some(),
            Test::Missing => value.is_none(),
            Test::Greater(limit) => number().is_some_and(|number| number > *limit),
            Test::Less(limit) => number().is_some_and(|number| number < *limit),
        }
    }
}

/// The text of a field by its path; empty when it is missing, as the original's field sets have it.
fn field(object: &Node, path: &str) -> String {
    let keys: Vec<&str> = path.split('.').collect();
    let found = object.path(&keys).cloned().or_else(|| {
        // Events of events.k8s.io are stored with the core group's names.
        let path = crate::kinds::convert::stored_event_field(path)?;
        object.path(&path.split('.').collect::<Vec<&str>>()).cloned()
    });
    match found.as_ref().map(|node| &node.value) {
        Some(Value::String(text)) => text.clone(),
        // The source of an event is selected by its component.
        Some(Value::Map(map)) if path == "source" => {
            map.get("component").and_then(Node::as_str).unwrap_or_default().to_owned()
        }
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Number(number)) => number.as_i64().map_or_else(|| number.as_f64().to_string(), |n| n.to_string()),
        _ if path == "spec.unschedulable" => "false".to_owned(),
        _ => String::new(),
    }
}

fn label_requirements(text: &str) -> Result<Vec<Requirement>, ApiError> {
    let invalid = |why: String| ApiError::bad_request(format!("unable to parse requirement: {why}"));
    let mut out = Vec::new();
    for term in terms(text) {
        let term = term.trim();
        let requirement = |key: &str, test: Test| Requirement { key: key.trim().to_owned(), test };
        if term.is_empty() {
            continue;
        }
        let values = |list: &str| -> Option<Vec<String>> {
            let inner = list.trim().strip_prefix('(')?.strip_suffix(')')?;
            Some(inner.split(',').map(|value| value.trim().to_owned()).collect())
        };
        out.push(if let Some(key) = term.strip_prefix('!') {
            requirement(key, Test::Missing)
        } else if let Some((key, list)) =
            term.split_once(" notin ").or_else(|| term.split_once(" notin(").map(|(k, _)| (k, &term[k.len() + 6..])))
        {
            requirement(
                key,
                Test::NotIn(values(list).ok_or_else(|| invalid(format!("found '{list}', expected: '('")))?),
            )
        } else if let Some((key, list)) =
            term.split_once(" in ").or_else(|| term.split_once(" in(").map(|(k, _)| (k, &term[k.len() + 3..])))
        {
            requirement(key, Test::In(values(list).ok_or_else(|| invalid(format!("found '{list}', expected: '('")))?))
        } else if let Some((key, value)) = term.split_once("!=") {
            requirement(key, Test::NotIn(vec![value.trim().to_owned()]))
        } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            requirement(key, Test::In(vec![value.trim().to_owned()]))
        } else if let Some((key, value)) = term.split_once('>') {
            let limit = value
                .trim()
                .parse()
                .map_err(|_| invalid("for 'Gt', 'Lt' operators, the value must be an integer".to_owned()))?;
            requirement(key, Test::Greater(limit))
        } else if let Some((key, value)) = term.split_once('<') {
            let limit = value
                .trim()
                .parse()
                .map_err(|_| invalid("for 'Gt', 'Lt' operators, the value must be an integer".to_owned()))?;
            requirement(key, Test::Less(limit))
        } else if term.contains(char::is_whitespace) {
            return Err(invalid(format!("found '{term}', expected: in, notin, =, ==, !=, gt, lt")));
        } else {
            requirement(term, Test::Exists)
        });
    }
    Ok(out)
}

/// Splits at commas outside parentheses.
fn terms(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut out) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                out.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    out
}

/// Whether a `LabelSelector` of an object's spec matches labels; an empty one matches all.
pub(crate) fn label_selector_matches(selector: &Node, labels: Option<&Node>) -> bool {
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Node::as_str);
    let exact = selector.get("matchLabels").and_then(Node::as_map);
    let expressions = selector.get("matchExpressions").and_then(Node::as_seq);
    exact.into_iter().flat_map(|map| map.iter()).all(|(key, value)| label(key.as_str()) == value.as_str())
        && expressions.into_iter().flatten().all(|expression| {
            let value = expression.get("key").and_then(Node::as_str).and_then(label);
            let listed = || {
                let values = expression.get("values").and_then(Node::as_seq).into_iter().flatten();
                value.is_some_and(|value| values.into_iter().any(|other| other.as_str() == Some(value)))
            };
            match expression.get("operator").and_then(Node::as_str) {
                Some("In") => listed(),
                Some("NotIn") => !listed(),
                Some("Exists") => value.is_some(),
                Some("DoesNotExist") => value.is_none(),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_selectors_match() {
        let object = weir_doc::from_json(
            br#"{"metadata":{"name":"n","labels":{"a":"1","b":"x"}},"status":{"phase":"Running"}}"#,
        )
        .expect("valid JSON");
        let cases = [
            ("a=1", true),
            ("a==1,b!=y", true),
            ("a in (1,2)", true),
            ("a notin (1, 2)", false),
            ("c", false),
            ("!c,b", true),
            ("a>0", true),
            ("a<1", false),
            ("c notin (z)", true),
        ];
        for (text, expected) in cases {
            let selector = Selector::parse(Some(text), None).expect("a selector");
            assert_eq!(selector.matches(&object), expected, "{text}");
        }
        let fields = Selector::parse(None, Some("metadata.name=n,status.phase!=Pending")).expect("a selector");
        assert!(fields.matches(&object));
        assert_eq!(fields.name(), Some("n"));
        assert!(fields.check_fields(None).is_err());
    }
}
