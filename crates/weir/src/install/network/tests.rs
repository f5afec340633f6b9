//! What configured controllers need passes, and nothing else does.

use super::super::Install;
use super::connections::{Connection, SOMEWHERE, beside, derive};
use super::model::{Direction, Model, Peer, Rule, Selector};
use super::world::World;
use crate::controllers::Role;
use clap::Parser;
use std::collections::BTreeSet;

const ROLES: [Role; 2] = [Role::Source, Role::Kustomize];

/// All that the controllers do in a world, if they were installed so.
fn connections(world: &World, args: &[&str]) -> Vec<Connection> {
    let install = Install::try_parse_from([&["install"], args].concat()).expect("parses");
    derive(world, &Model::new(args), &install)
}

/// The connections that do not pass.
fn denied(model: &Model, connections: &[Connection]) -> BTreeSet<String> {
    let is_denied = |connection: &&Connection| {
        let Connection { role, direction, peer, port, .. } = connection;
        let own = model.pod(*role);
        // Flux's own policies are about the controllers that weir does not install.
        let other_end = *direction == Direction::Ingress
            || !ROLES.iter().any(|role| model.pod(*role) == *peer)
            || model.passes(peer, Direction::Ingress, &own, *port);
        !(model.passes(&own, *direction, peer, *port) && other_end)
    };
    connections.iter().filter(is_denied).map(|connection| connection.why.clone()).collect()
}

fn peers(model: &Model) -> Vec<Peer> {
    let hosts = ["10.1.2.3", "10.2.2.3", "10.3.0.8", "10.96.0.1", "127.0.0.1", "169.254.169.254", "fd00::1"];
    let hosts = hosts.map(|host| Peer::Host(host.parse().expect("an address")));
    let stranger = Peer::Pod(vec![("app".to_owned(), "something".to_owned())]);
    let pods = ROLES.map(|role| model.pod(role));
    let others = ["helm-controller", "notification-controller", "source-watcher"].map(beside);
    let named = pods.into_iter().chain(others).chain(hosts);
    named.chain([stranger, Peer::Elsewhere, Peer::Host(SOMEWHERE)]).collect()
}

/// What is open and nobody asks for: each role, direction, protocol, peer, and each port but for those that are all the same.
fn excess(model: &Model, connections: &[Connection]) -> BTreeSet<String> {
    let ports = model.ports(connections.iter().map(|connection| connection.port.0));
    let (peers, mut found) = (peers(model), BTreeSet::new());
    for role in ROLES {
        let own = model.pod(role);
        for (direction, protocol) in [Direction::Egress, Direction::Ingress]
            .into_iter()
            .flat_map(|direction| ["TCP", "UDP", "SCTP"].map(|protocol| (direction, protocol)))
        {
            for (peer, port) in peers.iter().flat_map(|peer| ports.iter().map(move |port| (peer, (*port, protocol)))) {
                let is_asked = connections
                    .iter()
                    .any(|one| (one.role, one.direction, one.port) == (role, direction, port) && one.scope.holds(peer));
                if model.passes(&own, direction, peer, port) && !is_asked {
                    found.insert(format!("{} {direction:?} {peer:?} {port:?}", role.controller()));
                }
            }
        }
    }
    found
}

fn repository(name: &str, url: &str, more: &str) -> String {
    format!(
        "---\nkind: GitRepository\nmetadata: {{name: {name}, namespace: apps}}\nspec: {{url: '{url}', interval: 1m{more}}}\n"
    )
}

fn secret(name: &str, key: &str, value: &str) -> String {
    let value = value.replace('\'', "''");
    format!("---\nkind: Secret\nmetadata: {{name: {name}, namespace: apps}}\nstringData: {{{key}: '{value}'}}\n")
}

/// A Kustomization of a source of the same name.
fn kustomization(name: &str, more: &str) -> String {
    format!(
        "---\nkind: Kustomization\nmetadata: {{name: {name}, namespace: apps}}\nspec: {{interval: 1m, prune: true, path: ./, \
         sourceRef: {{kind: GitRepository, name: {name}}}{more}}}\n"
    )
}

fn kubeconfig(server: &str, more: &str) -> String {
    format!("{{clusters: [{{name: c, cluster: {{server: {server}{more}}}}}], contexts: [], users: []}}")
}

