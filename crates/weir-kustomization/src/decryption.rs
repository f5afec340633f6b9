//! The keys of `spec.decryption`, read by the controller in the object's own namespace.

use crate::variables::bytes;
use std::sync::Arc;
use weir_api::kustomize::Decryption as Spec;
use weir_api::reasons;
use weir_base::Diagnose;
use weir_doc::Node;
use weir_kube::Session;
use weir_object::ObjectRef;
use weir_render::{Decryption, Keyring};
use weir_runtime::Failure;

/// Entries for key services, which this version does not ask.
const SERVICES: [&str; 4] = ["sops.vault-token", "sops.aws-kms", "sops.azure-kv", "sops.gcp-kms"];

/// Where the keys are that a Kustomization does not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Of the controller.
    pub namespace: String,
    /// A Secret with age keys (`--sops-age-secret`).
    pub name: String,
}

/// What a build decrypts with: the keys of the Secret that is named, else the age keys of the fallback.
pub(crate) async fn gather(
    session: &Session,
    namespace: &str,
    spec: Option<&Spec>,
    fallback: Option<&Fallback>,
    enforce_mac: bool,
) -> Result<Option<Decryption>, Failure> {
    // Without `..`: a new field has to be thought about here.
    let Some(Spec { provider: _, secret_ref, service_account_name }) = spec else { return Ok(None) };
    if service_account_name.as_ref().is_some_and(|name| !name.is_empty()) {
        let message = "to use spec.decryption.serviceAccountName for decryption authentication please enable the \
                       ObjectLevelWorkloadIdentity feature gate in the controller (not in this version of weir)";
        return Err(Failure::stalled(reasons::FEATURE_GATE_DISABLED, message));
    }
    let mut keyring = Keyring::new();
    match (secret_ref, fallback) {
        (Some(secret), _) => import(session, namespace, &secret.name, &mut keyring, false).await?,
        (None, Some(Fallback { namespace, name })) => import(session, namespace, name, &mut keyring, true).await?,
        (None, None) => {}
    }
    Ok(Some(Decryption::Keys { keyring: Arc::new(keyring), services: None, enforce_mac }))
}

async fn import(
    session: &Session,
    namespace: &str,
    name: &str,
    keyring: &mut Keyring,
    is_age_only: bool,
) -> Result<(), Failure> {
    let shown = format!("sops decryption Secret '{namespace}/{name}'");
    let failed = |why: &str| Failure::transient(reasons::BUILD_FAILED, format!("cannot get {shown}: {why}"));
    let found = session.get(&ObjectRef::new("v1", "Secret", namespace, name)).await;
    let Some(secret) = found.map_err(|error| failed(&error.to_string()))? else { return Err(failed("not found")) };
    for (key, value) in secret.get("data").and_then(Node::as_map).into_iter().flat_map(|map| map.iter()) {
        let (key, text) = (key.as_str(), value.as_str().unwrap_or_default());
        let bytes = bytes(text).ok_or_else(|| failed(&format!("key '{key}' is not base64")))?;
        let what = format!("failed to import '{key}' data from {shown}");
        let added = match key.rsplit_once('.').map(|(_, ending)| ending) {
            Some("agekey") => keyring.add_age(&what, &bytes),
            Some("asc") if !is_age_only => keyring.add_pgp(&what, &bytes),
            _ if SERVICES.contains(&key) => {
                tracing::warn!("{shown}: '{key}' is not used: this version of weir asks no key service");
                continue;
            }
            _ => continue,
        };
        added.map_err(|error| Failure::transient(reasons::BUILD_FAILED, error.report().to_string()))?;
    }
    Ok(())
}
