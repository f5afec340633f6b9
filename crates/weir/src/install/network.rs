//! Who may talk to whom: nothing, but for what is listed here.

use super::Settings;
use crate::controllers::Role;
use std::fmt::Write as _;

/// Pods of the controllers.
const OURS: &str = "app.kubernetes.io/part-of: flux";
/// Ports of API servers; 443 is that of the Service, 6443 what it leads to on most clusters.
const API_SERVER: [u16; 2] = [443, 6443];
/// Where sources come from: https, and ssh.
const SOURCES: [u16; 2] = [443, 22];

/// One policy; the text of its rules is that of the manifest.
struct Policy {
    name: &'static str,
    /// Of which pods; empty: of all in the namespace.
    pods: String,
    ingress: Option<String>,
    egress: Option<String>,
}

pub(super) fn policies(settings: &Settings) -> Vec<String> {
    let mut all = vec![
        Policy { name: "deny-all", pods: String::new(), ingress: Some(String::new()), egress: Some(String::new()) },
        Policy {
            name: "allow-api-server",
            pods: OURS.to_owned(),
            ingress: None,
            egress: Some(format!("{}{}", egress(&[], &[(53, "UDP"), (53, "TCP")]), egress(&[], &tcp(&API_SERVER)))),
        },
        Policy {
            name: "allow-scraping",
            pods: OURS.to_owned(),
            ingress: Some(ingress("namespaceSelector: {}", 8080)),
            egress: None,
        },
    ];
    if settings.has(Role::Source) {
        let mut ports = SOURCES.to_vec();
        ports.extend(settings.args.source_ports.iter().filter(|port| !SOURCES.contains(port)));
        all.push(Policy {
            name: "source-controller",
            pods: app(Role::Source),
            ingress: Some(ingress(&format!("podSelector:\n        matchLabels:\n          {OURS}"), 9090)),
            egress: Some(egress(&settings.args.source_cidrs, &tcp(&ports))),
        });
    }
    if settings.has(Role::Kustomize) {
        all.push(Policy {
            name: "kustomize-controller",
            pods: app(Role::Kustomize),
            ingress: None,
            egress: Some(to_pods(&app(Role::Source), 9090)),
        });
    }
    if settings.args.events_addr.is_some() {
        // Flux's receiver of events listens there.
        all.push(Policy {
            name: "allow-events",
            pods: OURS.to_owned(),
            ingress: None,
            egress: Some(to_pods("app: notification-controller", 9090)),
        });
    }
    all.iter().map(|policy| manifest(settings, policy)).collect()
}

fn app(role: Role) -> String {
    format!("app: {}", role.controller())
}

fn tcp(ports: &[u16]) -> Vec<(u16, &'static str)> {
    ports.iter().map(|port| (*port, "TCP")).collect()
}

/// To these networks, or anywhere, at these ports.
fn egress(networks: &[String], ports: &[(u16, &str)]) -> String {
    let mut text = "  - ports:\n".to_owned();
    for (port, protocol) in ports {
        let _ = writeln!(text, "    - port: {port}\n      protocol: {protocol}");
    }
    if !networks.is_empty() {
        text.push_str("    to:\n");
        for network in networks {
            let _ = writeln!(text, "    - ipBlock:\n        cidr: {network}");
        }
    }
    text
}

fn to_pods(label: &str, port: u16) -> String {
    format!(
        "  - ports:\n    - port: {port}\n      protocol: TCP\n    to:\n    - podSelector:\n        matchLabels:\n          {label}\n"
    )
}

fn ingress(from: &str, port: u16) -> String {
    format!("  - from:\n    - {from}\n    ports:\n    - port: {port}\n      protocol: TCP\n")
}

