use crate::error::CliError;
use crate::installed::{custom_resource_definitions, deployments, resource};
use crate::objects::Say;
use futures::future::try_join_all;
use weir_kube::{KubeError, Resource, Session};

/// What `weir install` writes, and with which verbs: it applies.
const VERBS: [&str; 2] = ["create", "patch"];

/// The kinds that an installation is made of.
pub fn kinds() -> [Resource; 12] {
    let rbac = "rbac.authorization.k8s.io";
    [
        resource("", "v1", "Namespace", "namespaces", false),
        custom_resource_definitions(),
        resource("", "v1", "ResourceQuota", "resourcequotas", true),
        resource("", "v1", "ServiceAccount", "serviceaccounts", true),
        resource(rbac, "v1", "ClusterRole", "clusterroles", false),
        resource(rbac, "v1", "ClusterRoleBinding", "clusterrolebindings", false),
        resource(rbac, "v1", "Role", "roles", true),
        resource(rbac, "v1", "RoleBinding", "rolebindings", true),
        resource("", "v1", "Service", "services", true),
        deployments(),
        resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
        resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", true),
    ]
}

/// Whether the user may install. One who only looks at an installation needs no such rights: without `is_needed` it is told
/// and no failure.
pub(super) async fn check(session: &Session, is_needed: bool, say: &Say<'_>) -> Result<bool, CliError> {
    let kinds = kinds();
    let questions = kinds.iter().flat_map(|kind| VERBS.map(|verb| (verb, kind)));
    let ask = async |(verb, kind): (&str, &Resource)| {
        let is_allowed = session.may(verb, kind).await?;
        Ok::<_, KubeError>((!is_allowed).then(|| format!("{verb} {}", named(kind))))
    };
    let denied: Vec<String> = try_join_all(questions.map(ask)).await?.into_iter().flatten().collect();
    if denied.is_empty() {
        say.success("the rights that an installation needs are there");
        return Ok(true);
    }
    let told = format!(
        "the rights that an installation needs are not there: {} (use an account that is bound to cluster-admin)",
        denied.join(", ")
    );
    if is_needed {
        say.failure(&told)
    } else {
        say.warning(&told)
    }
    Ok(!is_needed)
}

fn named(kind: &Resource) -> String {
    if kind.group.is_empty() { kind.plural.clone() } else { format!("{}.{}", kind.plural, kind.group) }
}
