//! `weir install`: the controllers of a cluster, each with the rights and the network that it needs and no more.
//!
//! The manifests are text in the order in which they are applied: namespace, definitions, quota, rights, controllers,
//! network. What is written is what `--export` prints.

mod definitions;
mod network;
mod rights;
mod workload;

use definitions::DEFINITIONS;

use crate::controllers::Role;
use crate::error::CliError;
use crate::installed::{self, Controller};
use crate::objects::{Cluster, MANAGER, Say, ended};
use crate::output::Output;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use weir_base::Budget;
use weir_doc::{Dialect, Node, yaml};
use weir_git::Hosts;
use weir_kube::{ApplyOptions, Session};
use weir_object::kstatus::{self, Status};
use weir_object::{ObjectRef, meta};

/// The version of this program, as a tag.
const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));
/// The image that is run where none is named.
pub const IMAGE: &str = concat!("weir:v", env!("CARGO_PKG_VERSION"));

/// Between looks at a Deployment.
const LOOK: Duration = Duration::from_secs(1);

/// Write the controllers to a cluster, or print their manifests.
#[derive(clap::Parser)]
pub struct Install {
    /// Print the manifests instead of applying them.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    export: bool,
    /// Controllers to install, a comma list; those that this version has.
    #[arg(long, value_delimiter = ',', default_value = "source-controller,kustomize-controller", value_parser = component, value_name = "NAMES")]
    components: Vec<Role>,
    /// Refused: weir has none of Flux's extra controllers.
    #[arg(long, value_name = "NAMES", value_parser = no_extra, hide = true)]
    components_extra: Option<String>,
    /// Image of the controllers, instead of --registry and --version. None is published yet: build it with the Dockerfile of
    /// the repository.
    #[arg(long, conflicts_with_all = ["registry", "version"], value_name = "IMAGE")]
    image: Option<String>,
    /// Registry that the image `weir` is pulled from, with a path in it or not.
    #[arg(long, value_name = "REGISTRY")]
    registry: Option<String>,
    /// Tag of the image; default: the version of this program.
    #[arg(short, long, default_value = VERSION, value_parser = tag, value_name = "TAG")]
    version: String,
    /// Secret with the login for the image's registry.
    #[arg(long, value_name = "NAME")]
    image_pull_secret: Option<String>,
    /// Taints that the controllers tolerate, by key, a comma list.
    #[arg(long, value_delimiter = ',', value_name = "KEYS")]
    toleration_keys: Vec<String>,
    /// Domain of the cluster's services.
    #[arg(long, default_value = "cluster.local", value_name = "DOMAIN")]
    cluster_domain: String,
    /// URL that events are posted to.
    #[arg(long, value_name = "URL", value_parser = receiver)]
    events_addr: Option<String>,
    /// Replicas of the kustomize controller; one of them reconciles, by a lease.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    replicas: u16,
    /// Reconcile the objects of all namespaces; otherwise those of the controllers' namespace, with rights there alone.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    watch_all_namespaces: bool,
    /// Reconcile the objects of these namespaces, a comma list, with rights there alone. They have to exist.
    #[arg(long, value_delimiter = ',', value_parser = crate::objects::namespace, value_name = "NAMES", conflicts_with = "watch_all_namespaces")]
    namespaces: Vec<String>,
    /// Bind the kustomize controller to cluster-admin, as Flux does. Without it, each Kustomization has to name a service
    /// account that `weir create tenant` lets it act as.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    cluster_admin: bool,
    /// Write NetworkPolicies: everything is denied but what the controllers need.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    network_policy: bool,
    /// Ports that sources are fetched from besides 443 and 22, a comma list.
    #[arg(long, value_delimiter = ',', value_name = "PORTS", value_parser = clap::value_parser!(u16).range(1..))]
    source_ports: Vec<u16>,
    /// Fetch sources from these networks only, a comma list of CIDRs; default: from anywhere.
    #[arg(long, value_delimiter = ',', value_name = "CIDRS", value_parser = cidr)]
    source_cidrs: Vec<String>,
    /// Hosts that Git repositories and remote bases may be on, a comma list of HOST and *.DOMAIN, at any port; default: every
    /// host. The controllers look at it, not the network.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "HOSTS")]
    source_hosts: Hosts,
    /// Ports that the kustomize controller reaches key services, Vault, other clusters and remote bases at, a comma list such as
    /// 8200. 443 and 6443 are open without it, unless --api-server-cidrs narrows them.
    #[arg(long, value_delimiter = ',', value_name = "PORTS", value_parser = clap::value_parser!(u16).range(1..))]
    kustomize_ports: Vec<u16>,
    /// Networks that these are in, a comma list of CIDRs; default: anywhere.
    #[arg(long, value_delimiter = ',', value_name = "CIDRS", value_parser = cidr, requires = "kustomize_ports")]
    kustomize_cidrs: Vec<String>,
    /// Networks that the API server is in, a comma list of CIDRs: its Service's and that of what the Service leads to. Default:
    /// ports 443 and 6443 are open to anywhere.
    #[arg(long, value_delimiter = ',', value_name = "CIDRS", value_parser = cidr)]
    api_server_cidrs: Vec<String>,
    #[command(flatten)]
    cluster: Cluster,
}

