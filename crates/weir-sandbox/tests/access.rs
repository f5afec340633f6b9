//! Who may do what.

mod common;

use common::{Client, JSON, text};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

async fn tenant(client: &Client) {
    client.namespace("team-a").await;
    client.namespace("b").await;
    client.must("POST", "/api/v1/namespaces/team-a/serviceaccounts", JSON, r#"{"metadata":{"name":"deployer"}}"#).await;
    let binding = r#"{"metadata":{"name":"deployer"},"roleRef":{"kind":"ClusterRole","name":"admin"},"subjects":[{"kind":"ServiceAccount","name":"deployer"}]}"#;
    client.must("POST", &format!("{RBAC}/namespaces/team-a/rolebindings"), JSON, binding).await;
    // The admin role is the sum of others: wait until it is summed up.
    client
        .until(&format!("{RBAC}/clusterroles?fieldSelector=metadata.name%3Dadmin"), |_, role| {
            role.get("rules").and_then(weir_doc::Node::as_seq).is_some_and(|rules| rules.len() > 5)
        })
        .await;
}

#[tokio::test]
async fn a_tenant_stays_in_its_namespace() {
    let client = Client::new();
    tenant(&client).await;
    let deployer = client.as_user("system:serviceaccount:team-a:deployer");
    deployer.must("POST", "/api/v1/namespaces/team-a/configmaps", JSON, r#"{"metadata":{"name":"a"}}"#).await;
    let who = r#"User "system:serviceaccount:team-a:deployer" cannot"#;
    let (code, error) = deployer.post("/apis/apps/v1/namespaces/b/deployments", "{}").await;
    assert_eq!(code, 403);
    assert_eq!(
        text(&error, "message"),
        format!(
            r#"deployments.apps is forbidden: {who} create resource "deployments" in API group "apps" in the namespace "b""#
        )
    );
    let (_, error) = deployer.get("/apis/apps/v1/namespaces/b/deployments/x").await;
    assert_eq!(
        text(&error, "message"),
        format!(
            r#"deployments.apps "x" is forbidden: {who} get resource "deployments" in API group "apps" in the namespace "b""#
        )
    );
    let (_, error) = deployer.get("/api/v1/nodes").await;
    assert_eq!(
        text(&error, "message"),
        format!(r#"nodes is forbidden: {who} list resource "nodes" in API group "" at the cluster scope"#)
    );
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_have() {
    let client = Client::new();
    tenant(&client).await;
    let deployer = client.as_user("system:serviceaccount:team-a:deployer");
    let roles = format!("{RBAC}/namespaces/team-a/roles");
    deployer
        .must(
            "POST",
            &roles,
            JSON,
            r#"{"metadata":{"name":"fine"},"rules":[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}]}"#,
        )
        .await;
    let (code, error) = deployer
        .post(
            &roles,
            r#"{"metadata":{"name":"x"},"rules":[{"apiGroups":[""],"resources":["nodes"],"verbs":["get","list"]}]}"#,
        )
        .await;
    assert_eq!(code, 403);
    let message = text(&error, "message");
    assert!(message.contains("is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"nodes\"], Verbs:[\"get\" \"list\"]}"), "{message}");
    // Impersonation is a right, too.
    let headers = [("impersonate-user", "somebody")];
    let token = client.must("POST", "/api/v1/namespaces/team-a/serviceaccounts/deployer/token", JSON, "{}").await;
    let bearer = format!("Bearer {}", text(&token, "status.token"));
    let response = client.send("GET", "/api/v1/namespaces", &[("authorization", &bearer), headers[0]], "").await;
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn tokens_speak_for_their_accounts_while_these_exist() {
    let client = Client::new();
    tenant(&client).await;
    let account = "/api/v1/namespaces/team-a/serviceaccounts/deployer";
    let token = client.must("POST", &format!("{account}/token"), JSON, r#"{"spec":{"expirationSeconds":600}}"#).await;
    let token = text(&token, "status.token").to_owned();
    let review = format!(r#"{{"spec":{{"token":"{token}"}}}}"#);
    let reviewed = client.must("POST", "/apis/authentication.k8s.io/v1/tokenreviews", JSON, &review).await;
    assert_eq!(text(&reviewed, "status.user.username"), "system:serviceaccount:team-a:deployer");
    let bearer = format!("Bearer {token}");
    let maps = "/api/v1/namespaces/team-a/configmaps";
    assert_eq!(client.send("GET", maps, &[("authorization", &bearer)], "").await.status(), 200);
    client.delete(account).await;
    assert_eq!(client.send("GET", maps, &[("authorization", &bearer)], "").await.status(), 401);
}

#[tokio::test]
async fn reviews_answer() {
    let client = Client::new();
    tenant(&client).await;
    let deployer = client.as_user("system:serviceaccount:team-a:deployer");
    for (namespace, allowed) in [("team-a", true), ("b", false)] {
        let review = format!(
            r#"{{"spec":{{"resourceAttributes":{{"namespace":"{namespace}","verb":"create","group":"apps","resource":"deployments"}}}}}}"#
        );
        let answer =
            deployer.must("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", JSON, &review).await;
        assert_eq!(answer.path(&["status", "allowed"]).and_then(weir_doc::Node::as_bool), Some(allowed));
    }
}