/// A file that SOPS encrypted for these keys.
fn encrypted(keys: &str) -> String {
    let time = "2026-01-01T00:00:00Z";
    let keys = keys.replace("TIME", &format!("created_at: '{time}', enc: x"));
    format!("a: ENC[x]\nsops:\n  {keys}\n  lastmodified: '{time}'\n  mac: x\n  version: 3.9.0\n")
}

/// A world, the options that it needs, and what does not pass without them.
struct Case {
    world: World,
    args: Vec<&'static str>,
    denied: Vec<&'static str>,
}

fn case(world: World, args: &[&'static str], denied: &[&'static str]) -> Case {
    Case { world, args: args.to_vec(), denied: denied.to_vec() }
}

fn sources() -> Vec<Case> {
    let of = |url: &str, more: &str| World::new(&repository("a", url, more));
    let proxied = |address: &str| {
        let with = repository("a", "https://git.example.com:8443/x", ", proxySecretRef: {name: proxy}");
        World::new(&[with, secret("proxy", "address", address)].concat())
    };
    let modules = "[submodule \"s\"]\n\tpath = s\n\turl = https://lib.example.com:9443/s\n";
    vec![
        case(of("https://git.example.com/x", ""), &[], &[]),
        case(of("https://git.example.com:443/x.git", ""), &[], &[]),
        case(of("ssh://git@git.example.com/x", ""), &[], &[]),
        case(
            of("http://git.example.com/x", ""),
            &["--source-ports=80"],
            &["source-controller: GitRepository a to git.example.com:80"],
        ),
        case(
            of("https://git.example.com:8443/x", ""),
            &["--source-ports=8443"],
            &["source-controller: GitRepository a to git.example.com:8443"],
        ),
        case(
            of("ssh://git@[fd00::2]:7999/x", ""),
            &["--source-ports=8443,7999"],
            &["source-controller: GitRepository a to fd00::2:7999"],
        ),
        case(of("https://git.example.com:8443/x", ", suspend: true"), &[], &[]),
        case(
            proxied("http://proxy.example.com:3128"),
            &["--source-ports=3128"],
            &["source-controller: GitRepository a to proxy.example.com:3128"],
        ),
        case(
            proxied("socks5://proxy.example.com"),
            &["--source-ports=1080"],
            &["source-controller: GitRepository a to proxy.example.com:1080"],
        ),
        case(
            of("https://git.example.com/x", ", recurseSubmodules: true").with("a", ".gitmodules", modules),
            &["--source-ports=9443"],
            &["source-controller: GitRepository a to lib.example.com:9443"],
        ),
        case(of("https://git.example.com/x", "").with("a", ".gitmodules", modules), &[], &[]),
    ]
}

fn bases() -> Vec<Case> {
    let with = |url: &str| {
        World::new(&kustomization("a", "")).with("a", "kustomization.yaml", &format!("resources: ['{url}']\n"))
    };
    vec![
        case(World::new(&kustomization("a", "")), &[], &[]),
        case(with("https://git.example.com/a/b//c?ref=v1"), &[], &[]),
        case(with("https://files.example.com/a.yaml"), &[], &[]),
        case(
            with("https://git.example.com:8443/a/b.git"),
            &["--kustomize-ports=8443"],
            &["kustomize-controller: Kustomization a, remote base to git.example.com:8443"],
        ),
        case(with("git@git.example.com:a/b.git"), &[], &[]),
        case(
            World::new(
                "kind: ExternalArtifact\nmetadata: {name: a, namespace: apps}\nspec: {}\nstatus: {artifact: {url: \
                 'http://source-watcher.flux-system.svc.cluster.local./a.tar.gz', path: a, revision: a, digest: a, \
                 lastUpdateTime: '2026-01-01T00:00:00Z'}}\n---\nkind: Kustomization\nmetadata: {name: a, namespace: \
                 apps}\nspec: {interval: 1m, prune: true, sourceRef: {kind: ExternalArtifact, name: a}}\n",
            ),
            &["--kustomize-ports=9090"],
            &["kustomize-controller: Kustomization a, artifact to source-watcher.flux-system.svc.cluster.local.:80"],
        ),
    ]
}

