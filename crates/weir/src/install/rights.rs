//! Who may do what. Each rule says what it is for; the comment goes into the manifests.

use super::Settings;
use crate::controllers::Role;

/// Argument of a kustomize controller without rights of its own.
pub(super) const RESTRICTED: &str = "--require-service-account";

/// One line of a role.
struct Rule {
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
    /// Of these objects only; empty: of all.
    names: &'static [&'static str],
    why: &'static str,
}

const SOURCES: &[&str] = &["source.toolkit.fluxcd.io"];
const KUSTOMIZE: &[&str] = &["kustomize.toolkit.fluxcd.io"];
const CORE: &[&str] = &[""];

/// What a controller does in every namespace that it watches.
fn everywhere(role: Role) -> &'static [Rule] {
    match role {
        Role::Source => &[
            Rule {
                groups: SOURCES,
                resources: &["buckets", "gitrepositories", "helmcharts", "helmrepositories", "ocirepositories"],
                verbs: &["get", "list", "watch", "patch"],
                names: &[],
                why: "reads the sources, sets their finalizer",
            },
            Rule {
                groups: SOURCES,
                resources: &[
                    "buckets/status",
                    "gitrepositories/status",
                    "helmcharts/status",
                    "helmrepositories/status",
                    "ocirepositories/status",
                ],
                verbs: &["patch"],
                names: &[],
                why: "writes what it found",
            },
            Rule {
                groups: CORE,
                resources: &["secrets"],
                verbs: &["get"],
                names: &[],
                why: "logins, keys and certificates that sources name",
            },
            EVENTS,
        ],
        Role::Kustomize => &[
            Rule {
                groups: KUSTOMIZE,
                resources: &["kustomizations"],
                verbs: &["get", "list", "watch", "patch"],
                names: &[],
                why: "reads the Kustomizations, sets their finalizer",
            },
            Rule {
                groups: KUSTOMIZE,
                resources: &["kustomizations/status"],
                verbs: &["patch"],
                names: &[],
                why: "writes the inventory and conditions",
            },
            Rule {
                groups: SOURCES,
                resources: &["buckets", "externalartifacts", "gitrepositories", "ocirepositories"],
                verbs: &["get", "list", "watch"],
                names: &[],
                why: "the artifacts that are applied",
            },
            Rule {
                groups: &[
                    "helm.toolkit.fluxcd.io",
                    "image.toolkit.fluxcd.io",
                    "notification.toolkit.fluxcd.io",
                    "source.extensions.fluxcd.io",
                    "source.toolkit.fluxcd.io",
                ],
                resources: &[
                    "artifactgenerators",
                    "helmcharts",
                    "helmreleases",
                    "helmrepositories",
                    "imagepolicies",
                    "imagerepositories",
                    "imageupdateautomations",
                    "receivers",
                ],
                verbs: &["get", "list", "watch"],
                names: &[],
                why: "what dependsOn names besides Kustomizations and sources",
            },
            Rule {
                groups: CORE,
                resources: &["configmaps", "secrets"],
                verbs: &["get", "list", "watch"],
                names: &[],
                why: "substituteFrom, decryption and kubeConfig; watched where they are labelled so",
            },
            Rule {
                groups: CORE,
                resources: &["serviceaccounts"],
                verbs: &["get"],
                names: &[],
                why: "whether the account is still there with which objects are pruned",
            },
            EVENTS,
        ],
        _ => &[],
    }
}

const EVENTS: Rule = Rule {
    groups: CORE,
    resources: &["events"],
    verbs: &["create", "patch"],
    names: &[],
    why: "tells what happened to an object",
};

/// What a controller does in its own namespace.
fn at_home(role: Role) -> [Rule; 3] {
    let lease: &[&str] = match role {
        Role::Source => &["source-controller-leader-election"],
        _ => &["kustomize-controller-leader-election"],
    };
    [
        Rule {
            groups: &["coordination.k8s.io"],
            resources: &["leases"],
            verbs: &["create"],
            names: &[],
            why: "its lease; what is created cannot be named",
        },
        Rule {
            groups: &["coordination.k8s.io"],
            resources: &["leases"],
            verbs: &["get", "update"],
            names: lease,
            why: "holds its lease",
        },
        Rule {
            groups: &["apps"],
            resources: &["deployments"],
            verbs: &["list"],
            names: &[],
            why: "refuses to run beside a controller of Flux with the same role",
        },
    ]
}

