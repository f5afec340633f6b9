//! `weir create tenant`: namespaces, the account that reconciles them, what it may do, and that the kustomize controller
//! may act as it.

use super::cluster::upsert;
use super::create::{Common, object};
use super::{Cluster, Say};
use crate::controllers::Role;
use crate::error::CliError;
use serde_json::{Value, json};
use weir_doc::emit::to_yaml;
use weir_doc::{Node, from_value};
use weir_object::{ObjectRef, meta};

/// Which tenant an object belongs to.
const LABEL: &str = "toolkit.fluxcd.io/tenant";

#[derive(clap::Args)]
pub struct Args {
    /// Name of the tenant.
    name: String,
    /// Namespace of the tenant; may be given several times, or as a comma list.
    #[arg(long, value_delimiter = ',', required = true, value_name = "NAMES")]
    with_namespace: Vec<String>,
    /// ClusterRole that the tenant has in its namespaces.
    #[arg(long, default_value = "cluster-admin", value_name = "NAME")]
    cluster_role: String,
    /// Service account of the tenant; default: its name.
    #[arg(long, value_name = "NAME")]
    with_service_account: Option<String>,
    /// The namespaces are there already.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    skip_namespace: bool,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    cluster: Cluster,
}

pub(super) async fn run(args: Args, say: &Say<'_>) -> Result<(), CliError> {
    let account = args.with_service_account.as_deref().unwrap_or(&args.name);
    for (what, name) in [("tenant", args.name.as_str()), ("service-account", account)]
        .into_iter()
        .chain(args.with_namespace.iter().map(|name| ("namespace", name.as_str())))
    {
        if !is_qualified(name) {
            return Err(CliError::new(format!(
                "invalid {what} name '{name}': letters, digits, '-', '_' and '.', at most 63"
            )));
        }
    }
    if args.cluster_role.is_empty() {
        return Err(CliError::new("cluster-role is required"));
    }
    let objects: Vec<Node> =
        args.with_namespace.iter().flat_map(|namespace| manifests(&args, namespace, account)).collect();
    if args.common.export {
        let text: String = objects.iter().map(|object| format!("---\n{}", to_yaml(object))).collect();
        say.data(&text);
        return Ok(());
    }
    let session = args.cluster.connect().await?;
    for object in &objects {
        let (kind, name) = (meta::kind(object), meta::name(object).unwrap_or_default());
        say.action(&format!("applying {} {name}", spaced(kind)));
        let members: &[&str] = match kind {
            "Role" => &["rules"],
            "RoleBinding" => &["subjects"],
            _ => &[],
        };
        bound_anew(&session, object).await?;
        upsert(&session, object, members).await?;
    }
    say.success("tenant setup completed");
    Ok(())
}

/// The role of a binding cannot be changed: one that has another goes, as flux has it.
async fn bound_anew(session: &weir_kube::Session, object: &Node) -> Result<(), CliError> {
    if meta::kind(object) != "RoleBinding" {
        return Ok(());
    }
    let reference = ObjectRef::of(object)?;
    let live = session.get(&reference).await?;
    if live.is_some_and(|live| live.get("roleRef") != object.get("roleRef")) {
        session.delete(&reference, weir_kube::Propagation::Background, None).await?;
    }
    Ok(())
}

/// `ServiceAccount` as words.
fn spaced(kind: &str) -> String {
    let mut words = String::new();
    for letter in kind.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

fn is_qualified(name: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let is_end = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    bytes.len() <= 63 && bytes.iter().all(|b| is_inner(*b)) && is_end(bytes.first()) && is_end(bytes.last())
}

fn manifests(args: &Args, namespace: &str, account: &str) -> Vec<Node> {
    let (tenant, role, home) = (&args.name, &args.cluster_role, &args.cluster.namespace);
    let controller = Role::Kustomize.controller();
    let mut common = args.common.clone();
    common.labels.push((LABEL.to_owned(), tenant.clone()));
    let rbac = "rbac.authorization.k8s.io";
    let made = |api_version: &str, kind: &str, name: &str, members: Value| {
        let mut node = object(api_version, kind, (namespace, name), &common);
        for (key, value) in members.as_object().into_iter().flatten() {
            node.set(key.as_str(), from_value(value));
        }
        node
    };
    let of_rbac = |kind: &str, name: &str, members: Value| {
        made(&format!("{rbac}/v1"), kind, &format!("{tenant}-{name}"), members)
    };
    let mut all = Vec::new();
    if !args.skip_namespace {
        let mut space = made("v1", "Namespace", namespace, Value::Null);
        space.ensure_map(&["metadata"]).remove("namespace");
        all.push(space);
    }
    all.push(made("v1", "ServiceAccount", account, Value::Null));
    all.push(of_rbac(
        "RoleBinding",
        "reconciler",
        json!({
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role},
            "subjects": [
                {"apiGroup": rbac, "kind": "User", "name": format!("gotk:{namespace}:reconciler")},
                {"kind": "ServiceAccount", "name": account, "namespace": namespace},
            ],
        }),
    ));
    // An addition to flux: without it the controller needs a right to act as anybody.
    all.push(of_rbac(
        "Role",
        "impersonation",
        json!({"rules": [{
            "apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": [account], "verbs": ["impersonate"],
        }]}),
    ));
    all.push(of_rbac(
        "RoleBinding",
        "impersonation",
        json!({
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": format!("{tenant}-impersonation")},
            "subjects": [{"kind": "ServiceAccount", "name": controller, "namespace": home}],
        }),
    ));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for name in ["a", "team-a", "A.b_c"] {
            assert!(is_qualified(name), "{name}");
        }
        for name in ["", "-a", "a-", "a b", "a/b", &"x".repeat(64)] {
            assert!(!is_qualified(name), "{name}");
        }
        assert_eq!(spaced("RoleBinding"), "role binding");
    }
}
