//! Watches.

mod common;

use common::{Client, JSON, MERGE, text};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn a_watch_goes_on_from_a_list() {
    let client = Client::new();
    let list = client.get(MAPS).await.1;
    let revision = text(&list, "metadata.resourceVersion").to_owned();
    client.must("POST", MAPS, JSON, r#"{"metadata":{"name":"a","labels":{"x":"y"}}}"#).await;
    let mut all = client.watch(&format!("{MAPS}?resourceVersion={revision}")).await;
    let mut some = client.watch(&format!("{MAPS}?resourceVersion={revision}&labelSelector=x%3Dy")).await;
    client.must("PATCH", &format!("{MAPS}/a"), MERGE, r#"{"metadata":{"labels":{"x":"z"}}}"#).await;
    client.delete(&format!("{MAPS}/a")).await;
    for kind in ["ADDED", "MODIFIED", "DELETED"] {
        assert_eq!(all.next().await.expect("an event").0, kind);
    }
    // The selection loses the object when its label changes.
    for kind in ["ADDED", "DELETED"] {
        assert_eq!(some.next().await.expect("an event").0, kind);
    }
}

#[tokio::test]
async fn a_streaming_list_ends_its_beginning_with_a_bookmark() {
    let client = Client::new();
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = client.watch(&format!("/api/v1/namespaces?{query}")).await;
    for _ in 0..4 {
        assert_eq!(watch.next().await.expect("an event").0, "ADDED");
    }
    let (kind, bookmark) = watch.next().await.expect("an event");
    assert_eq!(kind, "BOOKMARK");
    let annotations = bookmark.path(&["metadata", "annotations", "k8s.io/initial-events-end"]);
    assert_eq!(annotations.and_then(weir_doc::Node::as_str), Some("true"));
}

#[tokio::test]
async fn a_watch_that_is_too_far_behind_is_told_so() {
    let client = Client::new();
    let created = client.must("POST", MAPS, JSON, r#"{"metadata":{"name":"a"}}"#).await;
    let revision = text(&created, "metadata.resourceVersion").to_owned();
    for n in 0..10_001 {
        client.must("PATCH", &format!("{MAPS}/a"), MERGE, &format!(r#"{{"data":{{"n":"{n}"}}}}"#)).await;
    }
    let mut watch = client.watch(&format!("{MAPS}?resourceVersion={revision}")).await;
    let (kind, error) = watch.next().await.expect("an event");
    assert_eq!((kind.as_str(), text(&error, "reason")), ("ERROR", "Expired"));
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn watches_are_bounded() {
    let client = Client::open(weir_sandbox::Options { max_watches: 1, ..Default::default() });
    let first = client.watch(MAPS).await;
    let (code, _) = client.get(&format!("{MAPS}?watch=1")).await;
    assert_eq!(code, 429);
    drop(first);
    client.watch(MAPS).await;
}
