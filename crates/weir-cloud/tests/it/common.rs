use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};
use weir_base::{Diagnose, Secret};
use weir_cloud::{Accounts, CloudError, Identity, SecretText};
use weir_testkit::cloud::Issuer;
use zeroize::Zeroizing;

pub const PLAIN: &[u8] = b"0123456789abcdef0123456789abcdef";

/// ServiceAccounts, as Kubernetes has them.
#[derive(Default)]
pub struct Cluster {
    pub issuer: Issuer,
    annotations: BTreeMap<String, String>,
    asked: Mutex<Vec<String>>,
}

impl Cluster {
    /// Every account has these annotations.
    pub fn annotated(pairs: &[(&str, &str)]) -> Self {
        let annotations = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self { annotations, ..Self::default() }
    }

    /// What was asked for: `annotations NAMESPACE/NAME` or `token NAMESPACE/NAME AUDIENCES`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Accounts for Cluster {
    fn annotations<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, String>> {
        self.asked.lock().unwrap().push(format!("annotations {namespace}/{name}"));
        let annotations = self.annotations.clone();
        Box::pin(async move { Ok(annotations) })
    }

    fn token<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        audiences: &'a [String],
    ) -> BoxFuture<'a, Result<(SecretText, SystemTime), String>> {
        self.asked.lock().unwrap().push(format!("token {namespace}/{name} {}", audiences.join(",")));
        let token = self.issuer.token(namespace, name, audiences);
        let expires = SystemTime::now() + Duration::from_secs(3600);
        Box::pin(async move { Ok((Secret::new(Zeroizing::new(token)), expires)) })
    }

    fn own(&self) -> Result<(String, String), String> {
        Ok(("flux-system".to_owned(), "kustomize-controller".to_owned()))
    }
}

pub fn account() -> Identity {
    Identity::Account { namespace: "apps".to_owned(), name: "deploy".to_owned() }
}

/// The whole message of what had to fail, in which no secret of the test may be.
pub fn failed<T>(result: Result<T, CloudError>, secrets: &[&str]) -> String {
    let error = result.err().expect("it is refused");
    let shown = error.report().to_string();
    for secret in secrets {
        assert!(!shown.contains(secret) && !format!("{error:?}").contains(secret), "{secret} is in: {shown}");
    }
    shown
}
