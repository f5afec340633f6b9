//! Reading request bodies.

use crate::status::ApiError;
use bytes::Bytes;
use weir_base::Budget;
use weir_doc::{Dialect, Node};

/// The original's limit on a request body.
pub(crate) const MAX_BODY: usize = 3 * 1024 * 1024;

/// The forms of a patch, by content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchKind {
    Json,
    Merge,
    Strategic,
    Apply,
}

pub(crate) const PATCH_TYPES: &str =
    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";

impl PatchKind {
    pub fn of(content_type: &str, strategic: bool) -> Result<Self, ApiError> {
        match media(content_type) {
            "application/json-patch+json" => Ok(PatchKind::Json),
            "application/merge-patch+json" => Ok(PatchKind::Merge),
            "application/strategic-merge-patch+json" if strategic => Ok(PatchKind::Strategic),
            "application/apply-patch+yaml" | "application/apply-patch+json" => Ok(PatchKind::Apply),
            _ => {
                let strategic = if strategic { ", application/strategic-merge-patch+json" } else { "" };
                Err(ApiError::unsupported_media(format!(
                    "the body of the request was in an unknown format - accepted media types include: {PATCH_TYPES}{strategic}"
                )))
            }
        }
    }
}

fn media(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Reads an object sent as JSON or YAML.
pub(crate) fn object(content_type: &str, body: &Bytes) -> Result<Node, ApiError> {
    match media(content_type) {
        "" | "application/json" | "*/*" => json(body),
        "application/yaml" | "application/x-yaml" | "text/yaml" => yaml(body),
        "application/vnd.kubernetes.protobuf" => super::protobuf::decode(body)
            .ok_or_else(|| ApiError::bad_request("the protobuf of the body cannot be read")),
        _ => Err(ApiError::unsupported_media(
            "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

/// Reads a patch or a configuration that may be JSON or YAML.
pub(crate) fn json_or_yaml(body: &Bytes) -> Result<Node, ApiError> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') { json(body) } else { yaml(body) }
}

pub(crate) fn json(body: &Bytes) -> Result<Node, ApiError> {
    weir_doc::from_json(body)
        .map_err(|error| ApiError::bad_request(format!("couldn't get version/kind; json parse error: {error}")))
}

fn yaml(body: &Bytes) -> Result<Node, ApiError> {
    let text = std::str::from_utf8(body).map_err(|_| ApiError::bad_request("error decoding YAML: not UTF-8"))?;
    let budget = Budget::new(10_000_000, 64 << 20);
    let documents = weir_doc::yaml::parse_all(text.as_bytes(), None, Dialect::Sigs, &budget)
        .map_err(|error| ApiError::bad_request(format!("error decoding YAML: {error}")))?;
    let mut documents = documents.into_iter();
    documents.next().ok_or_else(|| ApiError::bad_request("error decoding YAML: the body is empty"))
}
