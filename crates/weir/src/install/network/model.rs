//! The policies of a cluster, judged as a network plugin does, and its pods by the labels that the manifests give them.

use super::super::{Install, manifests, parsed};
use crate::controllers::Role;
use clap::Parser;
use std::collections::BTreeSet;
use std::net::IpAddr;
use weir_doc::Node;
use weir_object::meta;

pub type Labels = Vec<(String, String)>;

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A pod in the controllers' namespace.
    Pod(Labels),
    /// A pod of another namespace.
    Elsewhere,
    /// A host outside of the cluster.
    Host(IpAddr),
}

/// A port, and its protocol.
pub type Port = (u16, &'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ingress,
    Egress,
}

#[derive(Clone, Debug)]
pub struct Policy {
    pub name: String,
    pub pods: Labels,
    pub ingress: Option<Vec<Rule>>,
    pub egress: Option<Vec<Rule>>,
}

#[derive(Clone, Debug)]
pub struct Rule {
    /// Empty: everyone.
    pub peers: Vec<Selector>,
    /// Empty: every port.
    pub ports: Vec<(u16, String)>,
}

#[derive(Clone, Debug)]
pub enum Selector {
    Network(String),
    EveryNamespace,
    Pods(Labels),
}

/// What `weir install` writes, as far as the network is concerned.
#[derive(Clone)]
pub struct Model {
    pub policies: Vec<Policy>,
    objects: Vec<Node>,
}

impl Model {
    pub fn new(args: &[&str]) -> Self {
        let args = Install::try_parse_from([&["install"], args].concat()).expect("parses");
        let objects = parsed(&manifests(&args)).expect("is YAML");
        let policies = objects.iter().filter(|object| meta::kind(object) == "NetworkPolicy").map(policy).collect();
        Self { policies, objects }
    }

    /// One more policy in the same namespace.
    pub fn add(&mut self, text: &str) {
        let objects = parsed(text).expect("is YAML");
        self.policies.extend(objects.iter().map(policy));
    }

    /// The pods of a controller.
    pub fn pod(&self, role: Role) -> Peer {
        let deployment = self.object("Deployment", role.controller()).expect("is installed");
        Peer::Pod(labels(deployment.path(&["spec", "template", "metadata", "labels"])))
    }

    /// The pod's port that a port of a Service leads to, if the manifests have it.
    pub fn behind(&self, service: &str, port: u16) -> Option<u16> {
        let found = self.object("Service", service)?;
        let ports = found.path(&["spec", "ports"]).and_then(Node::as_seq)?;
        let name = ports.iter().find(|entry| number(entry, "port") == Some(port))?.str_at(&["targetPort"])?;
        let containers = self.object("Deployment", service)?.path(&["spec", "template", "spec", "containers"])?;
        let ports = containers.as_seq()?.first()?.path(&["ports"]).and_then(Node::as_seq)?;
        let target = ports.iter().find(|entry| entry.str_at(&["name"]) == Some(name))?;
        number(target, "containerPort")
    }

    fn object(&self, kind: &str, name: &str) -> Option<&Node> {
        self.objects
            .iter()
            .find(|object| meta::kind(object) == kind && object.str_at(&["metadata", "name"]) == Some(name))
    }

    /// Whether the policies that select a pod let a connection of it pass. What selects no pod at all isolates it not.
    pub fn passes(&self, own: &Peer, direction: Direction, other: &Peer, port: Port) -> bool {
        let Peer::Pod(labels) = own else { return true };
        let selected = self.policies.iter().filter(|policy| has(labels, &policy.pods));
        let mut rules = selected.filter_map(|policy| match direction {
            Direction::Ingress => policy.ingress.as_ref(),
            Direction::Egress => policy.egress.as_ref(),
        });
        let Some(first) = rules.next() else { return true };
        std::iter::once(first).chain(rules).flatten().any(|rule| rule.allows(other, port))
    }

    /// Ports of which each stands for all that no rule tells apart from it: those that a rule names, and one of each gap.
    pub fn ports(&self, more: impl IntoIterator<Item = u16>) -> BTreeSet<u16> {
        let rules = self.policies.iter().flat_map(|policy| policy.ingress.iter().chain(&policy.egress)).flatten();
        let named = rules.flat_map(|rule| rule.ports.iter().map(|(port, _)| *port)).chain(more);
        named
            .flat_map(|port| [port.saturating_sub(1).max(1), port, port.saturating_add(1)])
            .chain([1, u16::MAX])
            .collect()
    }
}