pub(super) fn rights(settings: &Settings) -> Vec<String> {
    let namespace = settings.namespace;
    let mut parts = Vec::new();
    for role in &settings.args.components {
        let name = role.controller();
        let labels = settings.labels(name, 4);
        parts.push(format!(
            "apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    {labels}
"
        ));
        let (home, places) = (at_home(*role), settings.places());
        if places.is_empty() {
            parts.push(role_of(settings, name, &format!("{name}-{namespace}"), None, everywhere(*role).iter()));
        }
        // One Role for what it does at home and what it does in this namespace as in others.
        let own = if places.contains(&namespace) { everywhere(*role) } else { &[] };
        parts.push(role_of(settings, name, name, Some(namespace), own.iter().chain(&home)));
        for place in places.into_iter().filter(|place| *place != namespace) {
            parts.push(role_of(settings, name, name, Some(place), everywhere(*role).iter()));
        }
    }
    if settings.args.cluster_admin && settings.has(Role::Kustomize) {
        let subject = [("kustomize-controller", namespace)];
        parts.push(binding(settings, "", &format!("cluster-reconciler-{namespace}"), None, "cluster-admin", &subject));
    }
    parts.extend(users(settings));
    parts
}

/// What a controller does in its own namespace, as a Role and its binding.
pub(super) fn home(settings: &Settings, role: Role) -> String {
    let name = role.controller();
    role_of(settings, name, name, Some(settings.namespace), at_home(role).iter())
}

/// A role and its binding to a controller's account: in a namespace, or everywhere for none.
fn role_of<'r>(
    settings: &Settings,
    component: &str,
    name: &str,
    place: Option<&str>,
    rules: impl Iterator<Item = &'r Rule>,
) -> String {
    let kind = if place.is_none() { "ClusterRole" } else { "Role" };
    let head = head(settings, component, name, place, kind);
    let rules: String = rules.map(rule).collect();
    let subject = [(component, settings.namespace)];
    let bound = binding(settings, component, name, place, name, &subject);
    format!("{head}rules:\n{rules}---\n{bound}")
}

/// The beginning of a role or binding.
fn head(settings: &Settings, component: &str, name: &str, place: Option<&str>, kind: &str) -> String {
    let place = place.map(|namespace| format!("\n  namespace: {namespace}")).unwrap_or_default();
    let labels = settings.labels(component, 4);
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata:
  name: {name}{place}
  labels:
    {labels}
"
    )
}

fn rule(rule: &Rule) -> String {
    let list = |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let names =
        if rule.names.is_empty() { String::new() } else { format!("\n  resourceNames: [{}]", list(rule.names)) };
    format!(
        "# {}\n- apiGroups: [{}]\n  resources: [{}]{names}\n  verbs: [{}]\n",
        rule.why,
        list(rule.groups),
        list(rule.resources),
        list(rule.verbs)
    )
}

fn binding(
    settings: &Settings,
    component: &str,
    name: &str,
    place: Option<&str>,
    role: &str,
    subjects: &[(&str, &str)],
) -> String {
    let is_wide = place.is_none();
    let (kind, of) = if is_wide { ("ClusterRoleBinding", "ClusterRole") } else { ("RoleBinding", "Role") };
    let head = head(settings, component, name, place, kind);
    let subjects: String = subjects
        .iter()
        .map(|(name, namespace)| format!("- kind: ServiceAccount\n  name: {name}\n  namespace: {namespace}\n"))
        .collect();
    format!(
        "{head}roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {of}
  name: {role}
subjects:
{subjects}"
    )
}

/// The rights of users: who may edit or view a namespace may so with the kinds of Flux.
fn users(settings: &Settings) -> Vec<String> {
    let groups = "helm.toolkit.fluxcd.io, image.toolkit.fluxcd.io, kustomize.toolkit.fluxcd.io, \
                  notification.toolkit.fluxcd.io, source.extensions.fluxcd.io, source.toolkit.fluxcd.io";
    let role = |name: &str, aggregated: &[&str], verbs: &str| {
        let to: String = aggregated
            .iter()
            .map(|role| format!("\n    rbac.authorization.k8s.io/aggregate-to-{role}: \"true\""))
            .collect();
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {name}-{}
  labels:
    {}{to}
rules:
- apiGroups: [{groups}]
  resources: [\"*\"]
  verbs: [{verbs}]
",
            settings.namespace,
            settings.labels("", 4)
        )
    };
    vec![
        role("flux-edit", &["edit", "admin"], "create, delete, deletecollection, patch, update"),
        role("flux-view", &["view", "edit", "admin"], "get, list, watch"),
    ]
}
