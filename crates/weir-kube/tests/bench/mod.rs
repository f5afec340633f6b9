//! An embedded API server, and a session on it whose requests are written down.
#![allow(dead_code, reason = "each test uses a part")]

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{Either, Full};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tower::{BoxError, ServiceExt};
use weir_doc::from_value;
use weir_kube::{ApplyOptions, Hub, HubLimits, Propagation, Session};
use weir_object::{ObjectId, ObjectRef};
use weir_sandbox::{Options, Sandbox, Server};

pub struct Bench {
    pub session: Session,
    /// Somebody else's.
    others: Session,
    sandbox: Arc<Sandbox>,
    asked: Arc<Mutex<Vec<Asked>>>,
    too_old: Arc<AtomicUsize>,
    denied: Arc<AtomicBool>,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub uri: String,
    pub accept: String,
    /// Who was impersonated.
    pub user: String,
}

impl Asked {
    fn of(request: &Request<Body>) -> Self {
        let header = |name: &str| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        Self { uri: request.uri().to_string(), accept: header("accept"), user: header("impersonate-user") }
    }
}

impl Bench {
    pub async fn start(limits: HubLimits) -> Self {
        let sandbox = Sandbox::open(Options { workloads: false, ..Options::default() }).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let too_old = Arc::new(AtomicUsize::new(0));
        let denied = Arc::new(AtomicBool::new(false));
        let (inner, log, forgotten, no) = (sandbox.service(), asked.clone(), too_old.clone(), denied.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (inner, log, forgotten, no) = (inner.clone(), log.clone(), forgotten.clone(), no.clone());
            async move {
                let asked = Asked::of(&request);
                let is_watch = asked.uri.contains("watch=true");
                let is_review = asked.uri.ends_with("/selfsubjectaccessreviews");
                log.lock().unwrap().push(asked);
                if is_review && no.load(Ordering::SeqCst) {
                    return Ok(answer(StatusCode::CREATED, &json!({"status": {"allowed": false}})).map(Either::Right));
                }
                let take_one = |left: usize| left.checked_sub(1);
                if is_watch && forgotten.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take_one).is_ok() {
                    return Ok(gone().map(Either::Right));
                }
                let answer = inner.oneshot(request).await.map_err(Into::<BoxError>::into)?;
                Ok::<_, BoxError>(answer.map(Either::Left))
            }
        });
        let client = kube::Client::new(service, "default");
        let session = Session::with_hub(client, Arc::new(Hub::new(limits)));
        let others = Session::new(kube::Client::new(sandbox.service(), "default"));
        Self { session, others, sandbox, asked, too_old, denied }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The next watches are answered with 410.
    pub fn forget_the_past(&self, times: usize) {
        self.too_old.store(times, Ordering::SeqCst);
    }

    /// From now on the session itself may not watch all namespaces.
    pub fn deny_everywhere(&self) {
        self.denied.store(true, Ordering::SeqCst);
    }

    pub async fn apply(&self, object: &Value) {
        let options = ApplyOptions { manager: "test", force: true, dry_run: false };
        self.others.apply(&from_value(object), options).await.unwrap();
    }

    pub async fn delete(&self, object: &ObjectRef) {
        self.others.delete(object, Propagation::Background, None).await.unwrap();
    }

    pub async fn namespace(&self, name: &str) {
        self.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})).await;
    }

    /// A service account that may do this with ConfigMaps.
    pub async fn account(&self, name: &str, verbs: &[&str]) {
        let rbac = "rbac.authorization.k8s.io/v1";
        let meta = json!({"name": name, "namespace": "default"});
        self.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})).await;
        self.apply(&json!({"apiVersion": rbac, "kind": "Role", "metadata": meta,
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}]}))
            .await;
        self.apply(&json!({"apiVersion": rbac, "kind": "RoleBinding", "metadata": meta,
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}}))
            .await;
    }

    /// Serves the same cluster on a socket, with a kubeconfig in `dir`.
    pub async fn serve(&self, dir: &Path) -> (PathBuf, Server) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let server = self.sandbox.listen((std::net::Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
        let path = dir.join("kubeconfig");
        std::fs::write(&path, server.kubeconfig()).unwrap();
        (path, server)
    }
}

/// A session as the administrator of a kubeconfig.
pub async fn session(kubeconfig: &Path) -> Session {
    let read = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.unwrap();
    Session::new(kube::Client::try_from(config).unwrap())
}

fn gone() -> Response<Full<Bytes>> {
    answer(
        StatusCode::GONE,
        &json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Expired", "code": 410,
            "message": "too old resource version"}),
    )
}

fn answer(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response
}

pub fn config_map(namespace: &str, name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
        "data": {"value": value}})
}

/// Of a ConfigMap.
pub fn reference(namespace: &str, name: &str) -> ObjectRef {
    let id = ObjectId {
        group: String::new(),
        kind: "ConfigMap".to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    ObjectRef { id, version: "v1".to_owned() }
}
