use crate::common::{Cluster, PLAIN, account, failed};
use weir_cloud::{CacheOptions, Cloud, CloudError, Endpoints, Env, Identity, KeyRequest, Keys, StaticKeys};
use weir_testkit::cloud::Gcp;

const KEY: &str = "projects/p/locations/global/keyRings/sops/cryptoKeys/sops-key";
const EMAIL: &str = "sops@proj.iam.gserviceaccount.com";
const PROVIDER: &str = "projects/42/locations/global/workloadIdentityPools/pool/providers/cluster";
const SUBJECT: &str = "system:serviceaccount:apps:deploy";

fn cloud(gcp: &Gcp, env: &[(&str, &str)]) -> Cloud {
    let url = Some(gcp.server.url.clone());
    let endpoints = Endpoints {
        gcp_token: url.clone(),
        gcp_sts: url.clone(),
        gcp_iam: url.clone(),
        gcp_kms: url,
        ..Endpoints::default()
    };
    Cloud::at(CacheOptions::default(), env.iter().copied().collect::<Env>(), endpoints).unwrap()
}

async fn decrypt(
    gcp: &Gcp,
    cloud: &Cloud,
    statics: &StaticKeys,
    who: &Identity,
    cluster: &Cluster,
) -> Result<Vec<u8>, CloudError> {
    let enc = gcp.encrypt(KEY, PLAIN);
    let request = KeyRequest::Gcp { resource: KEY, enc: &enc };
    Keys::new(cloud, statics, who, cluster, None).decrypt(request).await.map(|plain| plain.to_vec())
}

/// A metadata server's `HOST:PORT`.
fn host(url: &str) -> &str {
    url.trim_start_matches("http://")
}

#[tokio::test]
async fn a_service_account_s_key_goes_before_every_identity() {
    let cluster = Cluster::annotated(&[("gcp.auth.fluxcd.io/workload-identity-provider", PROVIDER)]);
    let gcp = Gcp::start(&cluster.issuer);
    let file = gcp.key_file(EMAIL);
    let mut statics = StaticKeys::default();
    assert!(statics.add("sops.gcp-kms", format!("\n{file}\n").as_bytes()).unwrap());
    let cloud = cloud(&gcp, &[]);
    let shown = failed(decrypt(&gcp, &cloud, &statics, &account(), &cluster).await, &["ya29", "PRIVATE"]);
    assert!(
        shown.contains("403 PERMISSION_DENIED")
            && shown.contains("roles/cloudkms.cryptoKeyDecrypter")
            && shown.contains(KEY),
        "{shown}"
    );
    gcp.grant(EMAIL, KEY);
    for _ in 0..3 {
        assert_eq!(decrypt(&gcp, &cloud, &statics, &account(), &cluster).await.unwrap(), PLAIN);
    }
    let count = |gcp: &Gcp| gcp.server.seen().iter().filter(|asked| asked.path() == "/token").count();
    assert_eq!((count(&gcp), cluster.asked().len()), (1, 0));
    gcp.expire_all();
    assert_eq!(decrypt(&gcp, &cloud, &statics, &account(), &cluster).await.unwrap(), PLAIN);
    assert_eq!(count(&gcp), 2);
}

#[tokio::test]
async fn a_key_that_was_deleted_is_told_without_its_assertion() {
    let cluster = Cluster::default();
    let gcp = Gcp::start(&cluster.issuer);
    let other = Gcp::start(&cluster.issuer);
    let mut statics = StaticKeys::default();
    statics.add("sops.gcp-kms", other.key_file(EMAIL).as_bytes()).unwrap();
    let shown = failed(decrypt(&gcp, &cloud(&gcp, &[]), &statics, &Identity::Controller, &cluster).await, &["eyJ"]);
    assert!(shown.contains("invalid_grant: Invalid JWT Signature.") && shown.contains(EMAIL), "{shown}");
}

#[tokio::test]
async fn an_account_is_federated_and_may_become_a_service_account() {
    let direct = Cluster::annotated(&[("gcp.auth.fluxcd.io/workload-identity-provider", PROVIDER)]);
    let gcp = Gcp::start(&direct.issuer);
    gcp.grant(SUBJECT, KEY);
    let none = StaticKeys::default();
    assert_eq!(decrypt(&gcp, &cloud(&gcp, &[]), &none, &account(), &direct).await.unwrap(), PLAIN);
    assert!(direct.asked().contains(&format!("token apps/deploy //iam.googleapis.com/{PROVIDER}")));

    let becoming = Cluster::annotated(&[
        ("gcp.auth.fluxcd.io/workload-identity-provider", PROVIDER),
        ("iam.gke.io/gcp-service-account", EMAIL),
    ]);
    let gcp = Gcp::start(&becoming.issuer);
    gcp.grant(EMAIL, KEY);
    let cloud = cloud(&gcp, &[]);
    let shown = failed(decrypt(&gcp, &cloud, &none, &account(), &becoming).await, &["ya29", "eyJ"]);
    assert!(shown.contains(EMAIL) && shown.contains("roles/iam.workloadIdentityUser"), "{shown}");
    gcp.grant(SUBJECT, EMAIL);
    assert_eq!(decrypt(&gcp, &cloud, &none, &account(), &becoming).await.unwrap(), PLAIN);
    let exchanged: Vec<_> = gcp.server.seen().into_iter().filter(|asked| asked.path() == "/v1/token").collect();
    assert_eq!(exchanged[0].form()["scope"], "https://www.googleapis.com/auth/cloud-platform");
}

