//! Entries of Secrets and ConfigMaps: small documents of YAML or JSON, read as sigs.k8s.io/yaml
//! reads them into a struct of Go.

use crate::CloudError;
use weir_base::Budget;
use weir_doc::yaml::parse_first;
use weir_doc::{Dialect, Node, Value, to_json};
use zeroize::Zeroizing;

/// Steps and bytes of a document.
const FUEL: u64 = 100_000;
const BYTES: u64 = 4 << 20;

pub(crate) fn document(entry: &str, bytes: &[u8]) -> Result<Node, CloudError> {
    // The parser's own message may quote what it stumbled over.
    let read = parse_first(bytes, None, 0, Dialect::Sigs, &Budget::new(FUEL, BYTES))
        .map_err(|error| CloudError::entry(entry, format!("it is neither YAML nor JSON (line {})", error.at.line)))?;
    Ok(read.unwrap_or_default())
}

/// The fields of a document; what has no entry is empty.
pub(crate) struct Fields<'a> {
    entry: &'a str,
    node: Node,
}

impl<'a> Fields<'a> {
    pub fn read(entry: &'a str, bytes: &[u8]) -> Result<Self, CloudError> {
        let node = document(entry, bytes)?;
        if !node.is_null() && node.as_map().is_none() {
            return Err(CloudError::entry(entry, format!("it is a {} where fields were expected", node.kind_name())));
        }
        Ok(Self { entry, node })
    }

    /// A text; numbers and booleans count as theirs.
    pub fn text(&self, name: &str) -> Result<Zeroizing<String>, CloudError> {
        text(self.entry, &self.node, name).map(Zeroizing::new)
    }

    pub fn flag(&self, name: &str) -> Result<bool, CloudError> {
        match find(&self.node, name).map(|node| (node, node.as_bool())) {
            None => Ok(false),
            Some((_, Some(flag))) => Ok(flag),
            Some((node, None)) if node.is_null() => Ok(false),
            Some(_) => Err(CloudError::entry(self.entry, format!("'{name}' has to be true or false"))),
        }
    }
}

pub(crate) fn text(entry: &str, node: &Node, name: &str) -> Result<String, CloudError> {
    let Some(node) = find(node, name) else { return Ok(String::new()) };
    match &node.value {
        Value::String(text) => Ok(text.to_string()),
        Value::Null => Ok(String::new()),
        Value::Map(_) | Value::Seq(_) => Err(CloudError::entry(entry, format!("'{name}' has to be a text"))),
        _ => Ok(String::from_utf8_lossy(&to_json(node)).into_owned()),
    }
}

/// Go's decoder takes a key in any case where none is exactly right.
pub(crate) fn find<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let map = node.as_map()?;
    map.get(name).or_else(|| map.iter().rfind(|(key, _)| key.as_str().eq_ignore_ascii_case(name)).map(|(_, node)| node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_go_reads_them_and_mistakes_show_no_value() {
        let fields =
            Fields::read("e", b"TenantId: 12\nclientId: null\nsecret: \"x\"\nchain: yes\nlist: [1]").expect("fields");
        let text = |name| fields.text(name).map(|text| text.to_string());
        assert_eq!(text("tenantId").expect("a text"), "12");
        assert_eq!(text("clientId").expect("a text"), "");
        assert_eq!(text("secret").expect("a text"), "x");
        assert_eq!(text("absent").expect("a text"), "");
        assert!(fields.flag("chain").is_ok_and(|flag| flag) && fields.flag("secret").is_err() && text("list").is_err());
        for bad in ["hunter2", "a: *hunter2", "\"hunter2"] {
            let error = Fields::read("e", bad.as_bytes()).err().expect("refused").to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(Fields::read("e", b"").is_ok());
    }
}
