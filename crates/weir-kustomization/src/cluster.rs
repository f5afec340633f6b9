//! The cluster that a Kustomization applies to, and as whom: `spec.kubeConfig` and `spec.serviceAccountName`.

use crate::Options;
use crate::clouds::{Asked, texts};
use crate::variables::bytes;
use futures::future::BoxFuture;
use std::sync::Arc;
use weir_api::common::{KubeConfigReference, SecretKeyReference};
use weir_api::{Kustomization, reasons};
use weir_base::{Diagnose, Secret};
use weir_cloud::{Cloud, ClusterConfig, Identity as Asking, Remote};
use weir_doc::Node;
use weir_kube::{Clusters, Endpoint, Identity, Session, Tokens};
use weir_object::ObjectRef;
use weir_runtime::Failure;
use zeroize::Zeroizing;

/// The keys of a Secret that a kubeconfig stands under, if the reference names none.
const KEYS: [&str; 2] = ["value", "value.yaml"];

/// The session that applies: on the cluster that is named, as the service account that is named. On another cluster too
/// that is an account of the Kustomization's namespace, as in Flux.
pub(crate) async fn session(
    own: &Session,
    object: &Kustomization,
    options: &Options,
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
            let clusters = options.clusters.as_deref().ok_or_else(refused)?;
            remote(own, namespace, reference, clusters, options).await?
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
    options: &Options,
) -> Result<Session, Failure> {
    // Without `..`: a new field has to be thought about here.
    let KubeConfigReference { config_map_ref, secret_ref } = reference;
    match (secret_ref, config_map_ref) {
        (Some(secret), None) => of_secret(own, namespace, secret, clusters).await,
        (None, Some(map)) => of_config_map(own, namespace, &map.name, clusters, options).await,
        _ => {
            let message = "spec.kubeConfig has to have one of secretRef and configMapRef";
            Err(Failure::stalled(reasons::RECONCILIATION_FAILED, message))
        }
    }
}

fn failed(why: String) -> Failure {
    Failure::transient(reasons::RECONCILIATION_FAILED, why)
}

/// An object that has to be there.
async fn read(own: &Session, object: &ObjectRef, shown: &str) -> Result<Node, Failure> {
    let found = own.get(object).await.map_err(|error| failed(format!("unable to read {shown}: {error}")))?;
    found.ok_or_else(|| failed(format!("unable to read {shown}: not found")))
}

/// By workload identity: the ConfigMap says where the cluster is and who asks for the way in.
async fn of_config_map(
    own: &Session,
    namespace: &str,
    name: &str,
    clusters: &Clusters,
    options: &Options,
) -> Result<Session, Failure> {
    let shown = format!("KubeConfig ConfigMap '{namespace}/{name}'");
    let cloud = options.cloud.clone().ok_or_else(|| failed(format!("{shown}: no cloud is asked from here")))?;
    let map = read(own, &ObjectRef::new("v1", "ConfigMap", namespace, name), &shown).await?;
    let told = |report: String| failed(format!("{shown}: {report}"));
    let config = ClusterConfig::read(&texts(map.get("data"))).map_err(|error| told(error.report().to_string()))?;
    if config.service_account.is_some() && !options.workload_identity {
        return Err(told(
            "serviceAccountName needs the ObjectLevelWorkloadIdentity feature gate of the controller".to_owned(),
        ));
    }
    let account = config.service_account.as_ref().or(options.default_kubeconfig_service_account.as_ref());
    let asking = match account {
        Some(name) => Asking::Account { namespace: namespace.to_owned(), name: name.clone() },
        None => Asking::Controller,
    };
    let tokens = Entering { cloud, config, asking, accounts: Asked(own.own()) };
    let Remote { server, ca, .. } = tokens.remote().await.map_err(told)?;
    let endpoint = Endpoint { server, ca: (!ca.is_empty()).then_some(ca) };
    let who = format!("{:?} {:?}", tokens.asking, tokens.config);
    clusters.of_endpoint(&endpoint, &who, Arc::new(tokens)).map_err(|error| told(error.report().to_string()))
}

/// Asks for a token before each request; what holds is kept by the cloud's cache.
struct Entering {
    cloud: Arc<Cloud>,
    config: ClusterConfig,
    asking: Asking,
    accounts: Asked,
}

impl Entering {
    async fn remote(&self) -> Result<Remote, String> {
        let remote = self.cloud.remote(&self.config, &self.asking, &self.accounts).await;
        remote.map_err(|error| error.report().to_string())
    }
}

impl Tokens for Entering {
    fn token(&self) -> BoxFuture<'_, Result<Secret<Zeroizing<String>>, String>> {
        Box::pin(async { Ok(self.remote().await?.token) })
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
    let secret = read(own, &ObjectRef::new("v1", "Secret", namespace, name), &shown).await?;
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
