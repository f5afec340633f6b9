//! The controllers inside.

mod common;

use common::{Client, JSON, MERGE, number, text};
use weir_doc::Node;

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";
const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn workload(name: &str, more: &str, annotations: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}"}},"spec":{{{more}"selector":{{"matchLabels":{{"app":"{name}"}}}},"template":{{"metadata":{{"labels":{{"app":"{name}"}},"annotations":{{{annotations}}}}},"spec":{{"containers":[{{"name":"c","image":"i:1"}}]}}}}}}}}"#
    )
}

fn condition<'a>(object: &'a Node, kind: &str) -> (&'a str, &'a str) {
    let conditions = object.path(&["status", "conditions"]).and_then(Node::as_seq);
    let found = conditions.into_iter().flatten().find(|condition| text(condition, "type") == kind);
    found.map_or(("", ""), |condition| (text(condition, "status"), text(condition, "reason")))
}

fn rolled_out(deployment: &Node) -> bool {
    number(deployment, "status.observedGeneration") == number(deployment, "metadata.generation")
        && number(deployment, "status.updatedReplicas") == number(deployment, "spec.replicas")
        && number(deployment, "status.replicas") == number(deployment, "spec.replicas")
        && number(deployment, "status.availableReplicas") == number(deployment, "spec.replicas")
        && condition(deployment, "Progressing") == ("True", "NewReplicaSetAvailable")
}