/// What the manifests depend on.
pub(super) struct Settings<'a> {
    pub args: &'a Install,
    pub namespace: &'a str,
}

impl Settings<'_> {
    pub fn image(&self) -> String {
        let Install { image, registry, version, .. } = self.args;
        let registry = registry.as_ref().map(|registry| format!("{}/", registry.trim_end_matches('/')));
        image.clone().unwrap_or_else(|| format!("{}weir:{version}", registry.unwrap_or_default()))
    }

    /// Where the controllers look, if not everywhere: without their own namespace's Role each has a Role there.
    pub fn places(&self) -> Vec<&str> {
        match (self.args.namespaces.as_slice(), self.args.watch_all_namespaces) {
            ([], true) => Vec::new(),
            ([], false) => vec![self.namespace],
            (some, _) => some.iter().map(String::as_str).collect(),
        }
    }

    pub fn has(&self, role: Role) -> bool {
        self.args.components.contains(&role)
    }

    /// The labels that every object has; those of Flux, so that its tools find them.
    pub fn labels(&self, component: &str, indent: usize) -> String {
        let mut labels = vec![
            format!("app.kubernetes.io/instance: {}", self.namespace),
            "app.kubernetes.io/part-of: flux".to_owned(),
            format!("app.kubernetes.io/version: {}", self.args.version),
        ];
        if !component.is_empty() {
            labels.insert(0, format!("app.kubernetes.io/component: {component}"));
        }
        labels.join(&format!("\n{}", " ".repeat(indent)))
    }
}

fn component(name: &str) -> Result<Role, String> {
    let known = Role::ALL.into_iter().find(|role| role.controller() == name);
    match known {
        Some(role) if role.is_implemented() => Ok(role),
        Some(_) => Err(format!("{name} is not implemented in this version of weir")),
        None => Err("known are source-controller and kustomize-controller".to_owned()),
    }
}

/// Flux's extra controllers are those of images and the source-watcher; weir has none of them yet.
pub fn no_extra(names: &str) -> Result<String, String> {
    Err(format!("--components-extra={names} is not implemented in this version of weir"))
}

/// A tag of an image that is a label's value too.
fn tag(text: &str) -> Result<String, String> {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let is_end = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let fits = bytes.len() <= 63 && bytes.iter().all(|b| is_inner(*b)) && is_end(bytes.first()) && is_end(bytes.last());
    if fits { Ok(text.to_owned()) } else { Err("write letters, digits, '-', '_' and '.', at most 63".to_owned()) }
}

/// The host of an http or https URL, and its port.
fn endpoint(url: &str) -> Option<(String, u16)> {
    let url: http::Uri = url.parse().ok()?;
    let usual = match url.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let host = url.host().filter(|host| !host.is_empty())?;
    Some((host.to_ascii_lowercase(), url.port_u16().unwrap_or(usual)))
}

fn receiver(url: &str) -> Result<String, String> {
    endpoint(url).map(|_| url.to_owned()).ok_or_else(|| "write an http or https URL".to_owned())
}

fn cidr(text: &str) -> Result<String, String> {
    let parsed = text.split_once('/').and_then(|(address, bits)| {
        let address: std::net::IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        bits.parse::<u8>().ok().filter(|bits| *bits <= most)
    });
    parsed.map(|_| text.to_owned()).ok_or_else(|| "write ADDRESS/BITS, such as 10.0.0.0/8".to_owned())
}

/// The manifests, in the order in which they are applied.
pub fn manifests(args: &Install) -> String {
    let settings = Settings { args, namespace: &args.cluster.namespace };
    let mut parts = vec![workload::namespace(&settings)];
    parts.extend(DEFINITIONS.iter().map(|text| text.trim_start_matches("---\n").to_owned()));
    parts.push(workload::quota(&settings));
    parts.extend(rights::rights(&settings));
    parts.extend(workload::controllers(&settings));
    if args.network_policy {
        parts.extend(network::policies(&settings));
    }
    parts.into_iter().map(|part| format!("---\n{}\n", part.trim_end())).collect()
}

/// The Role of a controller in its own namespace, and its binding.
pub fn home_rights(role: Role, namespace: &str) -> String {
    use clap::Parser;
    let args = Install::try_parse_from(["install", "--namespace", namespace])
        .expect("the other flags have defaults, and the namespace is that of a cluster");
    rights::home(&Settings { args: &args, namespace }, role)
}