fn manifest(settings: &Settings, policy: &Policy) -> String {
    let mut text = format!(
        "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {}
  namespace: {}
  labels:
    {}
spec:
",
        policy.name,
        settings.namespace,
        settings.labels("", 4)
    );
    text.push_str(&match policy.pods.as_str() {
        "" => "  podSelector: {}\n".to_owned(),
        label => format!("  podSelector:\n    matchLabels:\n      {label}\n"),
    });
    text.push_str("  policyTypes:\n");
    for (kind, rules) in [("Ingress", &policy.ingress), ("Egress", &policy.egress)] {
        if rules.is_some() {
            let _ = writeln!(text, "  - {kind}");
        }
    }
    for (member, rules) in [("ingress", &policy.ingress), ("egress", &policy.egress)] {
        if let Some(rules) = rules.as_ref().filter(|rules| !rules.is_empty()) {
            let _ = write!(text, "  {member}:\n{rules}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Install, manifests, parsed};
    use clap::Parser;
    use std::net::IpAddr;
    use weir_doc::Node;
    use weir_object::meta;

    /// Who connects, or is connected to.
    #[derive(Clone, Copy, Debug)]
    enum Peer {
        /// A pod of the controllers' namespace with this `app` label, of Flux or not.
        Pod(&'static str, bool),
        /// A pod of another namespace.
        Elsewhere,
        /// A host outside the cluster.
        Host(&'static str),
    }

    /// The policies of a cluster, judged as the network plugin does.
    struct Model(Vec<Node>);

    impl Model {
        fn new(args: &[&str]) -> Self {
            let text = manifests(&Install::try_parse_from([&["install"], args].concat()).expect("parses"));
            let objects = parsed(&text).expect("is YAML");
            Self(objects.into_iter().filter(|object| meta::kind(object) == "NetworkPolicy").collect())
        }

        /// Whether a selector's labels are among those of a pod.
        fn selects(selector: Option<&Node>, app: &str, is_ours: bool) -> bool {
            let labels = selector.and_then(|selector| selector.path(&["matchLabels"])).and_then(Node::as_map);
            labels.is_none_or(|labels| {
                labels.iter().all(|(key, value)| match (key.as_str(), value.as_str()) {
                    ("app", Some(value)) => value == app,
                    ("app.kubernetes.io/part-of", Some("flux")) => is_ours,
                    other => panic!("the model does not know {other:?}"),
                })
            })
        }

        fn is_peer(peer: &Node, other: Peer) -> bool {
            match (other, peer.get("ipBlock"), peer.get("namespaceSelector"), peer.get("podSelector")) {
                (Peer::Host(address), Some(block), ..) => within(address, block.str_at(&["cidr"]).expect("a network")),
                (Peer::Pod(..) | Peer::Elsewhere, None, Some(_), None) => true,
                (Peer::Pod(app, is_ours), None, None, Some(selector)) => Self::selects(Some(selector), app, is_ours),
                _ => false,
            }
        }

        /// Whether the policies of one end let the connection pass.
        fn end(
            &self,
            (kind, member, peers): (&str, &str, &str),
            own: Peer,
            other: Peer,
            port: u16,
            protocol: &str,
        ) -> bool {
            let Peer::Pod(app, is_ours) = own else { return true };
            let mut is_isolated = false;
            for policy in &self.0 {
                let types = policy.path(&["spec", "policyTypes"]).and_then(Node::as_seq).expect("types");
                if !Self::selects(policy.path(&["spec", "podSelector"]), app, is_ours)
                    || !types.iter().any(|t| t.as_str() == Some(kind))
                {
                    continue;
                }
                is_isolated = true;
                for rule in policy.path(&["spec", member]).and_then(Node::as_seq).into_iter().flatten() {
                    let ports = rule.path(&["ports"]).and_then(Node::as_seq).expect("every rule names ports");
                    let is_port = ports.iter().any(|p| {
                        p.path(&["port"]).and_then(Node::as_i64) == Some(i64::from(port))
                            && p.str_at(&["protocol"]) == Some(protocol)
                    });
                    let is_peer = rule
                        .path(&[peers])
                        .and_then(Node::as_seq)
                        .is_none_or(|peers| peers.iter().any(|peer| Self::is_peer(peer, other)));
                    if is_port && is_peer {
                        return true;
                    }
                }
            }
            !is_isolated
        }

        fn allows(&self, from: Peer, to: Peer, port: u16, protocol: &str) -> bool {
            self.end(("Egress", "egress", "to"), from, to, port, protocol)
                && self.end(("Ingress", "ingress", "from"), to, from, port, protocol)
        }
    }

    fn within(address: &str, network: &str) -> bool {
        let (base, bits) = network.split_once('/').expect("a network");
        match (address.parse().expect("an address"), base.parse().expect("an address")) {
            (IpAddr::V4(address), IpAddr::V4(base)) => {
                let bits: u32 = bits.parse().expect("a number");
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                u32::from(address) & mask == u32::from(base) & mask
            }
            _ => false,
        }
    }

    const SOURCE: Peer = Peer::Pod("source-controller", true);
    const KUSTOMIZE: Peer = Peer::Pod("kustomize-controller", true);
    const OTHER: Peer = Peer::Pod("something", false);
    const OUTSIDE: Peer = Peer::Host("203.0.113.7");

    /// The port that the URL of a source leads to.
    fn port_of(url: &str) -> u16 {
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let host = rest.split('/').next().expect("a host");
        match host.rsplit_once(':') {
            Some((_, port)) => port.parse().expect("a port"),
            None if scheme == "ssh" => 22,
            None => 443,
        }
    }

    #[test]
    fn what_the_controllers_need_is_open() {
        let usual = Model::new(&[]);
        for url in ["https://git.example.com/a/b", "ssh://git@git.example.com/a/b", "https://git.example.com:443/x.git"]
        {
            assert!(usual.allows(SOURCE, OUTSIDE, port_of(url), "TCP"), "{url}");
        }
        let more = Model::new(&["--source-ports=8443,7999"]);
        for url in ["https://git.example.com:8443/a", "ssh://git@git.example.com:7999/a"] {
            assert!(!usual.allows(SOURCE, OUTSIDE, port_of(url), "TCP"), "{url}");
            assert!(more.allows(SOURCE, OUTSIDE, port_of(url), "TCP"), "{url}");
        }
        for controller in [SOURCE, KUSTOMIZE] {
            for (port, protocol) in [(443, "TCP"), (6443, "TCP"), (53, "UDP"), (53, "TCP")] {
                assert!(usual.allows(controller, OUTSIDE, port, protocol), "{controller:?} to {port}/{protocol}");
            }
            assert!(usual.allows(Peer::Elsewhere, controller, 8080, "TCP"), "metrics");
        }
        assert!(usual.allows(KUSTOMIZE, SOURCE, 9090, "TCP"), "artifacts");
        let events = Peer::Pod("notification-controller", true);
        assert!(!usual.allows(SOURCE, events, 9090, "TCP"), "nobody listens");
        let told = Model::new(&["--events-addr=http://notification-controller.flux-system.svc.cluster.local./"]);
        let leaves = |model: &Model| model.end(("Egress", "egress", "to"), SOURCE, events, 9090, "TCP");
        assert!(leaves(&told) && !leaves(&usual));
    }

    #[test]
    fn nothing_else_is_open() {
        let model = Model::new(&[]);
        let open = |from: Peer, to: Peer, protocol: &str| -> Vec<u16> {
            // A port that no policy names is as good as any other.
            let named = [22, 53, 80, 443, 6443, 8080, 8443, 9090, 9292, 9440, 10250];
            let beside = named.iter().flat_map(|port| [port - 1, *port, port + 1]);
            let ports: std::collections::BTreeSet<u16> = beside.chain([1, u16::MAX]).collect();
            ports.into_iter().filter(|port| model.allows(from, to, *port, protocol)).collect()
        };
        assert_eq!(open(SOURCE, OUTSIDE, "TCP"), [22, 53, 443, 6443]);
        assert_eq!(open(KUSTOMIZE, OUTSIDE, "TCP"), [53, 443, 6443]);
        for controller in [SOURCE, KUSTOMIZE] {
            assert_eq!(open(controller, OUTSIDE, "UDP"), [53]);
            assert_eq!(open(Peer::Elsewhere, controller, "TCP"), [8080]);
            assert_eq!(open(Peer::Elsewhere, controller, "UDP"), [0u16; 0]);
            assert_eq!(open(OUTSIDE, controller, "TCP"), [0u16; 0]);
        }
        assert_eq!(open(KUSTOMIZE, SOURCE, "TCP"), [9090]);
        assert_eq!(open(SOURCE, KUSTOMIZE, "TCP"), [0u16; 0]);
        assert_eq!(open(OTHER, OUTSIDE, "TCP"), [0u16; 0], "a pod that is none of the controllers");
        assert_eq!(open(OTHER, SOURCE, "TCP"), [0u16; 0]);
    }

    #[test]
    fn networks_narrow_where_sources_come_from() {
        let model = Model::new(&["--source-cidrs=10.1.0.0/16"]);
        assert!(model.allows(SOURCE, Peer::Host("10.1.2.3"), 22, "TCP"));
        assert!(!model.allows(SOURCE, Peer::Host("10.2.2.3"), 22, "TCP"));
        assert!(!model.allows(SOURCE, OUTSIDE, 22, "TCP"));
        // The port of the API server is open to anywhere, since nobody knows its address.
        assert!(model.allows(SOURCE, OUTSIDE, 443, "TCP"));
    }
}
