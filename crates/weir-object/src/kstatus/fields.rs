//! Reading fields as the original does: some reads refuse a value of the wrong type, and make the
//! verdict Unknown; others take such a value for one that is not there.

use weir_doc::{Node, Number, Value};

/// What makes a verdict impossible, in a sentence.
pub(super) type Unreadable = String;

/// The value at a path. `null` on the way is nothing; anything else that is no map is refused.
fn nested<'n>(node: &'n Node, path: &[&str]) -> Result<Option<&'n Node>, Unreadable> {
    let mut at = node;
    for (depth, key) in path.iter().enumerate() {
        match &at.value {
            Value::Null => return Ok(None),
            Value::Map(map) => match map.get(key) {
                Some(value) => at = value,
                None => return Ok(None),
            },
            _ => return Err(refused(&path[..depth], at, "a map")),
        }
    }
    Ok(Some(at))
}

fn refused(path: &[&str], found: &Node, wanted: &str) -> Unreadable {
    format!("{} is a {}, not {wanted}", path.join("."), found.kind_name())
}

/// A whole number as the API server writes it. `2.0` is none.
fn integer(node: &Node) -> Option<i64> {
    match node.value {
        Value::Number(Number::Int(number)) => Some(number),
        _ => None,
    }
}

pub(super) fn strict_integer(node: &Node, path: &[&str]) -> Result<Option<i64>, Unreadable> {
    let Some(found) = nested(node, path)? else { return Ok(None) };
    integer(found).map(Some).ok_or_else(|| refused(path, found, "a whole number"))
}

pub(super) fn strict_text<'n>(node: &'n Node, path: &[&str]) -> Result<Option<&'n str>, Unreadable> {
    let Some(found) = nested(node, path)? else { return Ok(None) };
    found.as_str().map(Some).ok_or_else(|| refused(path, found, "a string"))
}

pub(super) fn strict_list<'n>(node: &'n Node, path: &[&str]) -> Result<&'n [Node], Unreadable> {
    let Some(found) = nested(node, path)? else { return Ok(&[]) };
    found.as_seq().map(Vec::as_slice).ok_or_else(|| refused(path, found, "a list"))
}

/// A count; of another type it is as if it were not there.
pub(super) fn count(node: &Node, path: &[&str], default: i64) -> i64 {
    node.path(path).and_then(integer).unwrap_or(default)
}

pub(super) fn text<'n>(node: &'n Node, path: &[&str], default: &'n str) -> &'n str {
    node.str_at(path).unwrap_or(default)
}

/// What one condition says.
pub(super) struct Condition<'n> {
    pub kind: &'n str,
    pub status: &'n str,
    pub reason: &'n str,
    pub message: &'n str,
}

impl Condition<'_> {
    pub fn is(&self, kind: &str, status: &str) -> bool {
        self.kind == kind && self.status == status
    }
}

/// All conditions, in their order. One that cannot be read makes all of them unreadable; what is
/// `null` or not there is empty.
pub(super) fn conditions(node: &Node) -> Result<Vec<Condition<'_>>, Unreadable> {
    let path = ["status", "conditions"];
    let Some(found) = nested(node, &path)?.filter(|found| !found.is_null()) else { return Ok(Vec::new()) };
    let items = found.as_seq().ok_or_else(|| refused(&path, found, "a list"))?;
    items.iter().map(condition).collect()
}

fn condition(node: &Node) -> Result<Condition<'_>, Unreadable> {
    if !node.is_null() && node.as_map().is_none() {
        return Err(refused(&["a condition of status.conditions"], node, "a map"));
    }
    let field = |key| match node.get(key).filter(|value| !value.is_null()) {
        Some(value) => value.as_str().ok_or_else(|| refused(&["status.conditions", key], value, "a string")),
        None => Ok(""),
    };
    Ok(Condition {
        kind: field("type")?,
        status: field("status")?,
        reason: field("reason")?,
        message: field("message")?,
    })
}
