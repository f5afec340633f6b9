use super::{Entry, FieldSet, PathElement};
use weir_base::Diagnose;
use weir_doc::{Map, Node, from_json, to_json};

/// A `fieldsV1` that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid fieldsV1 element {element:?}")]
pub struct FieldsError {
    pub element: String,
}

impl Diagnose for FieldsError {
    fn reason(&self) -> &'static str {
        "InvalidManagedFields"
    }
}

impl FieldSet {
    /// Reads the `FieldsV1` form.
    pub fn from_node(node: &Node) -> Result<FieldSet, FieldsError> {
        let mut set = FieldSet::new();
        let empty = Map::new();
        for (key, value) in node.as_map().unwrap_or(&empty).iter() {
            if key.as_str() == "." {
                continue;
            }
            let below = FieldSet::from_node(value)?;
            let map = value.as_map().unwrap_or(&empty);
            // {} alone is a member; so is anything with ".".
            let member = map.is_empty() || map.contains(".");
            set.nodes.insert(element(key.as_str())?, Entry { member, below });
        }
        Ok(set)
    }

    /// The `FieldsV1` form, in Kubernetes' order.
    pub fn to_node(&self) -> Node {
        let mut map = Map::new();
        for (element, entry) in &self.nodes {
            if !entry.member && entry.below.is_empty() {
                continue;
            }
            let mut below = entry.below.to_node();
            if entry.member && !entry.below.is_empty() {
                below.ensure_map(&[]).insert_at(0, ".", Node::map());
            }
            map.insert(text(element), below);
        }
        Node::from(map)
    }
}

fn element(text: &str) -> Result<PathElement, FieldsError> {
    let error = || FieldsError { element: text.to_owned() };
    let json = |text: &str| from_json(text.as_bytes()).map_err(|_| error());
    match text.split_at_checked(2).ok_or_else(error)? {
        ("f:", name) => Ok(PathElement::Field(name.to_owned())),
        ("v:", value) => Ok(PathElement::Value(json(value)?)),
        ("k:", keys) => {
            let node = json(keys)?;
            let map = node.as_map().ok_or_else(error)?;
            let mut keys: Vec<(String, Node)> =
                map.iter().map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect();
            keys.sort_by(|a, b| a.0.cmp(&b.0));
            Ok(PathElement::Key(keys))
        }
        ("i:", index) => index.parse().map(PathElement::Index).map_err(|_| error()),
        _ => Err(error()),
    }
}

fn text(element: &PathElement) -> String {
    let json = |node: &Node| String::from_utf8(to_json(node)).expect("JSON is UTF-8");
    match element {
        PathElement::Field(name) => format!("f:{name}"),
        PathElement::Key(keys) => {
            let map: Map = keys.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            format!("k:{}", json(&Node::from(map)))
        }
        PathElement::Value(value) => format!("v:{}", json(value)),
        PathElement::Index(index) => format!("i:{index}"),
    }
}
