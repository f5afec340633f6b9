//! One stream: where it begins, how it goes on after an interruption, when it ends.

use super::{Change, Hub, Key, is_refusal};
use crate::session::request;
use crate::{KubeError, Resource, Session};
use futures::TryStreamExt;
use http::{HeaderValue, Method, header};
use kube::core::WatchEvent;
use serde::Deserialize;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_doc::{Node, from_value};
use weir_object::ObjectId;

/// The server ends a watch after this; it is taken up where it was.
const WATCH_FOR: Duration = Duration::from_secs(290);
/// Silence for longer than that is a dead connection.
const SILENCE: Duration = Duration::from_secs(310);
const RETRY_AT_LEAST: Duration = Duration::from_millis(500);
const RETRY_AT_MOST: Duration = Duration::from_secs(30);

/// An object as the stream shows it.
#[derive(Clone, Deserialize)]
struct Thin {
    metadata: serde_json::Value,
}

impl Thin {
    fn text(&self, key: &str) -> &str {
        self.metadata.get(key).and_then(serde_json::Value::as_str).unwrap_or_default()
    }

    fn version(&self) -> &str {
        self.text("resourceVersion")
    }
}

/// Why a watch ended.
enum End {
    /// It is taken up where it was.
    Over,
    /// The server has forgotten that time.
    TooOld,
    Idle,
    Failed(KubeError),
}

struct Watch {
    hub: Arc<Hub>,
    session: Session,
    resource: Arc<Resource>,
    key: Key,
    /// Up to where the changes were seen.
    version: Option<String>,
}

/// Runs until the stream is idle, or refused.
pub(super) async fn run(hub: Arc<Hub>, session: Session, resource: Arc<Resource>, key: Key) {
    let mut watch = Watch { hub, session, resource, key, version: None };
    let mut rest = RETRY_AT_LEAST;
    loop {
        let began = Instant::now();
        let end = watch.follow().await;
        watch.hub.interrupted(&watch.key);
        match end {
            End::Idle => return,
            End::TooOld => watch.version = None,
            End::Failed(error) if is_refusal(&error) => {
                tracing::debug!(error = %error, kind = watch.resource.kind, "cannot be watched");
                watch.hub.refuse(&watch.key);
                return;
            }
            End::Failed(error) => {
                tracing::debug!(error = %error, kind = watch.resource.kind, "a watch was interrupted");
            }
            End::Over => {}
        }
        if began.elapsed() > RETRY_AT_MOST {
            rest = RETRY_AT_LEAST;
            continue;
        }
        // Streams that were cut off together do not come back in step.
        let share = (RandomState::new().build_hasher().finish() % 1000) as f64 / 1000.0;
        tokio::time::sleep(rest.mul_f64(0.5 + share)).await;
        rest = rest.saturating_mul(2).min(RETRY_AT_MOST);
        if watch.hub.close_if_idle(&watch.key) {
            return;
        }
    }
}

