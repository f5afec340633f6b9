//! Objects: reading, writing, refusing.

mod common;

use common::{Client, JSON, MERGE, node, number, text};
use weir_doc::Node;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn an_object_lives() {
    let client = Client::new();
    let (code, created) = client.post(MAPS, r#"{"metadata":{"name":"a"},"data":{"k":"v"}}"#).await;
    assert_eq!(code, 201);
    assert_eq!(text(&created, "kind"), "ConfigMap");
    assert!(!text(&created, "metadata.uid").is_empty());
    let (code, error) = client.post(MAPS, r#"{"metadata":{"name":"a"}}"#).await;
    assert_eq!((code, text(&error, "reason")), (409, "AlreadyExists"));
    assert_eq!(text(&error, "message"), r#"configmaps "a" already exists"#);
    // A write that changes nothing is none.
    let path = format!("{MAPS}/a");
    let same = client.must("PATCH", &path, MERGE, r#"{"data":{"k":"v"}}"#).await;
    assert_eq!(text(&same, "metadata.resourceVersion"), text(&created, "metadata.resourceVersion"));
    let changed = client.must("PATCH", &path, MERGE, r#"{"data":{"k":"w"}}"#).await;
    assert_ne!(text(&changed, "metadata.resourceVersion"), text(&created, "metadata.resourceVersion"));
    // The first version is too old to be replaced.
    let old = String::from_utf8(weir_doc::to_json(&created)).expect("JSON");
    let (code, error) = client.call("PUT", &path, JSON, &old).await;
    assert_eq!(code, 409);
    assert_eq!(
        text(&error, "message"),
        r#"Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again"#
    );
    let (code, status) = client.delete(&path).await;
    assert_eq!((code, text(&status, "status")), (200, "Success"));
    let (code, error) = client.get(&path).await;
    assert_eq!((code, text(&error, "message")), (404, r#"configmaps "a" not found"#));
}

#[tokio::test]
async fn refusals_speak_as_the_original() {
    let client = Client::new();
    let cases = [
        ("/api/v1/namespaces/nope/configmaps", r#"{"metadata":{"name":"a"}}"#, 404, r#"namespaces "nope" not found"#),
        (
            MAPS,
            r#"{"metadata":{"name":"a"},"data":{"k":1}}"#,
            400,
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        (
            MAPS,
            r#"{"metadata":{"name":"a","namespace":"other"}}"#,
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            "/api/v1/namespaces/default/configmaps?fieldValidation=Strict",
            r#"{"metadata":{"name":"a"},"foo":1}"#,
            400,
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"foo\"",
        ),
        (
            "/apis/apps/v1/namespaces/default/deployments",
            r#"{"metadata":{"name":"a"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c"}]}}}}"#,
            422,
            r#"Deployment.apps "a" is invalid: spec.template.spec.containers[0].image: Required value"#,
        ),
        ("/api/v1/nope", "{}", 404, "the server could not find the requested resource"),
    ];
    for (path, body, code, message) in cases {
        let (got, error) = client.post(path, body).await;
        assert_eq!((got, text(&error, "message")), (code, message), "{path} {body}");
        assert_eq!(number(&error, "code"), i64::from(code));
    }
}

#[tokio::test]
async fn what_cannot_change_does_not() {
    let client = Client::new();
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    client.must("POST", deployments, JSON, r#"{"metadata":{"name":"d"},"spec":{"replicas":0,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b","c":"d"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}"#).await;
    let (code, error) = client
        .call("PATCH", &format!("{deployments}/d"), MERGE, r#"{"spec":{"selector":{"matchLabels":{"c":"d"}}}}"#)
        .await;
    assert_eq!(code, 422);
    assert_eq!(
        text(&error, "message"),
        r#"Deployment.apps "d" is invalid: spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable"#
    );
    client.must("POST", MAPS, JSON, r#"{"metadata":{"name":"i"},"immutable":true,"data":{"a":"b"}}"#).await;
    let (code, error) = client.call("PATCH", &format!("{MAPS}/i"), MERGE, r#"{"data":{"a":"c"}}"#).await;
    assert_eq!(
        (code, text(&error, "message")),
        (422, "ConfigMap \"i\" is invalid: data: Forbidden: field is immutable when `immutable` is set")
    );
}

#[tokio::test]
async fn generation_counts_changes_of_the_spec_only() {
    let client = Client::new();
    let path = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies";
    client.must("POST", path, JSON, r#"{"metadata":{"name":"n"},"spec":{"podSelector":{}}}"#).await;
    let path = format!("{path}/n");
    let labelled = client.must("PATCH", &path, MERGE, r#"{"metadata":{"labels":{"a":"b"}}}"#).await;
    assert_eq!(number(&labelled, "metadata.generation"), 1);
    let changed = client.must("PATCH", &path, MERGE, r#"{"spec":{"podSelector":{"matchLabels":{"a":"b"}}}}"#).await;
    assert_eq!(number(&changed, "metadata.generation"), 2);
}

#[tokio::test]
async fn lists_are_paged_selected_and_sorted() {
    let client = Client::new();
    client.namespace("many").await;
    let path = "/api/v1/namespaces/many/configmaps";
    for name in ["c", "a", "b"] {
        let parity = if name == "b" { "odd" } else { "even" };
        client
            .must("POST", path, JSON, &format!(r#"{{"metadata":{{"name":"{name}","labels":{{"p":"{parity}"}}}}}}"#))
            .await;
    }
    let names = |list: &Node| -> Vec<String> {
        let items = list.get("items").and_then(Node::as_seq).cloned().unwrap_or_default();
        items
            .iter()
            .map(|item| text(item, "metadata.name").to_owned())
            .filter(|name| name != "kube-root-ca.crt")
            .collect()
    };
    assert_eq!(names(&client.get(path).await.1), ["a", "b", "c"]);
    assert_eq!(names(&client.get(&format!("{path}?labelSelector=p%3Deven")).await.1), ["a", "c"]);
    assert_eq!(names(&client.get(&format!("{path}?fieldSelector=metadata.name%3Db")).await.1), ["b"]);
    let first = client.get(&format!("{path}?limit=2")).await.1;
    assert_eq!(names(&first), ["a", "b"]);
    let token = text(&first, "metadata.continue").to_owned();
    assert_eq!(names(&client.get(&format!("{path}?limit=2&continue={token}")).await.1), ["c"]);
    let partial = client
        .send("GET", path, &[("accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")], "")
        .await;
    assert_eq!(partial.status(), 200);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let client = Client::new();
    client.must("POST", &format!("{MAPS}?dryRun=All"), JSON, r#"{"metadata":{"name":"dry"}}"#).await;
    assert_eq!(client.get(&format!("{MAPS}/dry")).await.0, 404);
}

#[tokio::test]
async fn services_get_addresses_that_stay() {
    let client = Client::new();
    let path = "/api/v1/namespaces/default/services";
    let body = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"s"},"spec":{"ports":[{"port":80}]}}"#;
    let service = client.must("POST", path, JSON, body).await;
    let ip = text(&service, "spec.clusterIP").to_owned();
    assert!(ip.starts_with("10.96."), "{ip}");
    let replaced = client.must("PUT", &format!("{path}/s"), JSON, body).await;
    assert_eq!(text(&replaced, "spec.clusterIP"), ip);
    assert_eq!(replaced.path(&["spec", "ports"]), Some(&node(r#"[{"port":80,"protocol":"TCP","targetPort":80}]"#)));
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let client = Client::new();
    let body = format!(r#"{{"metadata":{{"name":"big"}},"data":{{"k":"{}"}}}}"#, "x".repeat(4 << 20));
    let (code, error) = client.post(MAPS, &body).await;
    assert_eq!((code, text(&error, "reason")), (413, "RequestEntityTooLarge"));
}

#[tokio::test]
async fn events_are_one_store_with_two_views() {
    let client = Client::new();
    let new = "/apis/events.k8s.io/v1/namespaces/default/events";
    let event = r#"{"metadata":{"name":"e"},"regarding":{"kind":"Pod","name":"p","namespace":"default"},"note":"hello","reason":"R","type":"Normal","action":"A","reportingController":"c","reportingInstance":"i","eventTime":"2026-01-01T00:00:00.000000Z"}"#;
    let created = client.must("POST", new, JSON, event).await;
    assert_eq!(text(&created, "note"), "hello");
    let core = client.get("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp").await.1;
    let found = &core.get("items").and_then(Node::as_seq).expect("a list")[0];
    assert_eq!((text(found, "apiVersion"), text(found, "message")), ("v1", "hello"));
    let selected = client.get(&format!("{new}?fieldSelector=regarding.name%3Dp")).await.1;
    assert_eq!(text(&selected.get("items").and_then(Node::as_seq).expect("a list")[0], "regarding.name"), "p");
    let patched = client.must("PATCH", &format!("{new}/e"), MERGE, r#"{"note":"bye"}"#).await;
    assert_eq!(text(&patched, "note"), "bye");
    assert_eq!(text(&client.get("/api/v1/namespaces/default/events/e").await.1, "message"), "bye");
}
