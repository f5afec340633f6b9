//! What a server says about a Secret may quote it.

use weir_doc::{Map, Node};
use weir_kube::KubeError;

/// Shorter values are everywhere, and no secret.
const SHORTEST: usize = 3;

/// The error without the values of the Secret that it is about.
pub(crate) fn mask(node: &Node, error: KubeError) -> KubeError {
    if node.str_at(&["kind"]) != Some("Secret") || node.str_at(&["apiVersion"]) != Some("v1") {
        return error;
    }
    let values = ["data", "stringData"].into_iter().filter_map(|key| node.get(key)?.as_map()).flat_map(Map::values);
    let mut texts: Vec<&str> = values.filter_map(Node::as_str).filter(|text| text.len() >= SHORTEST).collect();
    // One may be a part of another.
    texts.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
    match error {
        KubeError::Refused { code, reason, message } => {
            let message = texts.iter().fold(message, |message, text| {
                let quoted = text.escape_debug().to_string();
                message.replace(text, "***").replace(&quoted, "***")
            });
            KubeError::Refused { code, reason, message }
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_secret_holds_is_not_repeated() {
        let json =
            r#"{"apiVersion":"v1","kind":"Secret","stringData":{"a":"hunter2","b":"hunter2\nline"},"data":{"c":"x"}}"#;
        let node = weir_doc::from_json(json.as_bytes()).expect("valid");
        let refused =
            |message: &str| KubeError::Refused { code: 422, reason: "Invalid".into(), message: message.into() };
        let said = |message: &str| mask(&node, refused(message)).to_string();
        assert_eq!(said("illegal value 'hunter2' in x"), "illegal value '***' in x");
        assert_eq!(said(r#"illegal value "hunter2\nline""#), r#"illegal value "***""#);
        let map =
            weir_doc::from_json(br#"{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"hunter2"}}"#).expect("valid");
        assert_eq!(mask(&map, refused("hunter2")).to_string(), "hunter2");
    }
}
