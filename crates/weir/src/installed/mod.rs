//! What of Flux or weir is on a cluster: controllers, definitions, who holds the leases.

mod definition;

pub use definition::{Definition, definitions};

use crate::controllers::{Role, is_ours};
use crate::error::CliError;
use std::time::SystemTime;
use weir_doc::Node;
use weir_kube::{KubeError, Resource, Session};
use weir_object::kstatus::{self, Verdict};
use weir_object::{ObjectRef, meta};

/// Label of everything that an installation is made of.
pub const PART_OF: &str = "app.kubernetes.io/part-of=flux";
/// Label of the version that an object was installed with.
pub const VERSION: &str = "app.kubernetes.io/version";

/// A collection of the API server.
pub fn resource(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> Resource {
    let [group, version, kind, plural] = [group, version, kind, plural].map(str::to_owned);
    Resource { group, version, kind, plural, namespaced }
}

pub fn deployments() -> Resource {
    resource("apps", "v1", "Deployment", "deployments", true)
}

pub fn custom_resource_definitions() -> Resource {
    resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false)
}

/// The definition that stands for all of an installation: that of GitRepository, which Flux and weir always have.
pub fn foremost(definitions: &[Definition]) -> Option<&Definition> {
    definitions.iter().find(|definition| definition.kind() == "GitRepository")
}

/// What is part of the installation, of one kind. `namespace` is that of the controllers, and of no meaning for a kind that
/// is cluster-wide.
pub async fn parts(session: &Session, resource: &Resource, namespace: &str) -> Result<Vec<Node>, CliError> {
    let query = format!("labelSelector={}", weir_kube::percent_encoded(PART_OF));
    match session.list(resource, namespace, &query).await {
        // A kind that the server does not have has no objects.
        Err(KubeError::Refused { code: 404, .. }) => Ok(Vec::new()),
        Err(error) => {
            let plural = &resource.plural;
            Err(CliError::new(format!("the {plural} of namespace {namespace} cannot be listed: {error}")))
        }
        Ok(found) => Ok(found),
    }
}

/// A controller, of Flux or of weir.
pub struct Controller {
    pub deployment: Node,
    pub role: Option<Role>,
}

impl Controller {
    fn of(mut deployment: Node) -> Self {
        // A list names the kind once for all.
        deployment.set("apiVersion", "apps/v1");
        deployment.set("kind", "Deployment");
        let name = meta::name(&deployment).unwrap_or_default();
        let role = Role::ALL.into_iter().find(|role| role.controller() == name);
        Self { deployment, role }
    }

    pub fn name(&self) -> &str {
        meta::name(&self.deployment).unwrap_or_default()
    }

    pub fn is_weir(&self) -> bool {
        is_ours(&self.deployment)
    }

    /// Whose program it runs.
    pub fn of_whom(&self) -> &'static str {
        if self.is_weir() { "weir" } else { "Flux" }
    }

    pub fn images(&self) -> Vec<&str> {
        let containers = self.deployment.path(&["spec", "template", "spec", "containers"]).and_then(Node::as_seq);
        containers.into_iter().flatten().filter_map(|container| container.str_at(&["image"])).collect()
    }

    /// Whether it runs, by the Deployment's status.
    pub fn health(&self) -> Verdict {
        kstatus::assess(&self.deployment, SystemTime::now())
    }

    /// The Kustomization that applies it, where there is one: namespace and name.
    pub fn applied_by(&self) -> Option<(String, String)> {
        let label = |key| meta::label(&self.deployment, key).map(str::to_owned);
        Some((label(weir_api::names::KUSTOMIZE_NAMESPACE)?, label(weir_api::names::KUSTOMIZE_NAME)?))
    }
}

/// The controllers in a namespace, by name.
pub async fn controllers(session: &Session, namespace: &str) -> Result<Vec<Controller>, CliError> {
    let mut all: Vec<Controller> =
        parts(session, &deployments(), namespace).await?.into_iter().map(Controller::of).collect();
    all.sort_by(|one, other| one.name().cmp(other.name()));
    Ok(all)
}

/// Who holds the lease of a role; nobody for none.
pub async fn holder(session: &Session, namespace: &str, role: Role) -> Result<Option<String>, CliError> {
    let name = format!("{}-leader-election", role.controller());
    let lease = session.get(&ObjectRef::new("coordination.k8s.io/v1", "Lease", namespace, &name)).await?;
    let holder = lease.as_ref().and_then(|lease| lease.str_at(&["spec", "holderIdentity"]));
    Ok(holder.filter(|holder| !holder.is_empty()).map(str::to_owned))
}
