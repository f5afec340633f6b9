use weir_base::Diagnose;

/// Why a request to the API server did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KubeError {
    /// The server refused; its own words.
    #[error("{message}")]
    Refused { code: u16, reason: String, message: String },
    #[error("no matches for kind \"{kind}\" in version \"{api_version}\"")]
    UnknownKind { api_version: String, kind: String },
    /// Whether there is such a kind nobody can tell now.
    #[error("{group}/{version} does not answer, so that its kind \"{kind}\" is not known")]
    Unanswered { group: String, version: String, kind: String },
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    #[error("the API server's answer cannot be read: {0}")]
    Garbled(String),
    #[error("the request cannot be made: {0}")]
    BadRequest(String),
}

/// What the server says of a field that cannot be changed: in general, of a Service's address, of a StatefulSet, and of
/// the role of a binding.
const IMMUTABLE: [&str; 4] =
    ["immutable", "may not change once set", "updates to statefulset spec for fields", "cannot change roleRef"];

impl KubeError {
    pub(crate) fn forbidden(message: String) -> Self {
        KubeError::Refused { code: 403, reason: "Forbidden".to_owned(), message }
    }

    /// There is no such object, of a kind that is served.
    pub fn is_not_found(&self) -> bool {
        matches!(self, KubeError::Refused { code: 404, .. }) && !self.is_not_served()
    }

    /// The server knows no such path: the kind is not served (any more), rather than that there is no such object.
    pub(crate) fn is_not_served(&self) -> bool {
        match self {
            KubeError::Refused { code: 404, reason, message } => {
                reason.is_empty() || message.starts_with("the server could not find the requested resource")
            }
            _ => false,
        }
    }

    pub fn is_conflict(&self) -> bool {
        matches!(self, KubeError::Refused { code: 409, .. })
    }

    pub fn is_forbidden(&self) -> bool {
        matches!(self, KubeError::Refused { code: 403, .. })
    }

    /// The change touches a field that cannot be changed: what `force` recreates an object for.
    pub fn is_immutable(&self) -> bool {
        match self {
            KubeError::Refused { reason, message, .. } => {
                let invalid = reason == "Invalid" || reason == "Conflict";
                // The words of the server, of its rules in CEL, and of webhooks.
                ["is immutable", "immutable field"].iter().any(|words| message.contains(words))
                    || (invalid && IMMUTABLE.iter().any(|words| message.contains(words)))
            }
            _ => false,
        }
    }

    /// The object has a field that its kind does not have.
    pub fn is_unknown_field(&self) -> bool {
        matches!(self, KubeError::Refused { message, .. } if message.contains("field not declared in schema"))
    }

    /// The server's reason (`Forbidden`, `Invalid`, ...), or a word of our own.
    pub fn status_reason(&self) -> &str {
        match self {
            KubeError::Refused { reason, .. } if !reason.is_empty() => reason,
            KubeError::Refused { .. } => "Unknown",
            KubeError::UnknownKind { .. } => "NoMatch",
            KubeError::Unanswered { .. } => "ServiceUnavailable",
            KubeError::Unreachable(_) => "Unreachable",
            KubeError::Garbled(_) => "Garbled",
            KubeError::BadRequest(_) => "BadRequest",
        }
    }
}

impl From<kube::Error> for KubeError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                KubeError::Refused { code: status.code, reason: status.reason, message: status.message }
            }
            kube::Error::SerdeError(error) => KubeError::Garbled(error.to_string()),
            error => KubeError::Unreachable(error.to_string()),
        }
    }
}

impl Diagnose for KubeError {
    fn reason(&self) -> &'static str {
        "ReconciliationFailed"
    }

    fn remedy(&self) -> Option<String> {
        match self {
            KubeError::UnknownKind { kind, .. } => {
                Some(format!("install the CustomResourceDefinition of {kind}, or apply it from the same source"))
            }
            KubeError::Unanswered { group, version, .. } => {
                Some(format!("kubectl get apiservice {version}.{group} says why"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_changed_is_known_by_the_servers_words() {
        let refused = |reason: &str, message: &str| KubeError::Refused {
            code: 422,
            reason: reason.to_owned(),
            message: message.to_owned(),
        };
        for message in [
            "Job.batch \"a\" is invalid: spec.template: Invalid value: {}: field is immutable",
            "Service \"a\" is invalid: spec.clusterIPs[0]: Invalid value: [\"10.0.0.1\"]: may not change once set",
            "StatefulSet.apps \"a\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than \
             'replicas' are forbidden",
            "RoleBinding.rbac.authorization.k8s.io \"a\" is invalid: roleRef: Invalid value: {}: cannot change roleRef",
        ] {
            assert!(refused("Invalid", message).is_immutable(), "{message}");
        }
        assert!(refused("Forbidden", "denied: spec.size is immutable").is_immutable(), "a webhook's words");
        assert!(!refused("Invalid", "ConfigMap \"a\" is invalid: data: Too long").is_immutable());
        assert!(!refused("Forbidden", "quota a may not change once set").is_immutable());
    }
}
