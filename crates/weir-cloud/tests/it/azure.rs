use crate::common::{Cluster, PLAIN, account, failed};
use weir_cloud::{CacheOptions, Cloud, CloudError, Endpoints, Env, Identity, KeyRequest, Keys, StaticKeys};
use weir_testkit::cloud::Azure;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const PUBLIC: &str = "https://login.microsoftonline.com";

fn cloud(azure: &Azure, env: &[(&str, &str)]) -> Cloud {
    let url = Some(azure.server.url.clone());
    let endpoints = Endpoints { azure_authority: url.clone(), azure_vault: url, ..Endpoints::default() };
    Cloud::at(CacheOptions::default(), env.iter().copied().collect::<Env>(), endpoints).unwrap()
}

fn entry(text: &str) -> StaticKeys {
    let mut statics = StaticKeys::default();
    assert!(statics.add("sops.azure-kv", text.as_bytes()).unwrap());
    statics
}

async fn decrypt(
    azure: &Azure,
    cloud: &Cloud,
    statics: &StaticKeys,
    who: &Identity,
    cluster: &Cluster,
) -> Result<Vec<u8>, CloudError> {
    let enc = azure.encrypt(PLAIN);
    let request = KeyRequest::Azure { vault: "https://team.vault.azure.net/", name: "sops", version: "v1", enc: &enc };
    Keys::new(cloud, statics, who, cluster, None).decrypt(request).await.map(|plain| plain.to_vec())
}

