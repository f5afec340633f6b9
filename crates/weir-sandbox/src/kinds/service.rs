//! Services: addresses and ports.

use super::defaults::{each, set};
use crate::cluster::State;
use crate::status::{ApiError, Cause};
use weir_doc::Node;

/// Cluster IPs are 10.96.0.0/16; node ports the original's default range.
const FIRST_IP: u16 = 10;
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;

/// The host part of a service's cluster IP.
pub(crate) fn cluster_ip(node: &Node) -> Option<u16> {
    host_part(node.path(&["spec", "clusterIP"])?.as_str()?)
}

fn host_part(ip: &str) -> Option<u16> {
    let address: std::net::Ipv4Addr = ip.parse().ok()?;
    let [a, b, high, low] = address.octets();
    ((a, b) == (10, 96)).then(|| u16::from_be_bytes([high, low]))
}

pub(crate) fn node_ports(node: &Node) -> Vec<u16> {
    let ports = node.path(&["spec", "ports"]).and_then(Node::as_seq).into_iter().flatten();
    ports.filter_map(|port| u16::try_from(port.get("nodePort")?.as_i64()?).ok()).filter(|port| *port > 0).collect()
}

fn kind(node: &Node) -> String {
    node.path(&["spec", "type"]).and_then(Node::as_str).unwrap_or("ClusterIP").to_owned()
}

pub(super) fn default(node: &mut Node) {
    let spec = node.ensure_map(&["spec"]);
    set(spec, "type", "ClusterIP");
    set(spec, "sessionAffinity", "None");
    if spec.get("sessionAffinity").and_then(Node::as_str) == Some("ClientIP") {
        let config = spec.entry_or_null("sessionAffinityConfig").ensure_map(&["clientIP"]);
        set(config, "timeoutSeconds", 10_800);
    }
    let kind = spec.get("type").and_then(Node::as_str).unwrap_or_default().to_owned();
    if kind != "ExternalName" {
        set(spec, "internalTrafficPolicy", "Cluster");
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        set(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        set(spec, "allocateLoadBalancerNodePorts", true);
    }
    for port in each(spec.get_mut("ports")) {
        let map = port.ensure_map(&[]);
        set(map, "protocol", "TCP");
        let number = map.get("port").cloned().unwrap_or_default();
        let unset =
            map.get("targetPort").is_none_or(|target| target.as_i64() == Some(0) || target.as_str() == Some(""));
        if unset {
            map.insert("targetPort", number);
        }
    }
}

pub(super) fn prepare_create(state: &State, node: &mut Node) -> Result<(), ApiError> {
    if kind(node) == "ExternalName" {
        return Ok(());
    }
    allocate(state, node, None)
}

pub(super) fn prepare_update(state: &State, old: &Node, new: &mut Node) -> Result<(), ApiError> {
    if kind(new) == "ExternalName" {
        if kind(old) != "ExternalName" {
            let spec = new.ensure_map(&["spec"]);
            ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"].iter().for_each(|key| drop(spec.remove(key)));
        }
        return Ok(());
    }
    // Clients that do not know the allocated fields leave them out; they stay.
    if kind(old) != "ExternalName" {
        for key in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"] {
            let missing = new.path(&["spec", key]).is_none_or(|value| value.as_str() == Some(""));
            if let (true, Some(value)) = (missing, old.path(&["spec", key])) {
                new.ensure_map(&["spec"]).insert(key, value.clone());
            }
        }
    }
    allocate(state, new, Some(old))
}

fn allocate(state: &State, node: &mut Node, old: Option<&Node>) -> Result<(), ApiError> {
    let name = node.path(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default().to_owned();
    let kind = kind(node);
    let own_ip = old.and_then(cluster_ip);
    let spec = node.ensure_map(&["spec"]);
    let wanted = spec.get("clusterIP").and_then(Node::as_str).unwrap_or_default().to_owned();
    let ip = match wanted.as_str() {
        "" => {
            let free = (FIRST_IP..u16::MAX).find(|ip| !state.service_ips.contains(ip));
            let free = free.ok_or_else(|| ApiError::internal("failed to allocate a serviceIP: range is full"))?;
            let [high, low] = free.to_be_bytes();
            format!("10.96.{high}.{low}")
        }
        "None" => wanted,
        given => {
            let value = Node::string(given);
            let part = host_part(given);
            if part.is_none() && old.is_none() {
                let why = "failed to allocate IP: the provided network does not match the current range";
                return Err(invalid(
                    &name,
                    Cause::invalid("spec.clusterIPs", &Node::from(vec![value]), format!("{why}: {given}")),
                ));
            }
            if part.is_some_and(|part| Some(part) != own_ip && state.service_ips.contains(&part)) {
                let why = format!("failed to allocate IP {given}: provided IP is already allocated");
                return Err(invalid(&name, Cause::invalid("spec.clusterIPs", &Node::from(vec![value]), why)));
            }
            wanted
        }
    };
    spec.insert("clusterIP", ip.as_str());
    set(spec, "clusterIPs", vec![Node::string(ip)]);
    set(spec, "ipFamilies", vec![Node::string("IPv4")]);
    set(spec, "ipFamilyPolicy", "SingleStack");
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        let own = old.map(node_ports).unwrap_or_default();
        let mut taken = state.node_ports.clone();
        let old_ports =
            old.and_then(|old| old.path(&["spec", "ports"])).and_then(Node::as_seq).cloned().unwrap_or_default();
        for port in each(spec.get_mut("ports")) {
            let number = port.get("nodePort").and_then(Node::as_i64).and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
            let same = old_ports
                .iter()
                .find(|old| old.get("port") == port.get("port") && old.get("protocol") == port.get("protocol"));
            let kept = same.and_then(|old| old.get("nodePort")).and_then(Node::as_i64);
            let number = match (number, kept.and_then(|n| u16::try_from(n).ok())) {
                (0, Some(kept)) if kept > 0 => kept,
                (0, _) => NODE_PORTS
                    .clone()
                    .find(|port| !taken.contains(port))
                    .ok_or_else(|| ApiError::internal("failed to allocate a nodePort: range is full"))?,
                (given, _) if taken.contains(&given) && !own.contains(&given) => {
                    let cause = Cause::invalid(
                        "spec.ports[0].nodePort",
                        &Node::from(i64::from(given)),
                        "provided port is already allocated",
                    );
                    return Err(invalid(&name, cause));
                }
                (given, _) => given,
            };
            taken.insert(number);
            port.set("nodePort", i64::from(number));
        }
    }
    Ok(())
}

fn invalid(name: &str, cause: Cause) -> ApiError {
    ApiError::invalid("", "Service", name, vec![cause])
}
