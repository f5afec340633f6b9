//! Kustomizations with secrets that SOPS encrypted. The fixtures are the original's work; their key is known to everybody.

use crate::manifests::namespace;
use crate::rig::Rig;
use std::path::Path;
use weir_base::Budget;
use weir_e2e::{Cluster, http_get, on_both};
use weir_sops::{File, Format, Keyring, Resolved};
use weir_testkit::eventually;

on_both!(what_sops_encrypted_is_applied_in_plain, what_cannot_be_decrypted_is_told);

const SPACE: &str = "sops";
/// Is in every value of the fixtures, and must be nowhere but in the Secrets of the cluster.
const CANARY: &str = "canary-7f3a";
const DECRYPTION: &str =
    "interval: 1h\nretryInterval: 1s\nprune: true\ndecryption: {provider: sops, secretRef: {name: keys}}";

fn fixture(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sops").join(name)).unwrap()
}

fn keys(text: &str) -> String {
    let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys, namespace: {SPACE}}}\nstringData:\n  one.agekey: |\n{indented}"
    )
}

fn what_sops_encrypted_is_applied_in_plain(cluster: &Cluster) {
    let whole = "resources: [secret.yaml, patched.yaml]
patches: [{path: patch.yaml}]
secretGenerator:
- {name: env, namespace: sops, envs: [values.env], options: {disableNameSuffixHash: true}}
- name: pull
  namespace: sops
  type: kubernetes.io/dockerconfigjson
  files: [.dockerconfigjson=docker.json]
  options: {disableNameSuffixHash: true}
";
    let patched = format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: patched, namespace: {SPACE}}}\n");
    let left = "apiVersion: v1
kind: ConfigMap
metadata: {name: left, namespace: sops}
data: {value: 'ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]'}
";
    // The name of the tag is no secret, and not covered by its encryption: only the MAC tells of the change.
    let changed = fixture("secret.yaml").replace("name: db", "name: changed");
    let rig = Rig::new(
        cluster,
        SPACE,
        &[
            ("app/kustomization.yaml", whole),
            ("app/secret.yaml", &fixture("secret.yaml")),
            ("app/patched.yaml", &patched),
            ("app/patch.yaml", &fixture("patch.yaml")),
            ("app/values.env", &fixture("values.env")),
            ("app/docker.json", &fixture("docker.json")),
            ("changed/secret.yaml", &changed),
            ("changed/left.yaml", left),
        ],
    );
    rig.apply(&[keys(&fixture("throwaway.agekey"))]);
    let controller = rig.controller(&[]);
    rig.apply(&[rig.kustomization("app", DECRYPTION), rig.kustomization("changed", DECRYPTION)]);
    rig.ready("app");
    let value = |name: &str, key: &str| {
        let path = format!("go-template={{{{index .data \"{key}\" | base64decode}}}}");
        rig.kubectl.run(&["get", "secret", "-n", SPACE, name, "-o", &path]).unwrap()
    };
    assert_eq!(value("db", "password"), "canary-7f3a-whole");
    assert_eq!(value("patched", "key"), "canary-7f3a-patch");
    assert_eq!(value("env", "TOKEN"), "canary-7f3a-env");
    let docker: serde_json::Value = serde_json::from_str(&value("pull", ".dockerconfigjson")).unwrap();
    assert_eq!(docker["auths"]["registry.example.com"]["auth"], "Y2FuYXJ5LTdmM2EtZG9ja2Vy");
    assert_eq!(rig.field("secret", "db", ".sops"), "", "the metadata is not applied");

    // A file that was changed after it was encrypted is applied, as in Flux, and told.
    rig.ready("changed");
    assert_eq!(value("changed", "password"), "canary-7f3a-whole");
    for (reason, message) in [
        ("SOPSMACMismatch", "changed/secret.yaml: the SOPS MAC does not fit"),
        ("SOPSEncrypted", "changed/left.yaml:4: ConfigMap/sops/left: data.value is encrypted with SOPS"),
    ] {
        eventually(reason, || {
            let events =
                rig.kubectl.json(&["get", "events", "-n", SPACE, "--field-selector", &format!("reason={reason}")])?;
            let is_told = |event: &serde_json::Value| {
                event["type"] == "Warning" && event["message"].as_str().is_some_and(|text| text.contains(message))
            };
            let items = events["items"].as_array().cloned().unwrap_or_default();
            if items.iter().any(is_told) { Ok(()) } else { Err(events.to_string()) }
        });
    }
    let metrics = http_get(controller.metrics, "/metrics").unwrap();
    let series = "weir_sops_mac_mismatches_total{kind=\"Kustomization\",name=\"changed\",namespace=\"sops\"} 1";
    assert!(metrics.contains(series), "{metrics}");

    let told = [
        controller.log().join("\n"),
        metrics,
        rig.kubectl.run(&["get", "events,kustomizations,gitrepositories", "-n", SPACE, "-o", "yaml"]).unwrap(),
    ];
    for text in told {
        assert!(!text.contains(CANARY) && !text.contains("AGE-SECRET-KEY"), "a secret is told: {text}");
    }
    for path in ["/healthz", "/readyz", "/debug/pprof/"] {
        let answer = [controller.health, controller.metrics].map(|port| http_get(port, path).unwrap()).join("\n");
        assert!(!answer.contains(CANARY) && !answer.contains("AGE-SECRET-KEY"), "a secret is told: {answer}");
    }
    assert!(!controller.process().shows(CANARY) && !controller.process().shows("AGE-SECRET-KEY"));
    // The data keys went with their builds.
    for file in ["secret.yaml", "patch.yaml", "values.env", "docker.json"] {
        let key = data_key(&fixture(file), file);
        assert_eq!(controller.process().holds(&key), 0, "the data key of {file} is still in memory");
    }

    // What is enforced is refused.
    drop(controller);
    let controller = rig.controller(&["--sops-mac=enforce"]);
    rig.request("app", "enforced");
    rig.ready("app");
    rig.patch(
        "kustomization",
        "changed",
        r#"{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"enforced"}}}"#,
    );
    let message = rig.fails("changed", "BuildFailed");
    assert!(message.contains("changed/secret.yaml: the SOPS MAC does not fit"), "{message}");
    drop(controller);
}