#[tokio::test]
async fn each_form_of_the_entry_leads_to_a_token() {
    let cluster = Cluster::default();
    let azure = Azure::start(&cluster.issuer, PUBLIC);
    azure.with_secret(TENANT, "app", "s3cr&t=");
    let pem = azure.with_certificate(TENANT, "cert");
    for id in ["app", "cert", "managed"] {
        azure.grant(id);
    }
    let metadata = azure.metadata("managed");
    let cloud = cloud(&azure, &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", &metadata.url)]);
    let pem: String = pem.lines().map(|line| format!("  {line}\n")).collect();
    for text in [
        format!("tenantId: {TENANT}\nclientId: app\nclientSecret: \"s3cr&t=\"\n"),
        format!(r#"{{"tenant": "{TENANT}", "appId": "app", "password": "s3cr&t="}}"#),
        format!("tenantId: {TENANT}\nclientId: cert\nclientCertificate: |\n{pem}"),
        format!("tenantId: {TENANT}\nclientId: cert\nclientCertificateSendChain: true\nclientCertificate: |\n{pem}"),
        "clientId: managed".to_owned(),
    ] {
        let plain = decrypt(&azure, &cloud, &entry(&text), &account(), &cluster).await;
        assert_eq!(plain.unwrap(), PLAIN, "{}", text.lines().next().unwrap());
    }
    assert!(cluster.asked().is_empty());
}

#[tokio::test]
async fn a_refusal_names_what_is_missing_and_shows_no_secret() {
    let cluster = Cluster::default();
    let azure = Azure::start(&cluster.issuer, PUBLIC);
    azure.with_secret(TENANT, "app", "right");
    let wrong = entry(&format!("tenantId: {TENANT}\nclientId: app\nclientSecret: hunter2\n"));
    let shown =
        failed(decrypt(&azure, &cloud(&azure, &[]), &wrong, &Identity::Controller, &cluster).await, &["hunter2"]);
    assert!(shown.contains("invalid_client: AADSTS7000215: Invalid client secret or assertion *****"), "{shown}");
    let right = entry(&format!("tenantId: {TENANT}\nclientId: app\nclientSecret: right\n"));
    let shown = failed(decrypt(&azure, &cloud(&azure, &[]), &right, &Identity::Controller, &cluster).await, &["eyJ"]);
    assert!(shown.contains("403 Forbidden") && shown.contains("Key Vault Crypto User"), "{shown}");
    assert!(shown.contains("https://team.vault.azure.net//keys/sops/v1"), "{shown}");
}

#[tokio::test]
async fn an_account_is_federated_and_its_token_is_got_anew_when_it_is_refused() {
    let cluster = Cluster::annotated(&[
        ("azure.workload.identity/tenant-id", TENANT),
        ("azure.workload.identity/client-id", "app"),
    ]);
    let azure = Azure::start(&cluster.issuer, PUBLIC);
    azure.with_federation(TENANT, "app", "system:serviceaccount:apps:deploy");
    azure.grant("app");
    let (cloud, none) = (cloud(&azure, &[]), StaticKeys::default());
    for _ in 0..2 {
        assert_eq!(decrypt(&azure, &cloud, &none, &account(), &cluster).await.unwrap(), PLAIN);
    }
    assert_eq!(cloud.cache_counts(), (1, 1));
    assert!(cluster.asked().contains(&"token apps/deploy api://AzureADTokenExchange".to_owned()));
    azure.expire_all();
    assert_eq!(decrypt(&azure, &cloud, &none, &account(), &cluster).await.unwrap(), PLAIN);
    // Another account has no federated credential.
    let other = Identity::Account { namespace: "apps".to_owned(), name: "other".to_owned() };
    let shown = failed(decrypt(&azure, &cloud, &none, &other, &cluster).await, &["eyJ"]);
    assert!(shown.contains("federated credential"), "{shown}");
}

#[tokio::test]
async fn an_account_without_annotations_is_told_so_as_flux_tells_it() {
    for (pairs, what, name) in [
        (vec![], "tenant ID", "azure.workload.identity/tenant-id"),
        (vec![("azure.workload.identity/tenant-id", TENANT)], "client ID", "azure.workload.identity/client-id"),
    ] {
        let cluster = Cluster::annotated(&pairs);
        let azure = Azure::start(&cluster.issuer, PUBLIC);
        let shown =
            failed(decrypt(&azure, &cloud(&azure, &[]), &StaticKeys::default(), &account(), &cluster).await, &[]);
        assert!(
            shown.contains(&format!("azure {what} is not set in the service account annotation {name}")),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn the_controller_is_who_its_environment_says() {
    const CHINA: &str = "https://login.chinacloudapi.cn";
    let cluster = Cluster::default();
    let azure = Azure::start(&cluster.issuer, CHINA);
    azure.with_secret(TENANT, "app", "s3cret");
    let pem = azure.with_certificate(TENANT, "cert");
    azure.with_federation(TENANT, "wi", "system:serviceaccount:flux-system:kustomize-controller");
    for id in ["app", "cert", "wi", "system"] {
        azure.grant(id);
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("cert.pem"), pem).unwrap();
    let audience = ["api://AzureADTokenExchange".to_owned()];
    std::fs::write(path("token"), cluster.issuer.token("flux-system", "kustomize-controller", &audience)).unwrap();
    let metadata = azure.metadata("x");
    let host = ("AZURE_AUTHORITY_HOST", "https://login.chinacloudapi.cn/");
    for env in [
        vec![("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", "app"), ("AZURE_CLIENT_SECRET", "s3cret")],
        vec![
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_CLIENT_ID", "cert"),
            ("AZURE_CLIENT_CERTIFICATE_PATH", &path("cert.pem")),
            host,
        ],
        vec![
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_CLIENT_ID", "wi"),
            ("AZURE_FEDERATED_TOKEN_FILE", &path("token")),
            host,
        ],
        vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", metadata.url.as_str())],
    ] {
        let plain =
            decrypt(&azure, &cloud(&azure, &env), &StaticKeys::default(), &Identity::Controller, &cluster).await;
        assert_eq!(plain.unwrap(), PLAIN, "{}", env.last().unwrap().0);
    }
    let wrong = cloud(
        &azure,
        &[
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_CLIENT_ID", "app"),
            ("AZURE_CLIENT_SECRET", "s3cret"),
            ("AZURE_AUTHORITY_HOST", "http://evil"),
        ],
    );
    let shown =
        failed(decrypt(&azure, &wrong, &StaticKeys::default(), &Identity::Controller, &cluster).await, &["s3cret"]);
    assert!(shown.contains("AZURE_AUTHORITY_HOST"), "{shown}");
}

#[tokio::test]
async fn a_key_without_a_version_is_asked_for_its_latest() {
    let cluster = Cluster::default();
    let azure = Azure::start(&cluster.issuer, PUBLIC);
    azure.with_secret(TENANT, "app", "s");
    azure.grant("app");
    let (cloud, statics) =
        (cloud(&azure, &[]), entry(&format!("tenantId: {TENANT}\nclientId: app\nclientSecret: s\n")));
    let (enc, who) = (azure.encrypt(PLAIN), Identity::Controller);
    let keys = Keys::new(&cloud, &statics, &who, &cluster, None);
    let request = KeyRequest::Azure { vault: "https://team.vault.azure.net", name: "sops", version: "", enc: &enc };
    assert_eq!(keys.decrypt(request).await.unwrap().as_slice(), PLAIN);
}
