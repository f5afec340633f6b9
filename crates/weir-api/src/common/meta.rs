//! References, artifacts and the small building blocks of specs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Time;
use crate::object::{KindInfo, string_enum};

/// Reference to an object in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalObjectReference {
    /// Name of the object.
    pub name: String,
}

/// Reference to a Secret in the same namespace and, if wanted, to one of its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyReference {
    /// Name of the Secret.
    pub name: String,
    /// Key in the Secret; where it is absent the field that holds this reference says which keys are tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Reference to an object of a known kind, in any namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespacedObjectReference {
    /// Name of the object.
    pub name: String,
    /// Namespace of the object; default is the namespace of the object that refers to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A stored and served archive of what a source holds at one revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Digest of the stored file, `<algorithm>:<hex>`.
    #[schemars(regex(pattern = r"^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$"))]
    pub digest: String,
    /// When this artifact was stored.
    pub last_update_time: Time,
    /// Annotations of the upstream artifact, such as its origin and revision there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Path of the file below the storage root, `<kind>/<namespace>/<name>/<file>`.
    pub path: String,
    /// Human-readable version with digest, such as `main@sha1:<hash>`.
    pub revision: String,
    /// Size of the file in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// HTTP address from which the file is served.
    pub url: String,
}

/// Where and as whom to reach a remote cluster; exactly one of the two references is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "message": "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified",
        "rule": "has(self.configMapRef) || has(self.secretRef)"
    },
    {
        "message": "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified",
        "rule": "!has(self.configMapRef) || !has(self.secretRef)"
    }
]))]
pub struct KubeConfigReference {
    /// ConfigMap with `provider`, `cluster`, `address`, `ca.crt`, `audiences` and `serviceAccountName`, for access by workload identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<LocalObjectReference>,
    /// Secret with a kubeconfig; without a key, `value` and then `value.yaml` are tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyReference>,
}

/// An object that has to be ready first; of the same kind, if none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DependencyReference {
    /// API version of the kind; weir's addition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the dependency, one of Flux's that has a Ready condition; default is the object's own kind; weir's addition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name of the dependency.
    pub name: String,
    /// Namespace of the dependency; default is the object's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// CEL expression of type bool over `dep` and `self` that replaces the built-in readiness check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_expr: Option<String>,
}

impl DependencyReference {
    /// Whether it is of the kind that is meant when none is named.
    pub fn is_of(&self, info: &KindInfo) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind.is_empty() || kind == info.kind)
    }
}

/// Picks objects; the parts are combined with AND, absent parts match everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Regular expression for the API group, anchored at both ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Regular expression for the API version, anchored at both ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Regular expression for the kind, anchored at both ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Regular expression for the namespace, anchored at both ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Regular expression for the name, anchored at both ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Label selector in its text form, such as `app=web,tier!=db`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<String>,
    /// Annotation selector, in the grammar of label selectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotation_selector: Option<String>,
}

/// A kustomize patch, either a strategic merge patch or a list of JSON 6902 operations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Patch {
    /// Text of the patch, YAML or JSON.
    pub patch: String,
    /// Objects to patch; without it the patch itself names its object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Selector>,
}

/// Replaces the name, tag or digest of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Image name to look for, without a tag.
    pub name: String,
    /// Name to put in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_name: Option<String>,
    /// Tag to put in place of the original one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_tag: Option<String>,
    /// Digest to pin; has precedence over `newTag`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Labels and annotations put on every object; they override those of the manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommonMetadata {
    /// Annotations to set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Labels to set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// CEL rules for the health of a kind; variables are the top-level fields of the live object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomHealthCheck {
    /// API version of the objects; only its group counts.
    pub api_version: String,
    /// Kind of the objects; without it the rules hold for all kinds of the group that have no entry of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// True when the object has reached its desired state; looked at last.
    pub current: String,
    /// True when the object has failed; looked at after `inProgress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// True while the object is on its way; looked at first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_progress: Option<String>,
}

/// Fields that may differ between the cluster and the manifests without being corrected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IgnoreRule {
    /// JSON pointers (RFC 6901) to the fields; the empty pointer is the entire object.
    pub paths: Vec<String>,
    /// Objects the rule holds for; default is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Selector>,
}

/// The objects that an applier made and still owns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInventory {
    /// One entry for each object.
    pub entries: Vec<ResourceRef>,
}

/// An object in an inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRef {
    /// `<namespace>_<name>_<group>_<kind>`, empty parts kept.
    pub id: String,
    /// API version without the group.
    pub v: String,
}

/// Which namespaces may refer to an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessFrom {
    /// A namespace may refer to the object if one of these matches its labels.
    pub namespace_selectors: Vec<NamespaceSelector>,
}

/// Picks namespaces by their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// Labels the namespace has to carry; empty matches every namespace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

string_enum! {
    /// Who gives out the credentials for a registry, bucket or Helm repository.
    pub enum CloudProvider {
        /// No cloud: Secrets and image pull secrets.
        #[default]
        Generic = "generic",
        /// Amazon Web Services.
        Aws = "aws",
        /// Microsoft Azure.
        Azure = "azure",
        /// Google Cloud.
        Gcp = "gcp",
    }
}

string_enum! {
    /// A kind of object that holds data.
    pub enum DataKind {
        /// Secret.
        #[default]
        Secret = "Secret",
        /// ConfigMap.
        ConfigMap = "ConfigMap",
    }
}
