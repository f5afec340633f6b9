use crate::common::{Cluster, PLAIN, account, failed};
use weir_cloud::{CacheOptions, Cloud, CloudError, Env, Identity, KeyRequest, Keys, StaticKeys, VaultInstances};
use weir_testkit::Authority;
use weir_testkit::cloud::Vault;

const PATH: &str = "transit/decrypt/sops";

fn cloud(env: &[(&str, &str)]) -> Cloud {
    Cloud::new(CacheOptions::default(), env.iter().copied().collect::<Env>()).unwrap()
}

fn entry(token: &str) -> StaticKeys {
    let mut statics = StaticKeys::default();
    assert!(statics.add("sops.vault-token", format!(" {token}\n\n").as_bytes()).unwrap());
    statics
}

fn listed(address: &str) -> VaultInstances {
    let text = format!("instances:\n  - address: {address}\n    loginPath: auth/kubernetes/login\n");
    VaultInstances::read("flux-system/vault", Some(&text)).unwrap()
}

#[derive(Clone, Copy)]
struct Asker<'a> {
    cloud: &'a Cloud,
    statics: &'a StaticKeys,
    who: &'a Identity,
    cluster: &'a Cluster,
    list: Option<&'a VaultInstances>,
}

impl Asker<'_> {
    async fn decrypt(&self, vault: &Vault) -> Result<Vec<u8>, CloudError> {
        self.at(&vault.server.url, "transit", &vault.encrypt(PATH, PLAIN)).await
    }

    async fn at(&self, address: &str, engine: &str, enc: &str) -> Result<Vec<u8>, CloudError> {
        let keys = Keys::new(self.cloud, self.statics, self.who, self.cluster, self.list);
        keys.decrypt(KeyRequest::Vault { address, engine, key: "sops", enc }).await.map(|plain| plain.to_vec())
    }
}

#[tokio::test]
async fn a_token_of_the_secret_goes_before_a_login() {
    let cluster = Cluster::default();
    let vault = Vault::start(&cluster.issuer, None);
    let (list, statics) = (listed(&vault.server.url), entry(&vault.token(PATH)));
    // A test's server is on this machine, which the operator has to name.
    let cloud = cloud(&[("VAULT_ADDR", &vault.server.url)]);
    let asker = Asker { cloud: &cloud, statics: &statics, who: &account(), cluster: &cluster, list: Some(&list) };
    assert_eq!(asker.decrypt(&vault).await.unwrap(), PLAIN);
    assert_eq!((vault.logins(), cluster.asked().len()), (0, 0));
    let wrong = entry("hvs.hunter2");
    let shown = failed(Asker { statics: &wrong, ..asker }.decrypt(&vault).await, &["hunter2"]);
    assert!(
        shown.contains("403: permission denied for *****")
            && shown.contains("capability update on 'transit/decrypt/sops'"),
        "{shown}"
    );
}

#[tokio::test]
async fn an_account_logs_in_at_a_listed_address_and_stays_so() {
    let cluster = Cluster::default();
    let vault = Vault::start(&cluster.issuer, None);
    vault.role("apps_deploy", "system:serviceaccount:apps:deploy", PATH);
    vault.role("flux-system_kustomize-controller", "system:serviceaccount:flux-system:kustomize-controller", PATH);
    let (list, none, cloud) = (listed(&vault.server.url), StaticKeys::default(), cloud(&[("VAULT_TOKEN", "hvs.own")]));
    let asker = Asker { cloud: &cloud, statics: &none, who: &account(), cluster: &cluster, list: Some(&list) };
    let all = futures::future::join_all((0..5).map(|_| asker.decrypt(&vault))).await;
    assert!(all.into_iter().all(|plain| plain.unwrap() == PLAIN));
    assert_eq!(vault.logins(), 1);
    assert_eq!(cluster.asked(), [format!("token apps/deploy {}", vault.server.url)]);
    vault.revoke_all();
    assert_eq!(asker.decrypt(&vault).await.unwrap(), PLAIN);
    assert_eq!(vault.logins(), 2);
    // The controller logs in as its own account.
    let own = Asker { who: &Identity::Controller, ..asker };
    assert_eq!(own.decrypt(&vault).await.unwrap(), PLAIN);
    assert_eq!(
        cluster.asked().last().unwrap(),
        &format!("token flux-system/kustomize-controller {}", vault.server.url)
    );
}

#[tokio::test]
async fn an_account_without_a_role_is_told_which() {
    let cluster = Cluster::default();
    let vault = Vault::start(&cluster.issuer, None);
    let (list, none, cloud) = (listed(&vault.server.url), StaticKeys::default(), cloud(&[]));
    let asker = Asker { cloud: &cloud, statics: &none, who: &account(), cluster: &cluster, list: Some(&list) };
    let shown = failed(asker.decrypt(&vault).await, &["eyJ"]);
    assert!(shown.contains("as role 'apps_deploy'") && shown.contains("token *****"), "{shown}");
}

