//! `weir create tenant`: namespaces, the account that reconciles them, what it may do, and that the kustomize controller
//! may act as it.

use super::cluster::upsert;
use super::create::Common;
use super::{Cluster, Say};
use crate::controllers::Role;
use crate::error::CliError;
use weir_base::Budget;
use weir_doc::emit::to_yaml;
use weir_doc::{Dialect, Node, yaml};

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
    let mut objects = Vec::new();
    for namespace in &args.with_namespace {
        for text in manifests(&args, namespace, account) {
            objects.extend(yaml::parse_all(text.as_bytes(), None, Dialect::Sigs, &Budget::standard())?);
        }
    }
    if args.common.export {
        let text: String = objects.iter().map(|object| format!("---\n{}", to_yaml(object))).collect();
        say.data(&text);
        return Ok(());
    }
    let session = args.cluster.connect().await?;
    for object in &objects {
        let (kind, name) = (weir_object::meta::kind(object), weir_object::meta::name(object).unwrap_or_default());
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
    if weir_object::meta::kind(object) != "RoleBinding" {
        return Ok(());
    }
    let reference = weir_object::ObjectRef::of(object)?;
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

fn manifests(args: &Args, namespace: &str, account: &str) -> Vec<String> {
    let (tenant, role, home) = (&args.name, &args.cluster_role, &args.cluster.namespace);
    let controller = Role::Kustomize.controller();
    let mut labels: Vec<String> =
        args.common.labels.iter().map(|(key, value)| format!("    {key}: {}", quoted(value))).collect();
    labels.push(format!("    {LABEL}: {}", quoted(tenant)));
    let labels = labels.join("\n");
    let meta = |name: &str| format!("metadata:\n  labels:\n{labels}\n  name: {name}\n  namespace: {namespace}\n");
    let rbac = "apiVersion: rbac.authorization.k8s.io/v1\n";
    let mut all = Vec::new();
    if !args.skip_namespace {
        all.push(format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  labels:\n{labels}\n  name: {namespace}\n"));
    }
    all.push(format!("apiVersion: v1\nkind: ServiceAccount\n{}", meta(account)));
    all.push(format!(
        "{rbac}kind: RoleBinding\n{}roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: {role}\n\
         subjects:\n- apiGroup: rbac.authorization.k8s.io\n  kind: User\n  name: gotk:{namespace}:reconciler\n\
         - kind: ServiceAccount\n  name: {account}\n  namespace: {namespace}\n",
        meta(&format!("{tenant}-reconciler"))
    ));
    // An addition to flux: without it the controller needs a right to act as anybody.
    all.push(format!(
        "{rbac}kind: Role\n{}rules:\n- apiGroups: [\"\"]\n  resources: [serviceaccounts]\n  resourceNames: [{account}]\n  \
         verbs: [impersonate]\n",
        meta(&format!("{tenant}-impersonation"))
    ));
    all.push(format!(
        "{rbac}kind: RoleBinding\n{}roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  \
         name: {tenant}-impersonation\nsubjects:\n- kind: ServiceAccount\n  name: {controller}\n  namespace: {home}\n",
        meta(&format!("{tenant}-impersonation"))
    ));
    all
}

/// As a string of YAML, whatever it looks like.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
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