async fn items(client: &Client, path: &str) -> Vec<Node> {
    client.get(path).await.1.get("items").and_then(Node::as_seq).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_deployment_rolls_out_and_over() {
    let client = Client::new();
    client.must("POST", DEPLOYMENTS, JSON, &workload("web", r#""replicas":3,"#, "")).await;
    client.until(DEPLOYMENTS, |_, deployment| rolled_out(deployment)).await;
    let pods = items(&client, PODS).await;
    assert_eq!(pods.len(), 3);
    assert!(pods.iter().all(|pod| condition(pod, "Ready").0 == "True"));
    let path = format!("{DEPLOYMENTS}/web");
    client
        .must(
            "PATCH",
            &path,
            "application/strategic-merge-patch+json",
            r#"{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"i:2"}]}}}}"#,
        )
        .await;
    client
        .until(DEPLOYMENTS, |_, deployment| number(deployment, "metadata.generation") == 2 && rolled_out(deployment))
        .await;
    let pods = items(&client, PODS).await;
    assert_eq!(pods.len(), 3);
    assert!(pods.iter().all(|pod| {
        let containers = pod.path(&["spec", "containers"]).and_then(Node::as_seq).expect("containers");
        text(&containers[0], "image") == "i:2"
    }));
    assert_eq!(items(&client, SETS).await.len(), 2);
    client.delete(&path).await;
    let mut watch = client.watch(PODS).await;
    while !items(&client, PODS).await.is_empty() || !items(&client, SETS).await.is_empty() {
        watch.next().await.expect("an event");
    }
}

#[tokio::test]
async fn a_broken_rollout_keeps_the_old_pods() {
    let client = Client::new();
    client.must("POST", DEPLOYMENTS, JSON, &workload("web", "", "")).await;
    client.until(DEPLOYMENTS, |_, deployment| rolled_out(deployment)).await;
    let patch = r#"{"spec":{"template":{"metadata":{"annotations":{"sandbox.weir.dev/pod":"fail"}}}}}"#;
    client.must("PATCH", &format!("{DEPLOYMENTS}/web"), MERGE, patch).await;
    client
        .until(PODS, |_, pod| {
            let statuses = pod.path(&["status", "containerStatuses"]).and_then(Node::as_seq);
            statuses.into_iter().flatten().any(|status| text(status, "state.waiting.reason") == "ImagePullBackOff")
        })
        .await;
    let deployment = client.until(DEPLOYMENTS, |_, deployment| number(deployment, "status.replicas") == 2).await;
    assert_eq!(number(&deployment, "status.readyReplicas"), 1);
    assert_eq!(condition(&deployment, "Available").0, "True");
    assert_eq!(condition(&deployment, "Progressing"), ("True", "ReplicaSetUpdated"));
}

#[tokio::test]
async fn the_other_workloads_become_ready() {
    let client = Client::new();
    let path = |kind: &str| format!("/apis/apps/v1/namespaces/default/{kind}");
    client.must("POST", &path("statefulsets"), JSON, &workload("db", r#""replicas":2,"serviceName":"db","volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}],"#, "")).await;
    let set = client.until(&path("statefulsets"), |_, set| number(set, "status.readyReplicas") == 2).await;
    assert_eq!(text(&set, "status.currentRevision"), text(&set, "status.updateRevision"));
    let claims = items(&client, "/api/v1/namespaces/default/persistentvolumeclaims").await;
    assert_eq!(claims.iter().map(|claim| text(claim, "metadata.name")).collect::<Vec<_>>(), ["data-db-0", "data-db-1"]);
    client.must("POST", &path("daemonsets"), JSON, &workload("agent", "", "")).await;
    client.until(&path("daemonsets"), |_, set| number(set, "status.numberReady") == 1).await;
    let jobs = "/apis/batch/v1/namespaces/default/jobs";
    client.must("POST", jobs, JSON, r#"{"metadata":{"name":"j"},"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}}"#).await;
    let job = client.until(jobs, |_, job| condition(job, "Complete").0 == "True").await;
    assert_eq!(number(&job, "status.succeeded"), 1);
}

#[tokio::test]
async fn dependents_go_with_their_owner_as_asked() {
    let client = Client::new();
    for (policy, kept) in [("Background", false), ("Foreground", false), ("Orphan", true)] {
        let owner = client.must("POST", MAPS, JSON, r#"{"metadata":{"name":"owner"}}"#).await;
        let uid = text(&owner, "metadata.uid");
        let child = format!(
            r#"{{"metadata":{{"name":"child","ownerReferences":[{{"apiVersion":"v1","kind":"ConfigMap","name":"owner","uid":"{uid}","blockOwnerDeletion":true}}]}}}}"#
        );
        client.must("POST", MAPS, JSON, &child).await;
        client.must("DELETE", &format!("{MAPS}/owner?propagationPolicy={policy}"), JSON, "").await;
        client.gone(MAPS, "owner").await;
        if kept {
            let (code, child) = client.get(&format!("{MAPS}/child")).await;
            assert_eq!(code, 200);
            assert_eq!(child.path(&["metadata", "ownerReferences"]), None);
        } else {
            client.gone(MAPS, "child").await;
        }
    }
}

#[tokio::test]
async fn a_namespace_waits_for_its_content() {
    let client = Client::new();
    client.namespace("n").await;
    let maps = "/api/v1/namespaces/n/configmaps";
    client.until(maps, |_, map| text(map, "metadata.name") == "kube-root-ca.crt").await;
    client.must("POST", maps, JSON, r#"{"metadata":{"name":"held","finalizers":["x.y/z"]}}"#).await;
    let (code, namespace) = client.delete("/api/v1/namespaces/n").await;
    assert_eq!((code, text(&namespace, "status.phase")), (200, "Terminating"));
    let (code, error) = client.post(maps, r#"{"metadata":{"name":"late"}}"#).await;
    assert_eq!(code, 403);
    assert_eq!(
        text(&error, "message"),
        r#"configmaps "late" is forbidden: unable to create new content in namespace n because it is being terminated"#
    );
    client
        .until(maps, |_, map| {
            text(map, "metadata.name") == "held" && !text(map, "metadata.deletionTimestamp").is_empty()
        })
        .await;
    client.must("PATCH", &format!("{maps}/held"), MERGE, r#"{"metadata":{"finalizers":null}}"#).await;
    client.gone("/api/v1/namespaces", "n").await;
    assert_eq!(client.get(maps).await.1.get("items"), Some(&common::node("[]")));
}
