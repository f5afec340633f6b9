//! Two controllers must not hold one role.

use super::Role;
use crate::error::CliError;
use std::collections::BTreeSet;
use weir_doc::Node;
use weir_kube::{KubeError, Resource, Session};
use weir_object::meta;

/// Refuses where Flux's own controllers hold one of the roles that this version implements. Of the others,
/// returns those that Flux holds: their kinds are left alone.
///
/// Looks at the Deployments of all namespaces, or, where that is not allowed, of `namespace`.
pub async fn refuse_beside_flux(
    session: &Session,
    roles: &BTreeSet<Role>,
    namespace: Option<&str>,
) -> Result<BTreeSet<Role>, CliError> {
    let mut held = BTreeSet::new();
    for deployment in flux_deployments(session, namespace).await? {
        let name = meta::name(&deployment).unwrap_or_default();
        let replicas = deployment.path(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1);
        let Some(role) = roles.iter().copied().find(|role| role.controller() == name) else { continue };
        if replicas == 0 || is_ours(&deployment) {
            continue;
        }
        if role.is_implemented() {
            return Err(CliError::new(format!(
                "Deployment {}/{name} of Flux runs on this cluster and holds the same role (scale it to 0 first)",
                meta::namespace(&deployment).unwrap_or_default(),
            )));
        }
        held.insert(role);
    }
    Ok(held)
}

async fn flux_deployments(session: &Session, namespace: Option<&str>) -> Result<Vec<Node>, CliError> {
    let deployments = Resource {
        group: "apps".to_owned(),
        version: "v1".to_owned(),
        kind: "Deployment".to_owned(),
        plural: "deployments".to_owned(),
        namespaced: true,
    };
    let query = "labelSelector=app.kubernetes.io/part-of%3Dflux";
    let unseen = |error: KubeError| CliError::new(format!("whether Flux runs on this cluster cannot be seen: {error}"));
    // It is asked rather than tried: what is refused looks like an attack in the server's audit log.
    let is_wide = session.may("list", &deployments).await.map_err(unseen)?;
    let where_ = if is_wide { "" } else { namespace.unwrap_or_default() };
    session.list(&deployments, where_, query).await.map_err(unseen)
}

/// weir's own Deployments have Flux's names; they run `weir controller ROLE`.
pub fn is_ours(deployment: &Node) -> bool {
    let containers = deployment.path(&["spec", "template", "spec", "containers"]).and_then(Node::as_seq);
    containers.into_iter().flatten().any(|container| {
        ["command", "args"]
            .iter()
            .filter_map(|key| container.path(&[key]).and_then(Node::as_seq))
            .flatten()
            .any(|word| word.as_str() == Some("controller"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_deployments_are_known_by_their_command() {
        let deployment = |args: &str| {
            let text = format!(r#"{{"spec":{{"template":{{"spec":{{"containers":[{{"args":{args}}}]}}}}}}}}"#);
            weir_doc::from_json(text.as_bytes()).expect("is JSON")
        };
        assert!(is_ours(&deployment(r#"["controller","source","--log-level=info"]"#)));
        assert!(!is_ours(&deployment(r#"["--events-addr=http://notification-controller","--log-level=info"]"#)));
    }
}