fn keys() -> Vec<Case> {
    let with = |keys: &str| {
        let world = World::new(&kustomization("a", ", decryption: {provider: sops}"));
        world.with("a", "kustomization.yaml", "resources: [x.yaml]\n").with("a", "x.yaml", &encrypted(keys))
    };
    let vault =
        |address: &str| with(&format!("hc_vault: [{{vault_address: '{address}', engine_path: t, key_name: k, TIME}}]"));
    let narrow = ["--api-server-cidrs=10.96.0.0/16", "--kustomize-ports=443"];
    let public = |keys: &str, denied: &[&'static str]| {
        [case(with(keys), &[], &[]), Case { world: with(keys), args: narrow.to_vec(), denied: denied.to_vec() }]
    };
    let mut all = vec![
        case(with("age: [{recipient: age1x, enc: x}]"), &[], &[]),
        case(
            vault("https://vault.example.com:8200"),
            &["--kustomize-ports=8200"],
            &["kustomize-controller: Kustomization a, key service to vault.example.com:8200"],
        ),
        case(
            vault("http://10.3.0.8:8200"),
            &["--kustomize-ports=8200", "--kustomize-cidrs=10.3.0.0/16"],
            &["kustomize-controller: Kustomization a, key service to 10.3.0.8:8200"],
        ),
    ];
    all.extend(public(
        "kms: [{arn: 'arn:aws:kms:eu-west-1:123456789012:key/k', TIME}]",
        &[
            "kustomize-controller: Kustomization a, key service to kms.eu-west-1.amazonaws.com:443",
            "kustomize-controller: Kustomization a, key service to sts.eu-west-1.amazonaws.com:443",
        ],
    ));
    all.extend(public(
        "gcp_kms: [{resource_id: projects/p/locations/l/keyRings/r/cryptoKeys/k, TIME}]",
        &[
            "kustomize-controller: Kustomization a, key service to cloudkms.googleapis.com:443",
            "kustomize-controller: Kustomization a, key service to iamcredentials.googleapis.com:443",
            "kustomize-controller: Kustomization a, key service to oauth2.googleapis.com:443",
            "kustomize-controller: Kustomization a, key service to sts.googleapis.com:443",
        ],
    ));
    all.extend(public(
        "azure_kv: [{vault_url: 'https://v.vault.azure.net', name: k, version: '1', TIME}]",
        &[
            "kustomize-controller: Kustomization a, key service to login.microsoftonline.com:443",
            "kustomize-controller: Kustomization a, key service to v.vault.azure.net:443",
        ],
    ));
    all
}

fn clusters() -> Vec<Case> {
    let with = |server: &str, more: &str| {
        let object = kustomization("a", ", kubeConfig: {secretRef: {name: k}}");
        World::new(&[object, secret("k", "value", &kubeconfig(server, more))].concat())
    };
    let map = |data: &str| {
        let object = kustomization("a", ", kubeConfig: {configMapRef: {name: k}}");
        World::new(&format!("{object}---\nkind: ConfigMap\nmetadata: {{name: k, namespace: apps}}\ndata: {{{data}}}\n"))
    };
    vec![
        case(with("https://c.example.com:6443", ""), &[], &[]),
        case(with("https://c.example.com", ""), &[], &[]),
        case(
            with("https://c.example.com:16443", ""),
            &["--kustomize-ports=16443"],
            &["kustomize-controller: Kustomization a, other cluster to c.example.com:16443"],
        ),
        case(
            with("https://c.example.com:16443", ", proxy-url: 'http://proxy.example.com:3128'"),
            &["--kustomize-ports=3128"],
            &["kustomize-controller: Kustomization a, other cluster to proxy.example.com:3128"],
        ),
        case(
            map("provider: generic, address: 'https://10.3.0.9:16443'"),
            &["--kustomize-ports=16443", "--kustomize-cidrs=10.3.0.0/16"],
            &["kustomize-controller: Kustomization a, other cluster to 10.3.0.9:16443"],
        ),
        case(
            map("provider: aws, cluster: c"),
            &["--api-server-cidrs=10.96.0.0/16", "--kustomize-ports=443"],
            &[
                "kustomize-controller: Kustomization a, other cluster to eks.eu-west-1.amazonaws.com:443",
                "kustomize-controller: Kustomization a, other cluster to sts.eu-west-1.amazonaws.com:443",
            ],
        ),
    ]
}

