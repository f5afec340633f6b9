//! The keys of `spec.decryption`, read by the controller in the object's own namespace.

use crate::Options;
use crate::clouds::{Asked, Services};
use crate::variables::bytes;
use std::sync::Arc;
use tokio::runtime::Handle;
use weir_api::kustomize::Decryption as Spec;
use weir_api::reasons;
use weir_base::Diagnose;
use weir_cloud::{Identity, StaticKeys};
use weir_doc::Node;
use weir_kube::Session;
use weir_object::ObjectRef;
use weir_render::{Decryption, KeyServices, Keyring};
use weir_runtime::Failure;

/// Where the keys are that a Kustomization does not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Of the controller.
    pub namespace: String,
    /// A Secret with age keys (`--sops-age-secret`).
    pub name: String,
}

/// What a build decrypts with: the keys of the Secret that is named, else the age keys of the fallback; and the services
/// that keep keys, where there are some to ask.
pub(crate) async fn gather(
    session: &Session,
    namespace: &str,
    spec: Option<&Spec>,
    options: &Options,
) -> Result<Option<Decryption>, Failure> {
    // Without `..`: a new field has to be thought about here.
    let Some(Spec { provider: _, secret_ref, service_account_name }) = spec else { return Ok(None) };
    let mut keys = Imported::default();
    match (secret_ref, &options.sops_age_secret) {
        (Some(secret), _) => import(session, namespace, &secret.name, &mut keys, false).await?,
        (None, Some(Fallback { namespace, name })) => import(session, namespace, name, &mut keys, true).await?,
        (None, None) => {}
    }
    let account = service_account_name.as_ref().filter(|name| !name.is_empty());
    let account = account.or(options.default_decryption_service_account.as_ref());
    let identity = account
        .map_or(Identity::Controller, |name| Identity::Account { namespace: namespace.to_owned(), name: name.clone() });
    let Imported { keyring, statics } = keys;
    let services = options.cloud.as_ref().map(|cloud| {
        let services = Services {
            cloud: cloud.clone(),
            statics,
            identity,
            accounts: Asked(session.own()),
            vault: options.sops_vault_config_map.clone(),
            handle: Handle::current(),
        };
        Arc::new(services) as Arc<dyn KeyServices>
    });
    Ok(Some(Decryption::Keys { keyring: Arc::new(keyring), services, enforce_mac: options.enforce_sops_mac }))
}

/// Refuses an account that may not be used, before anything is looked at.
pub(crate) fn check(spec: Option<&Spec>, options: &Options) -> Result<(), Failure> {
    let account = spec.and_then(|spec| spec.service_account_name.as_ref()).filter(|name| !name.is_empty());
    if account.is_none() || options.workload_identity {
        return Ok(());
    }
    let message = "to use spec.decryption.serviceAccountName for decryption authentication please enable the \
                   ObjectLevelWorkloadIdentity feature gate in the controller";
    Err(Failure::stalled(reasons::FEATURE_GATE_DISABLED, message))
}

/// What a Secret has.
#[derive(Default)]
struct Imported {
    keyring: Keyring,
    statics: StaticKeys,
}

async fn import(
    session: &Session,
    namespace: &str,
    name: &str,
    keys: &mut Imported,
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
        let failed = |report: String| Failure::transient(reasons::BUILD_FAILED, report);
        let added = match key.rsplit_once('.').map(|(_, ending)| ending) {
            Some("agekey") => keys.keyring.add_age(&what, &bytes).map(drop).map_err(|error| error.report().to_string()),
            Some("asc") if !is_age_only => {
                keys.keyring.add_pgp(&what, &bytes).map(drop).map_err(|error| error.report().to_string())
            }
            _ if is_age_only => continue,
            _ => {
                let added = keys.statics.add(key, &bytes);
                added.map(drop).map_err(|error| format!("{what}: {}", error.report()))
            }
        };
        added.map_err(failed)?;
    }
    Ok(())
}
