//! Who may talk to whom: nothing, but for what is listed here.

#[cfg(test)]
mod connections;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

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
            egress: Some(format!(
                "{}{}",
                egress(&[], &[(53, "UDP"), (53, "TCP")]),
                egress(&settings.args.api_server_cidrs, &tcp(&API_SERVER))
            )),
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
            egress: Some(format!("{}{}", to_pods(&app(Role::Source), 9090), services(settings))),
        });
    }
    if let Some(url) = &settings.args.events_addr {
        all.push(Policy {
            name: "allow-events",
            pods: OURS.to_owned(),
            ingress: None,
            egress: Some(receiver(settings, url)),
        });
    }
    all.iter().map(|policy| manifest(settings, policy)).collect()
}

/// Key services, Vault, other clusters and remote bases, where the options speak of them.
fn services(settings: &Settings) -> String {
    match settings.args.kustomize_ports.as_slice() {
        [] => String::new(),
        ports => egress(&settings.args.kustomize_cidrs, &tcp(ports)),
    }
}

/// Whoever is told of events: the notification controller, whose pods listen there, or the port of another URL.
fn receiver(settings: &Settings, url: &str) -> String {
    let (host, port) = super::endpoint(url).unwrap_or_default();
    let service = format!("notification-controller.{}.", settings.namespace);
    match host == "notification-controller" || format!("{host}.").starts_with(&service) {
        true => to_pods("app: notification-controller", 9090),
        false => egress(&[], &tcp(&[port])),
    }
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