impl Rule {
    fn allows(&self, other: &Peer, (port, protocol): Port) -> bool {
        let is_port = self.ports.is_empty() || self.ports.iter().any(|(p, name)| *p == port && name == protocol);
        is_port && (self.peers.is_empty() || self.peers.iter().any(|peer| peer.matches(other)))
    }
}

impl Selector {
    fn matches(&self, other: &Peer) -> bool {
        match (self, other) {
            (Selector::Network(network), Peer::Host(address)) => within(*address, network),
            (Selector::EveryNamespace, Peer::Pod(_) | Peer::Elsewhere) => true,
            (Selector::Pods(wanted), Peer::Pod(labels)) => has(labels, wanted),
            _ => false,
        }
    }
}

/// Whether a pod with these labels is one that is wanted.
pub fn has(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|label| labels.contains(label))
}

fn policy(object: &Node) -> Policy {
    let types = object.path(&["spec", "policyTypes"]).and_then(Node::as_seq).expect("types");
    let is_of = |kind: &str| types.iter().any(|known| known.as_str() == Some(kind));
    let rules = |member: &str, peers: &str| -> Vec<Rule> {
        let rules = object.path(&["spec", member]).and_then(Node::as_seq).into_iter().flatten();
        rules.map(|entry| rule(entry, peers)).collect()
    };
    Policy {
        name: object.str_at(&["metadata", "name"]).expect("a name").to_owned(),
        pods: selected(object.path(&["spec", "podSelector"]).expect("a selector")),
        ingress: is_of("Ingress").then(|| rules("ingress", "from")),
        egress: is_of("Egress").then(|| rules("egress", "to")),
    }
}

fn rule(entry: &Node, peers: &str) -> Rule {
    let items = |member: &str| entry.path(&[member]).and_then(Node::as_seq).into_iter().flatten();
    let peer = |peer: &Node| match (peer.get("ipBlock"), peer.get("namespaceSelector"), peer.get("podSelector")) {
        (Some(block), None, None) => {
            assert!(block.get("except").is_none(), "the model knows no exceptions");
            Selector::Network(block.str_at(&["cidr"]).expect("a network").to_owned())
        }
        (None, Some(namespaces), None) => {
            assert!(selected(namespaces).is_empty(), "the model knows all namespaces only");
            Selector::EveryNamespace
        }
        (None, None, Some(pods)) => Selector::Pods(selected(pods)),
        _ => panic!("the model does not know {peer:?}"),
    };
    let port = |entry: &Node| {
        assert!(entry.get("endPort").is_none(), "the model knows no ranges");
        (number(entry, "port").expect("a number"), entry.str_at(&["protocol"]).unwrap_or("TCP").to_owned())
    };
    Rule { peers: items(peers).map(peer).collect(), ports: items("ports").map(port).collect() }
}

fn selected(selector: &Node) -> Labels {
    assert!(selector.get("matchExpressions").is_none(), "the model knows labels only");
    labels(selector.get("matchLabels"))
}

fn labels(node: Option<&Node>) -> Labels {
    let entries = node.and_then(Node::as_map).into_iter().flat_map(|map| map.iter());
    entries.map(|(key, value)| (key.as_str().to_owned(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn number(node: &Node, member: &str) -> Option<u16> {
    node.path(&[member]).and_then(Node::as_i64).and_then(|number| number.try_into().ok())
}

/// Whether an address is in a network.
pub fn within(address: IpAddr, network: &str) -> bool {
    let (base, bits) = network.split_once('/').expect("a network");
    let bits: u32 = bits.parse().expect("a number");
    match (address, base.parse().expect("an address")) {
        (IpAddr::V4(address), IpAddr::V4(base)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            u32::from(address) & mask == u32::from(base) & mask
        }
        (IpAddr::V6(address), IpAddr::V6(base)) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            u128::from(address) & mask == u128::from(base) & mask
        }
        _ => false,
    }
}
