//! Every connection that a configured controller makes or takes, each derived from the spec that asks for it.
//!
//! What runs in the pods is as `weir install` wrote it: no proxy and no address of Vault in the environment. What a server
//! answers with (a redirect, the address of a cluster that a cloud was asked for) is not in any spec.

use super::super::{Install, endpoint};
use super::model::{Direction, Labels, Model, Peer, Port, has, within};
use super::world::World;
use crate::controllers::Role;
use std::net::{IpAddr, Ipv4Addr};
use weir_api::common::KubeConfigReference;
use weir_api::kustomize::{KustomizationSourceKind, KustomizationSpec};
use weir_api::source::GitRepositorySpec;
use weir_api::{GitRepository, Kustomization};
use weir_base::Budget;
use weir_kustomize::remote::{Need, Remotes};
use weir_sops::{File, Format, MasterKey};

/// A host that nobody wrote an address for.
pub const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// Whom the manifests may open a port to: they know no hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Anyone,
    /// Hosts in these networks; anyone, if there are none.
    Networks(Vec<String>),
    /// Pods in the namespace that have these labels.
    Pods(Labels),
    /// Pods of all namespaces.
    EveryPod,
}

impl Scope {
    pub fn holds(&self, peer: &Peer) -> bool {
        match (self, peer) {
            (Scope::Anyone, _) | (Scope::EveryPod, Peer::Pod(_) | Peer::Elsewhere) => true,
            (Scope::Networks(networks), _) if networks.is_empty() => true,
            (Scope::Networks(networks), Peer::Host(address)) => networks.iter().any(|known| within(*address, known)),
            (Scope::Pods(wanted), Peer::Pod(labels)) => has(labels, wanted),
            _ => false,
        }
    }
}

/// A connection of a controller.
#[derive(Clone, Debug)]
pub struct Connection {
    pub role: Role,
    pub direction: Direction,
    pub peer: Peer,
    pub port: Port,
    pub scope: Scope,
    /// What asks for it.
    pub why: String,
}

/// All connections of the controllers in a world.
pub fn derive(world: &World, model: &Model, args: &Install) -> Vec<Connection> {
    let mut all = Derived { world, model, args, found: Vec::new() };
    for role in &args.components {
        all.always(*role);
    }
    for repository in &world.repositories {
        all.repository(repository);
    }
    for kustomization in &world.kustomizations {
        all.kustomization(kustomization);
    }
    all.found
}

struct Derived<'w> {
    world: &'w World,
    model: &'w Model,
    args: &'w Install,
    found: Vec<Connection>,
}

/// The label of all controllers.
pub fn ours() -> Labels {
    vec![("app.kubernetes.io/part-of".to_owned(), "flux".to_owned())]
}

fn app(name: &str) -> Labels {
    vec![("app".to_owned(), name.to_owned())]
}

/// The pods of a controller of Flux that weir does not install.
pub fn beside(name: &str) -> Peer {
    Peer::Pod([app(name), ours()].concat())
}