#[test]
fn each_connection_of_each_spec_passes_with_its_options_and_not_without() {
    for Case { world, args, denied: expected } in [sources(), bases(), keys(), clusters()].into_iter().flatten() {
        let all = connections(&world, &args);
        assert_eq!(denied(&Model::new(&args), &all), BTreeSet::new(), "{args:?}");
        let without: Vec<&str> =
            args.iter().copied().filter(|arg| arg.starts_with("--api-server") || arg.ends_with("-cidrs")).collect();
        let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(denied(&Model::new(&without), &connections(&world, &without)), expected, "without {args:?}");
    }
}

#[test]
fn events_go_where_they_are_to_and_nowhere_else() {
    let world = usual();
    for url in [
        "http://notification-controller.flux-system.svc.cluster.local./",
        "https://events.example.com:8443/hook",
        "http://10.3.0.4/",
    ] {
        let args = [format!("--events-addr={url}")];
        let all = connections(&world, &args.each_ref().map(String::as_str));
        let told: BTreeSet<String> =
            all.iter().map(|one| one.why.clone()).filter(|why| why.contains("events")).collect();
        assert_eq!(told.len(), 2, "{told:#?}");
        let model = Model::new(&args.each_ref().map(String::as_str));
        assert_eq!(denied(&model, &all), BTreeSet::new());
        assert_eq!(denied(&Model::new(&[]), &all), told);
        assert_eq!(excess(&model, &all), BTreeSet::new(), "{url}");
    }
}

/// Everything at once, and what it needs.
fn everything() -> (World, Vec<&'static str>) {
    let repositories: Vec<String> = [
        ("web", "https://git.example.com/x"),
        ("web-port", "https://10.1.2.3:8443/x"),
        ("shell", "ssh://git@10.1.2.3/x"),
        ("shell-port", "ssh://git@10.1.2.3:7999/x"),
    ]
    .iter()
    .map(|(name, url)| repository(name, url, ""))
    .collect();
    let objects = [
        repositories.concat(),
        kustomization("base", ""),
        kustomization("locked", ", decryption: {provider: sops}"),
        kustomization("other", ", kubeConfig: {secretRef: {name: k}}"),
        secret("k", "value", &kubeconfig("https://10.3.0.9:16443", "")),
    ];
    let keys = "hc_vault: [{vault_address: 'https://10.3.0.8:8200', engine_path: t, key_name: k, TIME}]";
    let world = World::new(&objects.concat())
        .with("base", "kustomization.yaml", "resources: ['https://10.3.0.7/a/b.git']\n")
        .with("locked", "kustomization.yaml", "resources: [x.yaml]\n")
        .with("locked", "x.yaml", &encrypted(keys));
    let args = vec![
        "--source-ports=8443,7999",
        "--source-cidrs=10.1.0.0/16",
        "--kustomize-ports=443,8200,16443",
        "--kustomize-cidrs=10.3.0.0/16",
        "--api-server-cidrs=10.96.0.0/16",
        "--events-addr=http://notification-controller.flux-system.svc.cluster.local./",
    ];
    (world, args)
}

/// What the manifests are for where no option is given.
fn usual() -> World {
    let sources =
        [repository("web", "https://git.example.com/x", ""), repository("shell", "ssh://git@git.example.com/x", "")];
    World::new(&[sources.concat(), kustomization("web", "")].concat())
}

#[test]
fn nothing_is_open_that_no_spec_asks_for() {
    let (world, args) = everything();
    for (world, args) in [(usual(), Vec::new()), (world, args)] {
        let (model, all) = (Model::new(&args), connections(&world, &args));
        assert_eq!(denied(&model, &all), BTreeSet::new(), "{args:?}");
        assert_eq!(excess(&model, &all), BTreeSet::new(), "{args:?}");
    }
    // A pod that is none of the controllers may do nothing at all.
    let model = Model::new(&[]);
    let stranger = Peer::Pod(vec![("app".to_owned(), "something".to_owned())]);
    for (peer, port) in peers(&model).iter().flat_map(|peer| model.ports([]).into_iter().map(move |port| (peer, port)))
    {
        for direction in [Direction::Egress, Direction::Ingress] {
            assert!(!model.passes(&stranger, direction, peer, (port, "TCP")), "{direction:?} {peer:?} {port}");
        }
    }
}

/// Each rule's lists, with what they are of.
fn lists(model: &mut Model) -> Vec<(String, &mut Rule)> {
    let policies = model.policies.iter_mut();
    policies
        .flat_map(|policy| {
            let name = policy.name.clone();
            let rules = policy.ingress.iter_mut().chain(&mut policy.egress).flatten();
            rules.map(move |rule| (name.clone(), rule))
        })
        .collect()
}