pub async fn run(args: Install, output: &Output) -> Result<ExitCode, CliError> {
    let say = Say(output);
    Ok(ended(install(args, &say).await, &say))
}

async fn install(args: Install, say: &Say<'_>) -> Result<(), CliError> {
    if args.cluster_admin && !(args.watch_all_namespaces && args.namespaces.is_empty()) {
        return Err(CliError::new(
            "--cluster-admin is a right everywhere: it does not go with --namespaces and --watch-all-namespaces=false",
        ));
    }
    let text = manifests(&args);
    if args.export {
        say.data(&text);
        return Ok(());
    }
    let session = args.cluster.connect().await?;
    let beside = installed::controllers(&session, &args.cluster.namespace).await?;
    let is_taken = |one: &&Controller| !one.is_weir() && one.role.is_some_and(|role| args.components.contains(&role));
    if let Some(flux) = beside.iter().find(is_taken) {
        return Err(CliError::new(format!(
            "{} of Flux runs in the '{}' namespace: `weir migrate --from flux` puts weir in its place and changes nothing else",
            flux.name(),
            args.cluster.namespace
        )));
    }
    say.action(&format!("installing components in {} namespace", args.cluster.namespace));
    let objects = parsed(&text)?;
    args.cluster.within(apply(&session, &objects)).await?;
    say.success("install manifests applied");
    say.waiting("waiting for the controllers");
    args.cluster.within(rolled_out(&session, &objects)).await?;
    say.success("install finished");
    if !args.cluster_admin && args.components.contains(&Role::Kustomize) {
        say.action("a Kustomization needs spec.serviceAccountName: `weir create tenant` writes the rights for one");
    }
    Ok(())
}

pub fn parsed(text: &str) -> Result<Vec<Node>, CliError> {
    Ok(yaml::parse_all(text.as_bytes(), None, Dialect::Sigs, &Budget::standard())?)
}

/// Applies the definitions, waits until they are served, then the rest.
async fn apply(session: &Session, objects: &[Node]) -> Result<(), CliError> {
    let options = ApplyOptions { manager: MANAGER, force: true, dry_run: false };
    for object in objects {
        session.apply(object, options).await.map_err(|error| {
            let name = ObjectRef::of(object).map(|object| object.to_string()).unwrap_or_default();
            CliError::new(format!("{name}: {error}"))
        })?;
    }
    Ok(())
}