impl Derived<'_> {
    fn add(&mut self, role: Role, direction: Direction, peer: Peer, port: Port, scope: Scope, why: &str) {
        let why = format!("{}: {why}", role.controller());
        self.found.push(Connection { role, direction, peer, port, scope, why });
    }

    /// What every controller does, whatever it is told: names, the API server (watches, leases, Secrets, what is applied), its
    /// metrics, events. The kubelet's probes come from the node, which no policy holds back.
    fn always(&mut self, role: Role) {
        for protocol in ["UDP", "TCP"] {
            self.add(role, Direction::Egress, Peer::Elsewhere, (53, protocol), Scope::Anyone, "DNS");
        }
        let networks = self.args.api_server_cidrs.clone();
        for port in [443, 6443] {
            let server = Peer::Host(inside(&networks));
            self.add(role, Direction::Egress, server, (port, "TCP"), Scope::Networks(networks.clone()), "API server");
        }
        self.add(role, Direction::Ingress, Peer::Elsewhere, (8080, "TCP"), Scope::EveryPod, "metrics");
        if let Some(url) = &self.args.events_addr {
            self.to(role, url, Scope::Anyone, "--events-addr");
        }
        if role == Role::Source {
            // Whoever of the controllers reads artifacts; the kustomize controller is one.
            let scope = Scope::Pods(ours());
            self.add(role, Direction::Ingress, beside("helm-controller"), (9090, "TCP"), scope, "artifacts");
        }
    }

    fn repository(&mut self, object: &GitRepository) {
        // Without `..`: a new field has to be thought about here.
        let GitRepositorySpec {
            url,
            // Its ServiceAccount is asked for tokens at the API server, and both are Stalled where they are not
            // implemented: then nothing is fetched.
            provider: _,
            service_account_name: _,
            proxy_secret_ref,
            recurse_submodules,
            // Read from the API server, or of the pass itself.
            secret_ref: _,
            interval: _,
            timeout: _,
            reference: _,
            verify: _,
            suspend,
            ignore: _,
            // Copied from the storage.
            include: _,
            sparse_checkout: _,
        } = &object.spec;
        if *suspend {
            return;
        }
        let (namespace, name) = names(&object.metadata);
        let proxy = proxy_secret_ref
            .as_ref()
            .map(|secret| self.world.value(("Secret", namespace, &secret.name), &["address"]).to_owned());
        let mut urls = vec![url.clone()];
        if *recurse_submodules {
            let modules = self.world.files(name).read(".gitmodules").unwrap_or_default();
            let modules = String::from_utf8_lossy(&modules).into_owned();
            let lines = modules.lines().filter_map(|line| line.trim().strip_prefix("url = "));
            urls.extend(lines.map(str::to_owned));
        }
        for url in urls {
            // A proxy is for http and https.
            let spoken_to = proxy.as_ref().filter(|_| !url.starts_with("ssh://")).unwrap_or(&url).clone();
            let scope = Scope::Networks(self.args.source_cidrs.clone());
            self.to(Role::Source, &spoken_to, scope, &format!("GitRepository {name}"));
        }
    }

    fn kustomization(&mut self, object: &Kustomization) {
        // Without `..`: a new field has to be thought about here.
        let KustomizationSpec {
            decryption,
            kube_config,
            path,
            source_ref,
            suspend,
            // Of the build, the pass, or the API server.
            common_metadata: _,
            depends_on: _,
            interval: _,
            retry_interval: _,
            post_build: _,
            prune: _,
            deletion_policy: _,
            health_checks: _,
            health_check_exprs: _,
            patches: _,
            images: _,
            service_account_name: _,
            target_namespace: _,
            name_prefix: _,
            name_suffix: _,
            timeout: _,
            force: _,
            wait: _,
            // Folders of the same source.
            components: _,
            ignore_missing_components: _,
            build_metadata: _,
            ignore: _,
        } = &object.spec;
        let Some(source) = source_ref.as_ref().filter(|_| !suspend) else { return };
        let (namespace, name) = names(&object.metadata);
        let why = format!("Kustomization {name}");
        match source.kind {
            KustomizationSourceKind::ExternalArtifact => {
                let is_it = |artifact: &&weir_api::ExternalArtifact| names(&artifact.metadata).1 == source.name;
                let artifact = self.world.artifacts.iter().find(is_it).expect("is there");
                let url = artifact
                    .status
                    .as_ref()
                    .and_then(|status| status.artifact.as_ref())
                    .expect("an artifact")
                    .url
                    .clone();
                self.service(&url, &format!("{why}, artifact"));
            }
            _ => {
                // As --storage-adv-addr says it.
                let url = format!("http://source-controller.{}.svc/a.tar.gz", self.args.cluster.namespace);
                self.to(Role::Kustomize, &url, Scope::Pods(app("source-controller")), &format!("{why}, artifact"));
            }
        }
        let tree = self.world.files(&source.name);
        let folder = path.as_deref().unwrap_or(".").trim_start_matches("./");
        let budget = Budget::standard();
        let built = weir_kustomize::build_with(
            &tree,
            &Remotes::default(),
            folder,
            &weir_kustomize::Options::default(),
            &budget,
        );
        for need in built.err().map(|error| error.needs()).unwrap_or_default() {
            let url = match need {
                Need::Repository(spec) => spec.url(),
                Need::File(url) => url,
                // Controllers render none.
                Need::Chart(_) => continue,
            };
            // There is no key for ssh, without which nothing is connected to.
            if !url.starts_with("http") {
                continue;
            }
            self.service(&url, &format!("{why}, remote base"));
        }
        if decryption.is_some() {
            let files =
                tree.iter().filter_map(|(path, text)| File::parse(text, Format::of_path(path), path, &budget).ok()?);
            let keys: Vec<MasterKey> = files.flat_map(|file| file.groups().concat()).collect();
            for url in keys.iter().flat_map(services) {
                self.service(&url, &format!("{why}, key service"));
            }
        }
        if let Some(reference) = kube_config {
            for url in clusters(self.world, namespace, reference) {
                self.service(&url, &format!("{why}, other cluster"));
            }
        }
    }

    /// To what is neither the API server nor an artifact of the source controller.
    fn service(&mut self, url: &str, why: &str) {
        self.to(Role::Kustomize, url, Scope::Networks(self.args.kustomize_cidrs.clone()), why);
    }

    /// To the host of a URL: a pod, where it is that of a Service in the controllers' namespace.
    fn to(&mut self, role: Role, url: &str, scope: Scope, why: &str) {
        let (host, port) = host_and_port(url);
        let why = format!("{why} to {host}:{port}");
        let service = host.split_once(&format!(".{}.svc", self.args.cluster.namespace)).map(|(service, _)| service);
        let networks = if let Scope::Networks(networks) = &scope { networks.as_slice() } else { &[] };
        let (peer, port, scope) = match service {
            Some("source-controller") => {
                let port = self.model.behind("source-controller", port).expect("its Service has the port");
                (self.model.pod(Role::Source), port, scope)
            }
            // Flux's Services of other controllers lead from 80 to 9090.
            Some(service) if role == Role::Kustomize || service == "notification-controller" => {
                let scope = if scope == Scope::Anyone { Scope::Pods(app(service)) } else { scope };
                (beside(service), if port == 80 { 9090 } else { port }, scope)
            }
            _ => (Peer::Host(host.parse().unwrap_or_else(|_| inside(networks))), port, scope),
        };
        self.add(role, Direction::Egress, peer, (port, "TCP"), scope, &why);
    }
}

