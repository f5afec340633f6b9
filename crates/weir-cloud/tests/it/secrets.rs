use weir_cloud::{CacheOptions, Cloud, ClusterConfig, Env, Identity, KeyRequest, Keys, StaticKeys};

const CANARY: &str = "hunter2canary";

/// What is held is not printed, and a mistake does not quote it.
#[test]
fn neither_debug_nor_an_error_shows_what_an_entry_has() {
    let mut statics = StaticKeys::default();
    let entries = [
        ("sops.aws-kms", format!("aws_access_key_id: a\naws_secret_access_key: {CANARY}\naws_session_token: {CANARY}")),
        ("sops.azure-kv", format!("tenantId: t\nclientId: c\nclientSecret: {CANARY}")),
        (
            "sops.gcp-kms",
            format!(
                r#"{{"type":"authorized_user","client_id":"c","client_secret":"{CANARY}","refresh_token":"{CANARY}"}}"#
            ),
        ),
        ("sops.vault-token", CANARY.to_owned()),
    ];
    for (name, text) in &entries {
        assert!(statics.add(name, text.as_bytes()).unwrap(), "{name}");
    }
    assert_eq!(statics.to_string(), "sops.aws-kms, sops.azure-kv, sops.gcp-kms, sops.vault-token");
    assert!(!format!("{statics:?}").contains(CANARY), "{statics:?}");
    assert!(!statics.add("age.agekey", CANARY.as_bytes()).unwrap());
    for (name, _) in &entries {
        for broken in [
            format!("[{CANARY}"),
            format!("'{CANARY}"),
            format!("a: &x {CANARY}\nb: *{CANARY}"),
            format!(
                "{{\"type\":\"service_account\",\"client_email\":\"e\",\"private_key\":\"-----BEGIN PRIVATE KEY-----\\n{CANARY}\\n-----END PRIVATE KEY-----\"}}"
            ),
        ] {
            if let Err(error) = StaticKeys::default().add(name, broken.as_bytes()) {
                assert!(!format!("{error} {error:?}").contains(CANARY), "{name}: {error}");
            }
        }
    }
    let env: Env =
        [("VAULT_TOKEN", CANARY), ("AWS_SECRET_ACCESS_KEY", CANARY), ("HTTPS_PROXY", "http://u:hunter2canary@p")]
            .into_iter()
            .collect();
    let cloud = Cloud::new(CacheOptions::default(), env).unwrap();
    assert!(!format!("{cloud:?}").contains(CANARY), "{cloud:?}");
}

/// A controller asks on whatever thread there is.
#[test]
fn asking_can_move_between_threads() {
    /// And needs little of its stack.
    fn is_send<T: Send>(asked: T) {
        assert!(size_of_val(&asked) < 4096, "{}", size_of_val(&asked));
    }
    let (cloud, statics) = (Cloud::new(CacheOptions::default(), Env::default()).unwrap(), StaticKeys::default());
    let cluster = crate::common::Cluster::default();
    let keys = Keys::new(&cloud, &statics, &Identity::Controller, &cluster, None);
    is_send(keys.decrypt(KeyRequest::Gcp { resource: "", enc: "" }));
    let config = ClusterConfig::read(&[("provider".to_owned(), "aws".to_owned())].into()).unwrap();
    is_send(cloud.remote(&config, &Identity::Controller, &cluster));
}