#[test]
fn every_port_of_every_rule_is_needed() {
    let (world, args) = everything();
    let (whole, all) = (Model::new(&args), connections(&world, &args));
    let counts: Vec<usize> = lists(&mut whole.clone()).iter().map(|(_, rule)| rule.ports.len()).collect();
    assert!(counts.len() >= 8 && counts.iter().all(|count| *count > 0), "every rule names its ports: {counts:?}");
    for (at, port) in counts.iter().enumerate().flat_map(|(at, count)| (0..*count).map(move |port| (at, port))) {
        let mut less = whole.clone();
        let mut rules = lists(&mut less);
        let (name, rule) = &mut rules[at];
        let (name, gone) = (name.clone(), rule.ports.remove(port));
        // A rule without ports would be one of all.
        if rule.ports.is_empty() {
            rule.ports.push((1, "SCTP".to_owned()));
        }
        assert!(!denied(&less, &all).is_empty(), "{name} has {gone:?}, which nobody needs");
    }
}

#[test]
fn whatever_is_opened_beyond_that_is_found() {
    let (world, args) = everything();
    let (whole, all) = (Model::new(&args), connections(&world, &args));
    let rules = lists(&mut whole.clone()).len();
    for at in 0..rules {
        let widened: [fn(&mut Rule); 4] = [
            |rule| rule.ports.clear(),
            |rule| rule.ports.push((31_337, "TCP".to_owned())),
            |rule| rule.ports.push((443, "UDP".to_owned())),
            |rule| rule.peers = vec![Selector::Network("0.0.0.0/0".to_owned()), Selector::EveryNamespace],
        ];
        for (way, widen) in widened.into_iter().enumerate() {
            let mut more = whole.clone();
            let mut rules = lists(&mut more);
            let (name, rule) = &mut rules[at];
            // DNS may be anywhere already.
            let is_wide = way == 3 && rule.peers.is_empty();
            let name = name.clone();
            widen(rule);
            assert!(is_wide || !excess(&more, &all).is_empty(), "{name}, rule {at}, widened in way {way}");
        }
    }
}

#[test]
fn networks_narrow_where_sources_come_from() {
    let of = |url: &str| World::new(&repository("a", url, ""));
    let args = ["--source-cidrs=10.1.0.0/16"];
    let is_denied = |url: &str, args: &[&str]| !denied(&Model::new(args), &connections(&of(url), args)).is_empty();
    assert!(!is_denied("ssh://git@10.1.2.3/x", &args) && is_denied("ssh://git@10.2.2.3/x", &args));
    // The port of the API server is open to anywhere until its networks are told.
    assert!(!is_denied("https://10.2.2.3/x", &args));
    let narrow = [args[0], "--api-server-cidrs=10.96.0.0/16"];
    assert!(is_denied("https://10.2.2.3/x", &narrow) && !is_denied("https://10.1.2.3/x", &narrow));
}

/// A policy that somebody has already for Flux's source controller.
const MISSION: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: flux-source-controller
  namespace: flux-system
spec:
  podSelector:
    matchLabels:
      app: source-controller
  policyTypes:
  - Egress
  egress:
  - to: []
    ports:
    - port: 443
      protocol: TCP
    - port: 22
      protocol: TCP
";

#[test]
fn policies_for_the_source_controller_of_flux_select_ours() {
    let bare = Model::new(&["--network-policy=false"]);
    let mut bound = bare.clone();
    bound.add(MISSION);
    let out = |model: &Model, role: Role, port: u16| {
        model.passes(&model.pod(role), Direction::Egress, &Peer::Host(SOMEWHERE), (port, "TCP"))
    };
    assert!(out(&bare, Role::Source, 25) && !out(&bound, Role::Source, 25), "it binds the source controller");
    assert!(out(&bound, Role::Source, 443) && out(&bound, Role::Source, 22));
    assert!(out(&bound, Role::Kustomize, 25), "and no other");
    // Beside the policies of `weir install` it opens nothing.
    let (usual, mut model) = (usual(), Model::new(&[]));
    model.add(MISSION);
    let all = connections(&usual, &[]);
    assert_eq!((denied(&model, &all), excess(&model, &all)), (BTreeSet::new(), BTreeSet::new()));
}
