//! Server-side apply over the API.

mod common;

use common::{Client, MERGE, number, text};
use weir_doc::Node;

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/web";

fn deployment(replicas: i64, image: &str) -> String {
    format!(
        r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"web"}},"spec":{{"replicas":{replicas},"selector":{{"matchLabels":{{"a":"b"}}}},"template":{{"metadata":{{"labels":{{"a":"b"}}}},"spec":{{"containers":[{{"name":"c","image":"{image}","ports":[{{"containerPort":80}}]}}]}}}}}}}}"#
    )
}

fn without_workloads() -> Client {
    Client::open(weir_sandbox::Options { workloads: false, ..Default::default() })
}

#[tokio::test]
async fn applying_the_same_again_changes_nothing() {
    let client = without_workloads();
    let (code, first) = client.apply(DEPLOYMENT, "m", &deployment(2, "i:1")).await;
    assert_eq!(code, 201);
    assert_eq!(text(&first, "spec.strategy.type"), "RollingUpdate");
    let (code, second) = client.apply(DEPLOYMENT, "m", &deployment(2, "i:1")).await;
    assert_eq!(code, 200);
    assert_eq!(second, first);
    let (_, third) = client.apply(DEPLOYMENT, "m", &deployment(3, "i:1")).await;
    assert_eq!(number(&third, "metadata.generation"), 2);
}

#[tokio::test]
async fn conflicts_name_the_owner_and_can_be_forced() {
    let client = without_workloads();
    client.apply(DEPLOYMENT, "m", &deployment(2, "i:1")).await;
    client.must("PATCH", &format!("{DEPLOYMENT}?fieldManager=kubectl-edit"), MERGE, r#"{"spec":{"replicas":5}}"#).await;
    let (code, error) = client.apply(DEPLOYMENT, "m", &deployment(2, "i:1")).await;
    assert_eq!(code, 409);
    assert_eq!(
        text(&error, "message"),
        r#"Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas"#
    );
    let cause = &error.path(&["details", "causes"]).and_then(Node::as_seq).expect("causes")[0];
    assert_eq!((text(cause, "reason"), text(cause, "field")), ("FieldManagerConflict", ".spec.replicas"));
    let (code, forced) = client
        .call("PATCH", &format!("{DEPLOYMENT}?fieldManager=m&force=true"), common::APPLY, &deployment(2, "i:1"))
        .await;
    assert_eq!((code, number(&forced, "spec.replicas")), (200, 2));
}

#[tokio::test]
async fn unknown_fields_and_missing_managers_are_refused() {
    let client = Client::new();
    let path = "/api/v1/namespaces/default/configmaps/c";
    let (code, error) =
        client.apply(path, "m", r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"dat":{}}"#).await;
    assert_eq!(code, 500);
    assert_eq!(
        text(&error, "message"),
        "failed to create typed patch object (default/c; /v1, Kind=ConfigMap): .dat: field not declared in schema"
    );
    let (code, error) = client.call("PATCH", path, common::APPLY, "apiVersion: v1\nkind: ConfigMap\n").await;
    assert_eq!(code, 422);
    assert_eq!(
        text(&error, "message"),
        r#"PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch"#
    );
}

#[tokio::test]
async fn yaml_is_applied_and_fields_that_are_left_out_go() {
    let client = Client::new();
    let path = "/api/v1/namespaces/default/configmaps/c";
    let head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n";
    client.apply(path, "m", &format!("{head}data:\n  a: '1'\n  b: '2'\n")).await;
    client.apply(path, "n", &format!("{head}data:\n  b: '2'\n")).await;
    let (code, left) = client.apply(path, "m", head).await;
    assert_eq!(code, 200);
    assert_eq!(left.get("data"), Some(&common::node(r#"{"b":"2"}"#)));
}
