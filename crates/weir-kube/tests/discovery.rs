//! Definitions come, change and go while a session lives.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails where it stands")]

mod bench;

use bench::Bench;
use serde_json::json;
use weir_doc::{Node, from_value};
use weir_kube::{ApplyOptions, HubLimits, KubeError};
use weir_object::{ObjectId, ObjectRef};
use weir_testkit::eventually;

fn definition(plural: &str, scope: &str) -> serde_json::Value {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.example.com")},
        "spec": {"group": "example.com", "scope": scope, "names": {"kind": "Widget", "plural": plural},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}})
}

fn object(kind: &str, group: &str, namespace: &str, name: &str) -> ObjectRef {
    let id = ObjectId { group: group.into(), kind: kind.into(), namespace: namespace.into(), name: name.into() };
    ObjectRef { id, version: "v1".to_owned() }
}

fn widget(namespace: &str) -> (ObjectRef, Node) {
    let mut node = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}});
    if !namespace.is_empty() {
        node["metadata"]["namespace"] = namespace.into();
    }
    (object("Widget", "example.com", namespace, "w"), from_value(&node))
}

async fn define(bench: &Bench, plural: &str, scope: &str) {
    bench.apply(&definition(plural, scope)).await;
}

async fn undefine(bench: &Bench, plural: &str) {
    let name = format!("{plural}.example.com");
    let definition = object("CustomResourceDefinition", "apiextensions.k8s.io", "", &name);
    bench.delete(&definition).await;
    loop {
        if bench.session.get(&definition).await.unwrap().is_none() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_follows_the_definitions() {
    let bench = Bench::start(HubLimits::default()).await;
    let options = ApplyOptions { manager: "test", force: true, dry_run: false };
    let (reference, node) = widget("default");
    let unknown = bench.session.get(&reference).await.unwrap_err();
    assert!(matches!(unknown, KubeError::UnknownKind { .. }), "{unknown:?}");

    define(&bench, "widgets", "Namespaced").await;
    let applied = async || bench.session.apply(&node, options).await;
    retry(applied).await;
    assert!(bench.session.get(&reference).await.unwrap().is_some());

    undefine(&bench, "widgets").await;
    let gone = bench.session.get(&reference).await.expect_err("a kind that is gone is no missing object");
    assert!(matches!(gone, KubeError::UnknownKind { .. }), "{gone:?}");

    // The same kind under another path.
    define(&bench, "gadgets", "Namespaced").await;
    retry(async || bench.session.apply(&node, options).await).await;
    let known = bench.session.resource(&reference).await.unwrap();
    assert_eq!((known.plural.as_str(), known.namespaced), ("gadgets", true));

    // And in another scope, after it was resolved as it was.
    undefine(&bench, "gadgets").await;
    define(&bench, "gizmos", "Cluster").await;
    let (reference, node) = widget("");
    retry(async || bench.session.apply(&node, options).await).await;
    assert!(bench.session.get(&reference).await.unwrap().is_some());
    let known = bench.session.resource(&reference).await.unwrap();
    assert_eq!((known.plural.as_str(), known.namespaced), ("gizmos", false));
}

/// Discovery is asked at most five times a second, so that the first answer may be that of before.
async fn retry(apply: impl AsyncFn() -> Result<Node, KubeError>) {
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        eventually("the definition is served", || handle.block_on(apply()).map(drop));
    });
}
