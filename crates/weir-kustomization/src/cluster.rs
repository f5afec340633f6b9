//! The cluster that a Kustomization applies to, and as whom: `spec.kubeConfig` and `spec.serviceAccountName`.

use crate::variables::bytes;
use weir_api::common::{KubeConfigReference, SecretKeyReference};
use weir_api::{Kustomization, reasons};
use weir_base::Diagnose;
use weir_doc::Node;
use weir_kube::{Clusters, Identity, Session};
use weir_object::ObjectRef;
use weir_runtime::Failure;

/// The keys of a Secret that a kubeconfig stands under, if the reference names none.
const KEYS: [&str; 2] = ["value", "value.yaml"];

/// The session that applies: on the cluster that is named, as the service account that is named. On another cluster too
/// that is an account of the Kustomization's namespace, as in Flux.
pub(crate) async fn session(
    own: &Session,
    object: &Kustomization,
    clusters: Option<&Clusters>,
    account: Option<&str>,
) -> Result<Session, Failure> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let session = match &object.spec.kube_config {
        None => own.clone(),
        Some(reference) => {
            let refused = || {
                Failure::stalled(
                    reasons::RECONCILIATION_FAILED,
                    "spec.kubeConfig: other clusters are not reached from here",
                )
            };
            remote(own, namespace, reference, clusters.ok_or_else(refused)?).await?
        }
    };
    let Some(account) = account else { return Ok(session) };
    match Identity::service_account(namespace, account) {
        Some(identity) => Ok(session.impersonate(identity)),
        None => {
            let message = format!("'{account}' is not the name of a service account");
            Err(Failure::stalled(reasons::RECONCILIATION_FAILED, message))
        }
    }
}

async fn remote(
    own: &Session,
    namespace: &str,
    reference: &KubeConfigReference,
    clusters: &Clusters,
) -> Result<Session, Failure> {
    // Without `..`: a new field has to be thought about here.
    let KubeConfigReference { config_map_ref, secret_ref } = reference;
    match (secret_ref, config_map_ref) {
        (Some(secret), None) => of_secret(own, namespace, secret, clusters).await,
        (None, Some(_)) => Err(Failure::not_implemented("spec.kubeConfig.configMapRef")),
        _ => {
            let message = "spec.kubeConfig has to have one of secretRef and configMapRef";
            Err(Failure::stalled(reasons::RECONCILIATION_FAILED, message))
        }
    }
}

async fn of_secret(
    own: &Session,
    namespace: &str,
    reference: &SecretKeyReference,
    clusters: &Clusters,
) -> Result<Session, Failure> {
    let SecretKeyReference { name, key } = reference;
    let shown = format!("KubeConfig secret '{namespace}/{name}'");
    let failed = |why: String| Failure::transient(reasons::RECONCILIATION_FAILED, why);
    let found = own.get(&ObjectRef::new("v1", "Secret", namespace, name)).await;
    let found = found.map_err(|error| failed(format!("unable to read {shown}: {error}")))?;
    let secret = found.ok_or_else(|| failed(format!("unable to read {shown}: not found")))?;
    let value = |key: &str| secret.path(&["data", key]).and_then(Node::as_str);
    let text = match key.as_deref().filter(|key| !key.is_empty()) {
        Some(key) => {
            value(key).ok_or_else(|| failed(format!("{shown} does not contain a '{key}' key with a kubeconfig")))?
        }
        None => KEYS
            .into_iter()
            .find_map(value)
            .ok_or_else(|| failed(format!("{shown} does not contain a 'value' key with a kubeconfig")))?,
    };
    let text = bytes(text).ok_or_else(|| failed(format!("{shown} is not base64")))?;
    clusters.of_kubeconfig(&text).await.map_err(|error| failed(format!("{shown}: {}", error.report())))
}
