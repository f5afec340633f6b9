//! What a server says about a Secret may quote it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
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
    let written: Vec<&str> = values.filter_map(Node::as_str).collect();
    let decoded = written.iter().filter_map(|text| String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok());
    let mut texts: Vec<String> = decoded.chain(written.iter().map(|text| (*text).to_owned())).collect();
    texts.retain(|text| text.len() >= SHORTEST);
    // One may be a part of another.
    texts.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
    match error {
        KubeError::Refused { code, reason, message } => {
            let message = texts.iter().fold(message, |message, text| {
                let quoted = text.escape_debug().to_string();
                message.replace(text.as_str(), "***").replace(&quoted, "***")
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
        let json = r#"{"apiVersion":"v1","kind":"Secret","stringData":{"a":"hunter2","b":"hunter2\nline"},"data":{"c":"x","d":"b3BlbnNlc2FtZQ=="}}"#;
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
