//! ClusterRoles that are the sum of others.

use super::writer;
use crate::cluster::Cluster;
use crate::request::selector::label_selector_matches;
use crate::store::Ref;
use weir_doc::Node;

const KEY: &str = "clusterroles.rbac.authorization.k8s.io";

/// Recomputes every aggregated role anew.
pub(super) fn aggregate(cluster: &Cluster) {
    let mut state = cluster.lock();
    let mut results: Vec<(Ref, Vec<Node>)> = Vec::new();
    for ((_, name), role) in state.store.list(KEY, "", None) {
        let Some(selectors) = role.node.path(&["aggregationRule", "clusterRoleSelectors"]).and_then(Node::as_seq)
        else {
            continue;
        };
        let mut rules: Vec<Node> = Vec::new();
        for selector in selectors {
            for (_, other) in state.store.list(KEY, "", None).filter(|((_, other), _)| other != name) {
                if !label_selector_matches(selector, other.node.path(&["metadata", "labels"])) {
                    continue;
                }
                for rule in other.node.get("rules").and_then(Node::as_seq).into_iter().flatten() {
                    if !rules.contains(rule) {
                        rules.push(rule.clone());
                    }
                }
            }
        }
        if role.node.get("rules").and_then(Node::as_seq).map_or(&[][..], |rules| rules) != rules {
            results.push((Ref { resource: KEY.into(), namespace: String::new(), name: name.clone() }, rules));
        }
    }
    for (at, rules) in results {
        writer::update(&mut state, &at, "", |node| node.set("rules", rules));
    }
}