async fn rolled_out(session: &Session, objects: &[Node]) -> Result<(), CliError> {
    for object in objects.iter().filter(|object| meta::kind(object) == "Deployment") {
        let reference = ObjectRef::of(object)?;
        loop {
            let live = session.get(&reference).await?;
            let verdict = live.map(|live| kstatus::assess(&live, SystemTime::now()));
            match verdict {
                Some(verdict) if verdict.status == Status::Current => break,
                Some(verdict) if verdict.status == Status::Failed => {
                    return Err(CliError::new(format!("{reference}: {}", verdict.message)));
                }
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn text(args: &[&str]) -> String {
        manifests(&Install::try_parse_from([&["install"], args].concat()).expect("parses"))
    }

    fn names(text: &str) -> Vec<String> {
        let objects = parsed(text).expect("is YAML");
        objects.iter().map(|object| ObjectRef::of(object).expect("an object").to_string()).collect()
    }

    #[test]
    fn each_controller_has_an_account_and_rights_of_its_own() {
        let all = names(&text(&[]));
        for wanted in [
            "Namespace/flux-system",
            "CustomResourceDefinition/kustomizations.kustomize.toolkit.fluxcd.io",
            "ResourceQuota/flux-system/critical-pods",
            "ServiceAccount/flux-system/source-controller",
            "ServiceAccount/flux-system/kustomize-controller",
            "ClusterRole/source-controller-flux-system",
            "ClusterRole/kustomize-controller-flux-system",
            "Deployment/flux-system/source-controller",
            "Deployment/flux-system/kustomize-controller",
            "Service/flux-system/source-controller",
            "NetworkPolicy/flux-system/deny-all",
        ] {
            assert!(all.iter().any(|name| name == wanted), "{wanted} is missing in {all:#?}");
        }
        assert!(!all.iter().any(|name| name.starts_with("PodDisruptionBudget")), "there is one replica");
        assert!(!text(&[]).contains("cluster-admin"), "that is a switch");
        assert!(text(&["--cluster-admin"]).contains("cluster-admin"));
        assert!(names(&text(&["--replicas=2"])).iter().any(|name| name.starts_with("PodDisruptionBudget")));
        assert!(!names(&text(&["--network-policy=false"])).iter().any(|name| name.starts_with("NetworkPolicy")));
        let wide = |name: &&String| name.starts_with("ClusterRole/") && !name.starts_with("ClusterRole/flux-");
        for args in ["--watch-all-namespaces=false", "--namespaces=team-a,team-b"] {
            let narrow = names(&text(&[args]));
            assert_eq!(narrow.iter().filter(wide).count(), 0, "{narrow:#?}");
        }
    }

    #[test]
    fn named_namespaces_are_all_that_is_looked_at() {
        let named = text(&["--namespaces=team-a,team-b"]);
        let all = names(&named);
        for wanted in [
            "Role/team-a/source-controller",
            "RoleBinding/team-b/kustomize-controller",
            "Role/flux-system/source-controller",
        ] {
            assert!(all.iter().any(|name| name == wanted), "{wanted} is missing in {all:#?}");
        }
        assert_eq!(named.matches("--watch-namespaces=team-a,team-b").count(), 2);
        assert!(named.contains("--watch-all-namespaces=true"));
        let objects = parsed(&named).expect("is YAML");
        let roles =
            objects.iter().filter(|one| meta::kind(one) == "Role" && meta::namespace(one) == Some("flux-system"));
        for role in roles {
            let shown = String::from_utf8(weir_doc::to_json(role)).expect("is text");
            assert!(!shown.contains("secrets"), "at home it holds its lease and no more: {shown}");
        }
    }

    #[test]
    fn the_image_is_named_in_one_way_or_the_other() {
        let image = |args: &[&str]| {
            let text = text(args);
            let line = text.lines().find_map(|line| line.trim().strip_prefix("image: ")).expect("has an image");
            line.to_owned()
        };
        assert_eq!(image(&[]), IMAGE);
        assert_eq!(
            image(&["--registry=registry.example.com/tools/", "-v", "v9"]),
            "registry.example.com/tools/weir:v9"
        );
        assert_eq!(image(&["--image=registry.example.com/x:1"]), "registry.example.com/x:1");
        assert!(text(&["--version=v9"]).contains("app.kubernetes.io/version: v9"));
    }

    #[test]
    fn the_owner_of_a_volume_is_replaced_and_never_twice() {
        let all = parsed(&text(&["--replicas=3"])).expect("is YAML");
        let of = |kind: &'static str| all.iter().filter(move |object| meta::kind(object) == kind);
        for deployment in of("Deployment") {
            let is_source = deployment.str_at(&["metadata", "name"]) == Some("source-controller");
            let spec = |path: &[&str]| deployment.get("spec").and_then(|spec| spec.path(path));
            let strategy = spec(&["strategy", "type"]).and_then(Node::as_str);
            assert_eq!(strategy, is_source.then_some("Recreate"));
            assert_eq!(spec(&["replicas"]).and_then(Node::as_i64), Some(if is_source { 1 } else { 3 }));
        }
        let budgets: Vec<_> = of("PodDisruptionBudget").filter_map(|one| one.str_at(&["metadata", "name"])).collect();
        assert_eq!(budgets, ["kustomize-controller"], "none for one replica");
    }

    #[test]
    fn the_hosts_are_told_to_both_controllers() {
        let bound = text(&["--source-hosts=git.example.com,*.corp.example"]);
        for flag in ["--allowed-source-hosts", "--allowed-base-hosts"] {
            assert_eq!(bound.matches(&format!("{flag}=git.example.com,*.corp.example")).count(), 1, "{flag}");
        }
        assert!(!text(&[]).contains("-hosts="));
    }

    #[test]
    fn what_is_not_there_is_not_installed() {
        for (line, message) in [
            (&["--components=helm-controller"][..], "helm-controller is not implemented in this version of weir"),
            (&["--components=x"], "known are source-controller and kustomize-controller"),
            (&["--source-cidrs=10.0.0.0/33"], "write ADDRESS/BITS"),
            (&["--components-extra=source-watcher"], "--components-extra=source-watcher is not implemented"),
            (&["--image=x", "--version=v9"], "cannot be used with"),
            (&["--version=a b"], "write letters, digits"),
            (&["--events-addr=notification-controller"], "write an http or https URL"),
            (&["--kustomize-ports=0"], "0 is not in 1..="),
            (&["--kustomize-ports=1", "--kustomize-cidrs=vault"], "write ADDRESS/BITS"),
            (&["--kustomize-cidrs=10.0.0.0/8"], "--kustomize-ports <PORTS>"),
            (&["--source-hosts=https://a.example"], "is neither a host nor *.DOMAIN"),
            (&["--namespaces=A"], "a namespace is a valid DNS label"),
            (&["--namespaces=a", "--watch-all-namespaces=false"], "cannot be used with"),
        ] {
            let error = Install::try_parse_from([&["install"], line].concat()).err().expect("is refused").to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
