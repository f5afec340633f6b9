use crate::common::{Cluster, PLAIN, account, failed};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use weir_cloud::{CacheOptions, Cloud, Env, Identity, KeyRequest, Keys, StaticKeys};
use weir_net::HttpClient;
use weir_testkit::cloud::Moto;

const ROLE: &str = "arn:aws:iam::123456789012:role/sops";

async fn kms(moto: &Moto, operation: &str, body: Value) -> Value {
    // moto reads the region from the signature and does not verify it.
    let request = Request::post(format!("{}/", moto.url))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("TrentService.{operation}"))
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=x",
        )
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let reply = HttpClient::default().exchange(request, Duration::from_secs(60), 1 << 20).await.unwrap();
    assert!(reply.status.is_success(), "{}", String::from_utf8_lossy(&reply.body));
    serde_json::from_slice(&reply.body).unwrap()
}

#[tokio::test]
async fn what_moto_encrypted_is_decrypted_by_each_identity() {
    let moto = Moto::start();
    let key = kms(&moto, "CreateKey", json!({"Description": "sops"})).await["KeyMetadata"]["Arn"]
        .as_str()
        .unwrap()
        .to_owned();
    let context: BTreeMap<String, String> = [("app".to_owned(), "web".to_owned())].into();
    let plain = BASE64_STANDARD.encode(PLAIN);
    let encrypted =
        kms(&moto, "Encrypt", json!({"KeyId": key, "Plaintext": plain, "EncryptionContext": context})).await;
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