#[tokio::test]
async fn on_gke_the_pool_is_the_cluster_s() {
    let cluster = Cluster::annotated(&[("iam.gke.io/gcp-service-account", EMAIL)]);
    let gcp = Gcp::start(&cluster.issuer);
    gcp.grant(SUBJECT, EMAIL);
    gcp.grant(EMAIL, KEY);
    let metadata = gcp.metadata("node@proj.iam.gserviceaccount.com");
    let cloud = cloud(&gcp, &[("GCE_METADATA_HOST", host(&metadata.url))]);
    for _ in 0..2 {
        assert_eq!(decrypt(&gcp, &cloud, &StaticKeys::default(), &account(), &cluster).await.unwrap(), PLAIN);
    }
    assert!(cluster.asked().contains(&"token apps/deploy proj.svc.id.goog".to_owned()));
    assert_eq!(metadata.seen().len(), 3);
}

#[tokio::test]
async fn annotations_that_are_none_are_refused_in_flux_s_words() {
    let wrong = [
        (
            "iam.gke.io/gcp-service-account",
            "a@evil.example",
            "^[a-zA-Z0-9-]{1,100}@[a-zA-Z0-9-]{1,100}\\.iam\\.gserviceaccount\\.com$",
        ),
        (
            "gcp.auth.fluxcd.io/workload-identity-provider",
            "projects/x",
            "^projects/\\d{1,30}/locations/global/workloadIdentityPools/[^/]{1,100}/providers/[^/]{1,100}$",
        ),
    ];
    for (name, value, pattern) in wrong {
        let cluster = Cluster::annotated(&[(name, value)]);
        let gcp = Gcp::start(&cluster.issuer);
        let shown = failed(decrypt(&gcp, &cloud(&gcp, &[]), &StaticKeys::default(), &account(), &cluster).await, &[]);
        assert!(shown.ends_with(&format!("invalid {name} annotation: '{value}'. must match {pattern}")), "{shown}");
        assert!(gcp.server.seen().is_empty());
    }
}

#[tokio::test]
async fn the_controller_is_its_file_or_its_machine() {
    let cluster = Cluster::default();
    let gcp = Gcp::start(&cluster.issuer);
    gcp.grant(EMAIL, KEY);
    let none = StaticKeys::default();
    let metadata = gcp.metadata(EMAIL);
    let machine = cloud(&gcp, &[("GCE_METADATA_HOST", host(&metadata.url))]);
    assert_eq!(decrypt(&gcp, &machine, &none, &Identity::Controller, &cluster).await.unwrap(), PLAIN);

    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("key.json"), gcp.key_file(EMAIL)).unwrap();
    let by_key = cloud(&gcp, &[("GOOGLE_APPLICATION_CREDENTIALS", &path("key.json"))]);
    assert_eq!(decrypt(&gcp, &by_key, &none, &Identity::Controller, &cluster).await.unwrap(), PLAIN);

    // Federation by the operator's file, whose token is a field of a document.
    let audience = format!("//iam.googleapis.com/{PROVIDER}");
    let token = cluster.issuer.token("apps", "deploy", std::slice::from_ref(&audience));
    std::fs::write(path("token.json"), serde_json::json!({"id": token}).to_string()).unwrap();
    let external = serde_json::json!({
        "type": "external_account", "audience": audience, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "service_account_impersonation_url": format!("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"),
        "credential_source": {"file": path("token.json"), "format": {"type": "json", "subject_token_field_name": "id"}},
    });
    std::fs::write(path("external.json"), external.to_string()).unwrap();
    gcp.grant(SUBJECT, EMAIL);
    let federated = cloud(&gcp, &[("GOOGLE_APPLICATION_CREDENTIALS", &path("external.json"))]);
    assert_eq!(decrypt(&gcp, &federated, &none, &Identity::Controller, &cluster).await.unwrap(), PLAIN);

    let user = serde_json::json!({"type": "authorized_user", "client_id": EMAIL, "client_secret": "s3cr3t", "refresh_token": "1//refresh"});
    std::fs::write(path("user.json"), user.to_string()).unwrap();
    let as_user = cloud(&gcp, &[("GOOGLE_APPLICATION_CREDENTIALS", &path("user.json"))]);
    assert_eq!(decrypt(&gcp, &as_user, &none, &Identity::Controller, &cluster).await.unwrap(), PLAIN);

    // Whoever else answers at the metadata address is not believed.
    let stranger = weir_testkit::cloud::CloudServer::start(None, |_| weir_testkit::cloud::Said::text(200, "{}"));
    let nobody = cloud(&gcp, &[("GCE_METADATA_HOST", host(&stranger.url))]);
    let shown = failed(decrypt(&gcp, &nobody, &none, &Identity::Controller, &cluster).await, &[]);
    assert!(shown.starts_with("there are no credentials for GCP") && shown.contains("not one of Google"), "{shown}");
}