impl Watch {
    async fn follow(&mut self) -> End {
        let gap = self.version.is_none();
        if gap && let Err(error) = self.may_watch().await {
            return End::Failed(error);
        }
        let version = match self.version.clone() {
            Some(version) => version,
            None => match self.session.version(&self.resource, &self.key.namespace).await {
                Ok(version) => version,
                Err(error) => return End::Failed(error),
            },
        };
        self.version = Some(version.clone());
        let uri = format!(
            "{}?watch=true&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds={}",
            self.resource.collection(&self.key.namespace),
            WATCH_FOR.as_secs(),
        );
        let opened = match self.session.metadata_request(&uri, "PartialObjectMetadata") {
            Ok(request) => tokio::time::timeout(SILENCE, self.session.client().request_events::<Thin>(request)).await,
            Err(error) => return End::Failed(error),
        };
        let events = match opened {
            Ok(Ok(events)) => events,
            Ok(Err(error)) => return ended(error.into()),
            Err(_) => return End::Failed(KubeError::Unreachable("the watch was not answered".to_owned())),
        };
        self.hub.live(&self.key, &version, gap);
        let mut events = std::pin::pin!(events);
        let mut idle = tokio::time::interval((self.hub.limits.idle / 4).max(Duration::from_millis(10)));
        let mut heard = Instant::now();
        loop {
            let event = tokio::select! {
                event = events.try_next() => event,
                _ = idle.tick() => {
                    if self.hub.close_if_idle(&self.key) {
                        return End::Idle;
                    }
                    if heard.elapsed() > SILENCE {
                        return End::Over;
                    }
                    continue;
                }
            };
            heard = Instant::now();
            match event {
                Ok(Some(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                    self.version = Some(object.version().to_owned());
                    self.hub.changed(&self.key, &self.id(&object), || Change::Seen(Arc::new(whole(&object))));
                }
                Ok(Some(WatchEvent::Deleted(object))) => {
                    self.version = Some(object.version().to_owned());
                    let at = object.version().parse().unwrap_or(u64::MAX);
                    self.hub.changed(&self.key, &self.id(&object), || Change::Gone(at));
                }
                Ok(Some(WatchEvent::Bookmark(bookmark))) => self.version = Some(bookmark.metadata.resource_version),
                Ok(Some(WatchEvent::Error(status))) => return ended(kube::Error::Api(status).into()),
                Ok(None) => return End::Over,
                Err(error) => return ended(error.into()),
            }
        }
    }

    /// Whether the process may watch the kind everywhere. It is asked rather than tried: a try that is refused is an
    /// attack in the server's audit log.
    async fn may_watch(&self) -> Result<(), KubeError> {
        let is_narrow = self.key.identity.is_some() || !self.key.namespace.is_empty();
        if is_narrow {
            return Ok(());
        }
        for verb in ["list", "watch"] {
            if !self.session.may(verb, &self.resource).await? {
                let message = format!("the controller may not {verb} {} in all namespaces", self.resource.plural);
                return Err(KubeError::forbidden(message));
            }
        }
        Ok(())
    }

    fn id(&self, object: &Thin) -> ObjectId {
        ObjectId {
            group: self.resource.group.clone(),
            kind: self.resource.kind.clone(),
            namespace: object.text("namespace").to_owned(),
            name: object.text("name").to_owned(),
        }
    }
}

fn whole(object: &Thin) -> Node {
    let mut node = Node::map();
    node.set("metadata", from_value(&object.metadata));
    node
}

fn ended(error: KubeError) -> End {
    match error {
        KubeError::Refused { code: 410, .. } => End::TooOld,
        error => End::Failed(error),
    }
}

impl Session {
    /// Where a collection is now.
    async fn version(&self, resource: &Resource, namespace: &str) -> Result<String, KubeError> {
        #[derive(Deserialize)]
        struct List {
            metadata: ListMeta,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct ListMeta {
            resource_version: String,
        }
        self.counters().count_list();
        let uri = format!("{}?limit=1", resource.collection(namespace));
        let request = self.metadata_request(&uri, "PartialObjectMetadataList")?.map(kube::client::Body::from);
        let (body, _) = crate::session::send(self.client(), request).await?;
        let list: List = serde_json::from_slice(&body).map_err(|error| KubeError::Garbled(error.to_string()))?;
        Ok(list.metadata.resource_version)
    }

    fn metadata_request(&self, uri: &str, form: &str) -> Result<http::Request<Vec<u8>>, KubeError> {
        let mut request = request(Method::GET, uri, None, Vec::new())?.map(|_| Vec::new());
        let accept = format!("application/json;as={form};g=meta.k8s.io;v=v1");
        if let Ok(accept) = HeaderValue::from_str(&accept) {
            request.headers_mut().insert(header::ACCEPT, accept);
        }
        self.act(request.headers_mut())?;
        if form == "PartialObjectMetadata" {
            self.counters().count_watch();
        }
        Ok(request)
    }
}