/// The data key of a fixture.
fn data_key(text: &str, path: &str) -> Vec<u8> {
    let (mut keyring, budget) = (Keyring::new(), Budget::standard());
    keyring.add_age("throwaway", fixture("throwaway.agekey").as_bytes()).unwrap();
    let file = File::parse(text.as_bytes(), Format::of_path(path), path, &budget).unwrap().unwrap();
    file.data_key(&keyring, &Resolved::new(), &budget).unwrap().expose().to_vec()
}

fn what_cannot_be_decrypted_is_told(cluster: &Cluster) {
    let secret = fixture("secret.yaml");
    let disabled =
        secret.replace("name: db", "name: db\n    annotations: {kustomize.toolkit.fluxcd.io/decrypt: disabled}");
    let cut = &secret[..secret.find("lastmodified").unwrap()];
    let rig = Rig::new(
        cluster,
        SPACE,
        &[
            ("plain/secret.yaml", &secret),
            ("wrong/secret.yaml", &secret),
            ("cut/secret.yaml", cut),
            ("missing/secret.yaml", &secret),
            ("tampered/secret.yaml", &secret.replacen("GCM,data:", "GCM,data:AAAA", 1)),
            ("disabled/secret.yaml", &disabled),
        ],
    );
    rig.kubectl.apply(&namespace("sops-elsewhere")).unwrap();
    let other = "AGE-SECRET-KEY-100JH9AJ2S0LQWWATRTT06HQZYE0TWS5MX2RNE2NYT87CE74CYGRQ8ZMGJH";
    rig.apply(&[keys(other), keys(&fixture("throwaway.agekey")).replace("name: keys", "name: right")]);
    let _controller = rig.controller(&[]);
    let with = |secret: &str| DECRYPTION.replace("keys", secret);
    rig.apply(&[
        rig.kustomization("plain", "interval: 1h\nretryInterval: 1s\nprune: true"),
        rig.kustomization("wrong", &with("keys")),
        rig.kustomization("cut", &with("right")),
        rig.kustomization("missing", &with("nowhere")),
        rig.kustomization("tampered", &with("right")),
    ]);
    let message = rig.fails("plain", "ReconciliationFailed");
    assert!(
        message.contains(
            "Secret/sops/db is SOPS encrypted, configuring decryption is required for this secret to be reconciled"
        ),
        "{message}"
    );
    let message = rig.fails("wrong", "BuildFailed");
    for part in [
        "wrong/secret.yaml",
        "cannot get the data key",
        "age19ycprpwjkacayhp4cz4k95wvykqq3h7npmpzfsyf2csdlwm059hsltxert",
        "held are age1549yfpwlfxp52fx93kcjxdnfey9z5qvtjg6jq3jgt7y0z52pncpswsu7w8",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let message = rig.fails("missing", "BuildFailed");
    assert!(message.contains("cannot get sops decryption Secret 'sops/nowhere': not found"), "{message}");
    let message = rig.fails("tampered", "BuildFailed");
    assert!(message.contains("tampered/secret.yaml") && message.contains("stringData.password"), "{message}");
    rig.fails("cut", "ReconciliationFailed");
    for name in ["plain", "wrong", "cut", "missing", "tampered"] {
        let object = rig.get(name).unwrap().to_string();
        assert!(!object.contains(CANARY) && !object.contains("AGE-SECRET-KEY"), "{object}");
    }
    assert!(!rig.exists("secret", "db"), "nothing is applied of what cannot be decrypted");
}
