//! Custom resources.

mod common;

use common::{Client, JSON, MERGE, node, number, text};
use weir_doc::Node;

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/x.example.com/v1/namespaces/default/widgets";

fn definition() -> String {
    let schema = r#"{"type":"object","properties":{
        "spec":{"type":"object","required":["size"],"properties":{"size":{"type":"integer","minimum":1},"color":{"type":"string","default":"red","enum":["red","blue"]}}},
        "status":{"type":"object","default":{"observedGeneration":-1},"properties":{"observedGeneration":{"type":"integer"}}}}}"#;
    let version = |name: &str, storage: bool| {
        format!(
            r#"{{"name":"{name}","served":true,"storage":{storage},"subresources":{{"status":{{}}}},"schema":{{"openAPIV3Schema":{schema}}},"additionalPrinterColumns":[{{"name":"Color","type":"string","jsonPath":".spec.color"}}]}}"#
        )
    };
    format!(
        r#"{{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{{"name":"widgets.x.example.com"}},"spec":{{"group":"x.example.com","scope":"Namespaced","names":{{"kind":"Widget","plural":"widgets"}},"versions":[{},{}]}}}}"#,
        version("v1", true),
        version("v1beta1", false)
    )
}

#[tokio::test]
async fn custom_resources_are_validated_defaulted_and_pruned() {
    let client = Client::new();
    assert_eq!(client.get(WIDGETS).await.0, 404);
    let crd = client.must("POST", CRDS, JSON, &definition()).await;
    let established = crd.path(&["status", "conditions"]).and_then(Node::as_seq).is_some_and(|conditions| {
        conditions
            .iter()
            .any(|condition| text(condition, "type") == "Established" && text(condition, "status") == "True")
    });
    assert!(established);
    let widget = client
        .must(
            "POST",
            WIDGETS,
            JSON,
            r#"{"metadata":{"name":"a"},"spec":{"size":1,"extra":true},"status":{"observedGeneration":9}}"#,
        )
        .await;
    assert_eq!(widget.get("spec"), Some(&node(r#"{"size":1,"color":"red"}"#)));
    assert_eq!(number(&widget, "status.observedGeneration"), -1);
    let (code, error) = client.post(WIDGETS, r#"{"metadata":{"name":"b"},"spec":{"size":0,"color":"green"}}"#).await;
    assert_eq!(code, 422);
    assert_eq!(
        text(&error, "message"),
        r#"Widget.x.example.com "b" is invalid: [spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1, spec.color: Unsupported value: "green": supported values: "red", "blue"]"#
    );
    // The status has an endpoint of its own, and no part in the generation.
    let path = format!("{WIDGETS}/a");
    let changed = client
        .must("PATCH", &format!("{path}/status"), MERGE, r#"{"spec":{"size":7},"status":{"observedGeneration":1}}"#)
        .await;
    assert_eq!((number(&changed, "spec.size"), number(&changed, "status.observedGeneration")), (1, 1));
    assert_eq!(number(&changed, "metadata.generation"), 1);
    let changed = client.must("PATCH", &path, MERGE, r#"{"spec":{"size":7},"status":{"observedGeneration":5}}"#).await;
    assert_eq!((number(&changed, "metadata.generation"), number(&changed, "status.observedGeneration")), (2, 1));
    let other = client.get("/apis/x.example.com/v1beta1/namespaces/default/widgets/a").await.1;
    assert_eq!(text(&other, "apiVersion"), "x.example.com/v1beta1");
    let (code, error) = client.call("PATCH", &path, "application/strategic-merge-patch+json", "{}").await;
    assert_eq!((code, text(&error, "reason")), (415, "UnsupportedMediaType"));
}

#[tokio::test]
async fn a_table_has_the_printer_columns() {
    let client = Client::new();
    client.must("POST", CRDS, JSON, &definition()).await;
    client.must("POST", WIDGETS, JSON, r#"{"metadata":{"name":"a"},"spec":{"size":1}}"#).await;
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")];
    let response = client.send("GET", WIDGETS, &accept, "").await;
    let bytes = http_body_util::BodyExt::collect(response.into_body()).await.expect("a body").to_bytes();
    let table = weir_doc::from_json(&bytes).expect("JSON");
    let row = &table.get("rows").and_then(Node::as_seq).expect("rows")[0];
    assert_eq!(row.get("cells"), Some(&node(r#"["a","red"]"#)));
}

#[tokio::test]
async fn a_definition_takes_its_objects_with_it() {
    let client = Client::new();
    client.must("POST", CRDS, JSON, &definition()).await;
    client.must("POST", WIDGETS, JSON, r#"{"metadata":{"name":"a"},"spec":{"size":1}}"#).await;
    assert_eq!(client.get("/apis/x.example.com/v1").await.0, 200);
    let held = r#"{"metadata":{"name":"held","finalizers":["x.y/z"]},"spec":{"size":1}}"#;
    let held = client.must("POST", WIDGETS, JSON, held).await;
    let revision = text(&held, "metadata.resourceVersion").to_owned();
    let mut watch = client.watch(&format!("{WIDGETS}?resourceVersion={revision}")).await;
    client.delete(&format!("{CRDS}/widgets.x.example.com")).await;
    let (code, late) = client.post(WIDGETS, r#"{"metadata":{"name":"late"},"spec":{"size":1}}"#).await;
    assert_eq!(
        (code, text(&late, "message")),
        (
            403,
            r#"widgets.x.example.com "late" is forbidden: create not allowed while custom resource definition is terminating"#
        )
    );
    client.must("PATCH", &format!("{WIDGETS}/held"), MERGE, r#"{"metadata":{"finalizers":null}}"#).await;
    client.gone(CRDS, "widgets.x.example.com").await;
    // A watch shows what became of every object before it ends.
    let mut shown = Vec::new();
    while let Some((kind, widget)) = watch.next().await {
        shown.push(format!("{kind} {}", text(&widget, "metadata.name")));
    }
    shown.retain(|event| event.starts_with("DELETED"));
    shown.sort();
    assert_eq!(shown, ["DELETED a", "DELETED held"]);
    assert_eq!(client.get(WIDGETS).await.0, 404);
    assert_eq!(client.get("/apis/x.example.com/v1").await.0, 404);
    client.must("POST", CRDS, JSON, &definition()).await;
    assert_eq!(client.get(WIDGETS).await.1.get("items"), Some(&node("[]")));
}