/// Where a key's service is, and who gives tokens for it.
fn services(key: &MasterKey) -> Vec<String> {
    let https = |hosts: &[&str]| hosts.iter().map(|host| format!("https://{host}")).collect();
    match key {
        // They are held, or cannot be asked for.
        MasterKey::Age { .. } | MasterKey::Pgp { .. } | MasterKey::HuaweiKms { .. } => Vec::new(),
        MasterKey::AwsKms { arn, .. } => {
            let region = arn.split(':').nth(3).expect("a region");
            https(&[&format!("kms.{region}.amazonaws.com"), &format!("sts.{region}.amazonaws.com")])
        }
        MasterKey::GcpKms { .. } => https(&[
            "cloudkms.googleapis.com",
            "oauth2.googleapis.com",
            "sts.googleapis.com",
            "iamcredentials.googleapis.com",
        ]),
        MasterKey::AzureKv { vault, .. } => [vec![vault.clone()], https(&["login.microsoftonline.com"])].concat(),
        MasterKey::Vault { address, .. } => vec![address.clone()],
    }
}

/// The API servers of other clusters, and the clouds that are asked for them.
fn clusters(world: &World, namespace: &str, reference: &KubeConfigReference) -> Vec<String> {
    let KubeConfigReference { config_map_ref, secret_ref } = reference;
    let mut urls = Vec::new();
    if let Some(secret) = secret_ref {
        let key = secret.key.as_deref().unwrap_or("value");
        let text = world.value(("Secret", namespace, &secret.name), &[key, "value.yaml"]);
        let file = kube::config::Kubeconfig::from_yaml(text).expect("a kubeconfig");
        for cluster in file.clusters.iter().filter_map(|named| named.cluster.as_ref()) {
            urls.extend(cluster.proxy_url.clone().or_else(|| cluster.server.clone()));
        }
    }
    if let Some(map) = config_map_ref {
        let value = |key: &str| world.value(("ConfigMap", namespace, &map.name), &[key]);
        urls.extend([value("address")].into_iter().filter(|address| !address.is_empty()).map(str::to_owned));
        let clouds: &[&str] = match value("provider") {
            "aws" => &["https://eks.eu-west-1.amazonaws.com", "https://sts.eu-west-1.amazonaws.com"],
            "azure" => &["https://management.azure.com", "https://login.microsoftonline.com"],
            "gcp" => &["https://container.googleapis.com", "https://sts.googleapis.com"],
            _ => &[],
        };
        urls.extend(clouds.iter().map(|url| (*url).to_owned()));
    }
    urls
}

/// As the clients read a URL.
fn host_and_port(url: &str) -> (String, u16) {
    if url.starts_with("ssh://") {
        return weir_git::ssh::host_of(url).expect("an ssh URL");
    }
    let (url, usual) = match url.strip_prefix("socks5://") {
        Some(rest) => (format!("http://{rest}"), Some(1080)),
        None => (url.to_owned(), None),
    };
    let (host, port) = endpoint(&url).expect("an http or https URL");
    (host.trim_matches(['[', ']']).to_owned(), usual.filter(|_| port == 80).unwrap_or(port))
}

fn names(meta: &kube::core::ObjectMeta) -> (&str, &str) {
    (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

/// An address that is in the first of the networks.
fn inside(networks: &[String]) -> IpAddr {
    let base = networks.first().and_then(|network| network.split('/').next());
    base.map_or(SOMEWHERE, |base| base.parse().expect("an address"))
}
