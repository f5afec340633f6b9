//! SOPS files whose data keys a service keeps: AWS KMS (moto) and Vault (a server of ours), asked with entries of the
//! decryption Secret, and as a service account whose tokens the real API server makes.

use crate::rig::Rig;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use weir_base::Budget;
use weir_e2e::{Cluster, Controller, on_kube_apiserver};
use weir_sops::{Format, Keyring, MasterKey, Plan, World};
use weir_testkit::cloud::{Issuer, Moto, Vault};

on_kube_apiserver!(data_keys_are_opened_by_services);

const SPACE: &str = "key-services";
const DATA_KEY: [u8; 32] = [7; 32];
const ROLE: &str = "arn:aws:iam::123456789012:role/sops";

/// A Secret whose data key is encrypted as the lines of a block of the metadata say.
fn sealed(name: &str, block: &str) -> String {
    let recipient = "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm";
    let rule = weir_sops::Rule::EncryptedRegex("^(data|stringData)$".to_owned());
    let plan = Plan { groups: vec![vec![MasterKey::age(recipient)]], rule, ..Plan::default() };
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n    name: {name}\n    namespace: {SPACE}\nstringData:\n    a: opened\n"
    );
    let mut world = World { random: &mut |bytes: &mut [u8]| bytes.fill(DATA_KEY[0]), now: 1_700_000_000 };
    let (keys, budget) = (Keyring::new(), Budget::standard());
    let sealed = weir_sops::encrypt(text.as_bytes(), Format::Yaml, name, &plan, &keys, &mut world, &budget).unwrap();
    let sealed = String::from_utf8(sealed).unwrap();
    let (from, to) = (sealed.find("    age:\n").unwrap(), sealed.find("    encrypted_regex:").unwrap());
    format!("{}{block}{}", &sealed[..from], &sealed[to..])
}

fn data_keys_are_opened_by_services(cluster: &Cluster) {
    let (moto, vault) = (Moto::start(), Vault::start(&Issuer::new(), None));
    let arn = moto.kms("CreateKey", &json!({"Description": "sops"}))["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    let encrypt = json!({"KeyId": arn, "Plaintext": BASE64_STANDARD.encode(DATA_KEY)});
    let enc = moto.kms("Encrypt", &encrypt)["CiphertextBlob"].as_str().unwrap().to_owned();
    let of_kms = |name: &str| {
        let created = "created_at: \"2026-01-01T00:00:00Z\"";
        sealed(name, &format!("    kms:\n        - arn: {arn}\n          {created}\n          enc: {enc}\n"))
    };
    let of_vault = |name: &str| {
        let path = "transit/decrypt/sops";
        let block = format!(
            "    hc_vault:\n        - vault_address: {}\n          engine_path: transit\n          key_name: sops\n          \
             created_at: \"2026-01-01T00:00:00Z\"\n          enc: {}\n",
            vault.server.url,
            vault.encrypt(path, &DATA_KEY)
        );
        sealed(name, &block)
    };
    let files = [
        ("by-entry/a.yaml", of_kms("by-entry")),
        ("by-account/a.yaml", of_kms("by-account")),
        ("by-nobody/a.yaml", of_kms("by-nobody")),
        ("by-token/a.yaml", of_vault("by-token")),
        ("by-wrong-token/a.yaml", of_vault("by-wrong-token")),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let rig = Rig::new(cluster, SPACE, &files);
    let env = [
        ("AWS_ENDPOINT_URL", moto.url.as_str()),
        ("VAULT_ADDR", &vault.server.url),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let controller = Controller::start_with(
        &env,
        cluster.kubeconfig(),
        "kustomize",
        &["--feature-gates=ObjectLevelWorkloadIdentity=true"],
    );
    let secret = |name: &str, entry: &str, value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {SPACE}}}\nstringData:\n  {entry}: |\n    {value}\n"
        )
    };
    let token = vault.token("transit/decrypt/sops");
    let rbac = "rbac.authorization.k8s.io";
    rig.apply(&[
        secret("by-entry", "sops.aws-kms", "{aws_access_key_id: a, aws_secret_access_key: canary-77b2}"),
        secret("by-token", "sops.vault-token", &token),
        secret("by-wrong-token", "sops.vault-token", "hvs.canary-77b2"),
        format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: sops, namespace: {SPACE}, annotations: \
             {{eks.amazonaws.com/role-arn: '{ROLE}'}}}}\n"
        ),
        // What an administrator grants for accounts that may be used so.
        format!(
            "apiVersion: {rbac}/v1\nkind: Role\nmetadata: {{name: tokens, namespace: {SPACE}}}\nrules: [{{apiGroups: [''], \
             resources: [serviceaccounts/token], resourceNames: [sops], verbs: [create]}}]\n"
        ),
        format!(
            "apiVersion: {rbac}/v1\nkind: RoleBinding\nmetadata: {{name: tokens, namespace: {SPACE}}}\nsubjects: [{{kind: \
             ServiceAccount, name: kustomize-controller, namespace: flux-system}}]\nroleRef: {{apiGroup: {rbac}, kind: Role, \
             name: tokens}}\n"
        ),
    ]);
    let kustomization = |name: &str, decryption: &str| {
        let more = format!("interval: 1h\nretryInterval: 1s\nprune: true\ndecryption: {{provider: sops{decryption}}}");
        rig.kustomization(name, &more)
    };
    let by_secret = |name: &str| kustomization(name, &format!(", secretRef: {{name: {name}}}"));
    rig.apply(&[
        by_secret("by-entry"),
        by_secret("by-token"),
        by_secret("by-wrong-token"),
        kustomization("by-account", ", serviceAccountName: sops"),
        kustomization("by-nobody", ""),
    ]);
    for name in ["by-entry", "by-account", "by-token"] {
        rig.ready(name);
        let opened = rig.field("secret", name, ".data.a");
        assert_eq!(BASE64_STANDARD.decode(opened).unwrap(), b"opened", "{name}");
    }
    let message = rig.fails("by-nobody", "BuildFailed");
    assert!(message.contains(&arn) && message.contains("there are no credentials for AWS"), "{message}");
    let message = rig.fails("by-wrong-token", "BuildFailed");
    assert!(message.contains("403: permission denied") && !message.contains("canary"), "{message}");
    let events = rig.kubectl.run(&["get", "events", "-n", SPACE, "-o", "yaml"]).unwrap();
    let told = format!("{events}\n{}", controller.log().join("\n"));
    assert!(!told.contains("canary-77b2") && !told.contains(&token), "a credential is told");
}
