//! `weir uninstall`: removes the controllers and Flux's kinds, as `flux uninstall`; what was applied stays.
//!
//! Order: controllers, and none of their pods runs any more; network and rights; finalizers; definitions; namespace. A
//! controller that still ran would put its finalizer back, and prune what the deleted objects had applied.

use crate::error::CliError;
use crate::installed::{self, deployments, parts, resource};
use crate::objects::{Cluster, MANAGER, Say, ended};
use crate::output::Output;
use std::process::ExitCode;
use std::time::Duration;
use weir_doc::Node;
use weir_kube::{Propagation, Resource, Session};
use weir_object::{ObjectRef, meta};

/// Between looks at the pods.
const LOOK: Duration = Duration::from_millis(200);

/// Delete the controllers and the definitions; what was applied stays.
#[derive(clap::Parser)]
pub struct Uninstall {
    /// Leave the namespace.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    keep_namespace: bool,
    /// Only print what would be deleted.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    dry_run: bool,
    /// Do not ask.
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    silent: bool,
    #[command(flatten)]
    cluster: Cluster,
}

pub async fn run(args: Uninstall, output: &Output) -> Result<ExitCode, CliError> {
    let say = Say(output);
    Ok(ended(uninstall(&args, &say).await, &say))
}

async fn uninstall(args: &Uninstall, say: &Say<'_>) -> Result<(), CliError> {
    let session = args.cluster.connect().await?;
    let question = "Are you sure you want to delete the controllers and Flux's custom resource definitions";
    if !args.dry_run && !args.silent && !say.confirmed(question) {
        return Err(CliError::new("aborting (--silent deletes without asking, --dry-run shows what)"));
    }
    let work = Work { session: &session, namespace: &args.cluster.namespace, is_dry: args.dry_run, say };
    let failures = args.cluster.within(work.all(args.keep_namespace)).await?;
    if failures > 0 {
        return Err(CliError::new(format!("{failures} objects could not be deleted: run the command again")));
    }
    say.success("uninstall finished");
    Ok(())
}

/// What a controller needs besides its definitions, in the order in which it goes.
fn components() -> [Resource; 10] {
    let rbac = "rbac.authorization.k8s.io";
    [
        resource("", "v1", "Service", "services", true),
        resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", true),
        resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
        resource("", "v1", "ServiceAccount", "serviceaccounts", true),
        resource(rbac, "v1", "RoleBinding", "rolebindings", true),
        resource(rbac, "v1", "Role", "roles", true),
        resource(rbac, "v1", "ClusterRole", "clusterroles", false),
        resource(rbac, "v1", "ClusterRoleBinding", "clusterrolebindings", false),
        resource("", "v1", "ResourceQuota", "resourcequotas", true),
        resource("coordination.k8s.io", "v1", "Lease", "leases", true),
    ]
}

struct Work<'w> {
    session: &'w Session,
    namespace: &'w str,
    is_dry: bool,
    say: &'w Say<'w>,
}

impl Work<'_> {
    /// Returns how many objects could not be deleted.
    async fn all(&self, keep_namespace: bool) -> Result<usize, CliError> {
        let (namespace, mut failures) = (self.namespace, 0);
        self.say.action(&format!("deleting components in {namespace} namespace"));
        failures += self.every(&deployments()).await?;
        if failures > 0 {
            // Objects without finalizers, and a controller that runs: that would delete what was applied.
            return Ok(failures);
        }
        self.stopped().await?;
        for kind in &components() {
            failures += self.every(kind).await?;
        }
        self.say.action("deleting toolkit.fluxcd.io finalizers in all namespaces");
        let definitions = installed::definitions(self.session).await?;
        for definition in &definitions {
            for object in definition.objects(self.session).await? {
                failures += self.freed(&object).await?;
            }
        }
        if failures > 0 {
            // With its definition an object that still has a finalizer would wait for a controller for ever.
            return Ok(failures);
        }
        self.say.action("deleting toolkit.fluxcd.io custom resource definitions");
        for definition in &definitions {
            failures += self.delete(&definition.object()).await;
        }
        if !keep_namespace {
            failures += self.delete(&ObjectRef::new("v1", "Namespace", "", namespace)).await;
        }
        Ok(failures)
    }

    async fn every(&self, kind: &Resource) -> Result<usize, CliError> {
        let mut failures = 0;
        // A lease has no labels.
        let found = match kind.kind.as_str() {
            "Lease" => self.leases(kind).await?,
            _ => parts(self.session, kind, self.namespace).await?,
        };
        for object in found {
            let name = meta::name(&object).unwrap_or_default();
            let place = if kind.namespaced { self.namespace } else { "" };
            // The rights and names of another installation carry its namespace as instance.
            let instance = meta::label(&object, "app.kubernetes.io/instance");
            if !kind.namespaced && instance.is_some_and(|instance| instance != self.namespace) {
                continue;
            }
            failures += self.delete(&ObjectRef::new(&kind.api_version(), &kind.kind, place, name)).await;
        }
        Ok(failures)
    }

    async fn leases(&self, kind: &Resource) -> Result<Vec<Node>, CliError> {
        let found = self.session.list(kind, self.namespace, "").await?;
        let is_ours = |lease: &Node| {
            let name = meta::name(lease).unwrap_or_default();
            crate::controllers::Role::ALL
                .into_iter()
                .any(|role| name.starts_with(&format!("{}-leader-election", role.controller())))
        };
        Ok(found.into_iter().filter(is_ours).collect())
    }

    /// Deletes an object; 1 where that failed.
    async fn delete(&self, object: &ObjectRef) -> usize {
        if self.is_dry {
            self.say.success(&format!("{object} deleted (dry run)"));
            return 0;
        }
        match self.session.delete(object, Propagation::Background, None).await {
            Ok(_) => {
                self.say.success(&format!("{object} deleted"));
                0
            }
            Err(error) => {
                self.say.failure(&format!("{object} deletion failed: {error}"));
                1
            }
        }
    }

    /// Waits until no pod of a controller runs.
    async fn stopped(&self) -> Result<(), CliError> {
        let pods = resource("", "v1", "Pod", "pods", true);
        if self.is_dry {
            return Ok(());
        }
        self.say.waiting("waiting for the end of the controllers' pods");
        while !parts(self.session, &pods, self.namespace).await?.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Takes the finalizers away.
    async fn freed(&self, object: &Node) -> Result<usize, CliError> {
        let reference = ObjectRef::of(object)?;
        let finalizers = object.path(&["metadata", "finalizers"]).and_then(Node::as_seq);
        if finalizers.is_none_or(Vec::is_empty) {
            return Ok(0);
        }
        if self.is_dry {
            self.say.success(&format!("{reference} finalizers deleted (dry run)"));
            return Ok(0);
        }
        let mut patch = Node::map();
        patch.ensure_map(&["metadata"]).insert("finalizers", Node::null());
        match self.session.merge_patch(&reference, "", MANAGER, &patch).await {
            Err(error) if !error.is_not_found() => {
                self.say.failure(&format!("{reference} removing finalizers failed: {error}"));
                Ok(1)
            }
            _ => {
                self.say.success(&format!("{reference} finalizers deleted"));
                Ok(0)
            }
        }
    }
}