#[tokio::test]
async fn neither_login_nor_the_controller_s_token_goes_to_an_address_of_a_tenant() {
    let cluster = Cluster::default();
    let (vault, stranger) = (Vault::start(&cluster.issuer, None), Vault::start(&cluster.issuer, None));
    let (list, none) = (listed(&vault.server.url), StaticKeys::default());
    let own = vault.token(PATH);
    let with_token = cloud(&[("VAULT_TOKEN", &own), ("VAULT_ADDR", &vault.server.url)]);
    let asker = Asker { cloud: &with_token, statics: &none, who: &account(), cluster: &cluster, list: Some(&list) };
    let shown = failed(asker.decrypt(&stranger).await, &[&own]);
    let expected = format!(
        "no Vault login path configured for address '{}' in ConfigMap 'flux-system/vault'",
        stranger.server.url
    );
    assert!(shown.starts_with(&expected), "{shown}");
    let without_list = Asker { list: None, ..asker };
    assert_eq!(without_list.decrypt(&vault).await.unwrap(), PLAIN);
    let shown = failed(without_list.decrypt(&stranger).await, &[&own]);
    assert!(
        shown.contains("the controller's own token is not sent to") && shown.contains("sops.vault-token"),
        "{shown}"
    );
    assert!(stranger.server.seen().is_empty() && cluster.asked().is_empty());
}

#[tokio::test]
async fn a_tenant_s_token_does_not_reach_this_machine() {
    let cluster = Cluster::default();
    let vault = Vault::start(&cluster.issuer, None);
    let (statics, cloud) = (entry(&vault.token(PATH)), cloud(&[]));
    let asker = Asker { cloud: &cloud, statics: &statics, who: &account(), cluster: &cluster, list: None };
    let by_name = vault.server.url.replace("127.0.0.1", "localhost");
    for address in [vault.server.url.as_str(), &by_name, "http://169.254.169.254", "http://[::ffff:169.254.169.254]"] {
        let shown = failed(asker.at(address, "transit", "vault:v1:x").await, &["hvs."]);
        assert!(shown.contains("leads to a loopback, link-local or metadata address"), "{shown}");
    }
    assert!(vault.server.seen().is_empty());
}

#[tokio::test]
async fn namespaces_engines_and_authorities_are_those_of_the_environment_and_the_file() {
    let (cluster, authority) = (Cluster::default(), Authority::new());
    let vault = Vault::start(&cluster.issuer, Some(&authority));
    vault.in_namespace("team/a");
    let path = "team/engine/decrypt/sops";
    let statics = entry(&vault.token(path));
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, &authority.pem).unwrap();
    let address = ("SOPS_HC_VAULT_ALLOWLIST", vault.server.url.as_str());
    let right = cloud(&[("VAULT_NAMESPACE", "team/a"), ("VAULT_CACERT", ca.to_str().unwrap()), address]);
    let asker = Asker { cloud: &right, statics: &statics, who: &account(), cluster: &cluster, list: None };
    let enc = vault.encrypt(path, PLAIN);
    assert_eq!(asker.at(&vault.server.url, "team/engine", &enc).await.unwrap(), PLAIN);
    let by_bytes = cloud(&[("VAULT_NAMESPACE", "team/a"), ("VAULT_CACERT_BYTES", &authority.pem), address]);
    assert_eq!(Asker { cloud: &by_bytes, ..asker }.at(&vault.server.url, "team/engine", &enc).await.unwrap(), PLAIN);
    let untrusting = cloud(&[("VAULT_NAMESPACE", "team/a"), address]);
    let shown =
        failed(Asker { cloud: &untrusting, ..asker }.at(&vault.server.url, "team/engine", &enc).await, &["hvs."]);
    assert!(shown.contains("UnknownIssuer"), "{shown}");
    let no_namespace = cloud(&[("VAULT_CACERT", ca.to_str().unwrap()), address]);
    let shown =
        failed(Asker { cloud: &no_namespace, ..asker }.at(&vault.server.url, "team/engine", &enc).await, &["hvs."]);
    assert!(shown.contains("VAULT_NAMESPACE"), "{shown}");
    // sops's own fence holds for every token.
    let fenced = cloud(&[("SOPS_HC_VAULT_ALLOWLIST", "https://elsewhere")]);
    let shown = failed(Asker { cloud: &fenced, ..asker }.at(&vault.server.url, "team/engine", &enc).await, &["hvs."]);
    assert!(shown.contains("does not allow the address"), "{shown}");
}
