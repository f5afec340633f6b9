use crate::common::{Cluster, PLAIN, account, failed};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use std::collections::BTreeMap;
use weir_cloud::{CacheOptions, Cloud, Env, Identity, KeyRequest, Keys, StaticKeys};
use weir_testkit::cloud::Moto;

const ROLE: &str = "arn:aws:iam::123456789012:role/sops";

#[tokio::test]
async fn what_moto_encrypted_is_decrypted_by_each_identity() {
    let moto = Moto::start();
    let key = moto.kms("CreateKey", &json!({"Description": "sops"}))["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    let context: BTreeMap<String, String> = [("app".to_owned(), "web".to_owned())].into();
    let plain = BASE64_STANDARD.encode(PLAIN);
    let encrypted = moto.kms("Encrypt", &json!({"KeyId": key, "Plaintext": plain, "EncryptionContext": context}));
    let enc = encrypted["CiphertextBlob"].as_str().unwrap();

    let env: Env =
        [("AWS_ENDPOINT_URL", moto.url.as_str()), ("AWS_ACCESS_KEY_ID", "own"), ("AWS_SECRET_ACCESS_KEY", "own")]
            .into_iter()
            .collect();
    let cloud = Cloud::new(CacheOptions::default(), env).unwrap();
    let cluster = Cluster::annotated(&[("eks.amazonaws.com/role-arn", ROLE)]);
    let mut entry = StaticKeys::default();
    entry.add("sops.aws-kms", b"aws_access_key_id: a\naws_secret_access_key: b\n").unwrap();
    let (none, own, account) = (StaticKeys::default(), Identity::Controller, account());
    for (statics, who, role) in [(&entry, &own, ""), (&none, &account, ""), (&none, &own, ""), (&none, &account, ROLE)]
    {
        let request = KeyRequest::Aws { arn: &key, role, context: &context, enc };
        let keys = Keys::new(&cloud, statics, who, &cluster, None);
        assert_eq!(keys.decrypt(request).await.unwrap().as_slice(), PLAIN, "{who:?} {role}");
    }
    assert_eq!(cluster.asked().iter().filter(|asked| *asked == "token apps/deploy sts.amazonaws.com").count(), 1);

    let keys = Keys::new(&cloud, &none, &account, &cluster, None);
    let other = BTreeMap::new();
    let shown = failed(keys.decrypt(KeyRequest::Aws { arn: &key, role: "", context: &other, enc }).await, &[]);
    assert!(shown.contains("InvalidCiphertextException"), "{shown}");
    let absent = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000";
    let shown = failed(keys.decrypt(KeyRequest::Aws { arn: absent, role: "", context: &context, enc }).await, &[]);
    assert!(shown.contains(absent), "{shown}");
}
