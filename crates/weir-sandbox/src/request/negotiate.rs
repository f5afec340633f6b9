use crate::status::ApiError;

/// What the answer is to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accept {
    pub format: Format,
    pub form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Object,
    Table,
    /// PartialObjectMetadata, or the list of them.
    Metadata,
    Discovery,
}

/// Chooses the first form of an `Accept` header that this server has.
pub(crate) fn negotiate(accept: Option<&str>) -> Result<Accept, ApiError> {
    let accept = accept.unwrap_or("").trim();
    if accept.is_empty() {
        return Ok(Accept { format: Format::Json, form: Form::Object });
    }
    let mut unknown_form = false;
    for clause in accept.split(',') {
        let mut parts = clause.split(';').map(str::trim);
        let format = match parts.next() {
            Some("application/json" | "application/*" | "*/*") => Format::Json,
            Some("application/yaml" | "application/vnd.kubernetes.yaml") => Format::Yaml,
            _ => continue,
        };
        let (mut kind, mut group, mut version) = ("", "", "");
        for part in parts {
            match part.split_once('=') {
                Some(("as", value)) => kind = value,
                Some(("g", value)) => group = value,
                Some(("v", value)) => version = value,
                _ => {}
            }
        }
        let form = match (kind, group, version) {
            ("", _, _) => Form::Object,
            ("Table", "meta.k8s.io", "v1" | "v1beta1") => Form::Table,
            ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1" | "v1beta1") => Form::Metadata,
            ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") => Form::Discovery,
            _ => {
                unknown_form = true;
                continue;
            }
        };
        return Ok(Accept { format, form });
    }
    let _ = unknown_form;
    Err(ApiError::not_acceptable())
}
