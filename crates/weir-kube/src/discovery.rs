use crate::KubeError;
use crate::session::{request, send};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, RwLock};
use weir_object::ObjectRef;

/// How the server serves a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub namespaced: bool,
}

impl Resource {
    /// The path of the collection, in a namespace when the kind has one.
    pub fn collection(&self, namespace: &str) -> String {
        let root = match self.group.as_str() {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        match (self.namespaced, namespace) {
            (true, namespace) if !namespace.is_empty() => format!("{root}/namespaces/{namespace}/{}", self.plural),
            _ => format!("{root}/{}", self.plural),
        }
    }
}

/// A miss asks the server again, but not more often than this.
const REFRESH_AT_MOST: Duration = Duration::from_millis(200);

/// What kinds the cluster serves; one cache for every identity, since discovery is the same for all.
#[derive(Debug, Default)]
pub struct Discovery {
    known: RwLock<Known>,
    refreshing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    by_kind: HashMap<(String, String, String), Arc<Resource>>,
    read_at: Option<Instant>,
}

impl Discovery {
    pub fn new() -> Self {
        Self::default()
    }

    /// How the server serves the kind of `object`, in its version.
    pub async fn resolve(&self, client: &kube::Client, object: &ObjectRef) -> Result<Arc<Resource>, KubeError> {
        let key = (object.id.group.clone(), object.version.clone(), object.id.kind.clone());
        let seen = {
            let known = self.known.read().await;
            if let Some(resource) = known.by_kind.get(&key) {
                return Ok(resource.clone());
            }
            known.read_at
        };
        self.refresh_since(client, seen).await?;
        self.known
            .read()
            .await
            .by_kind
            .get(&key)
            .cloned()
            .ok_or_else(|| KubeError::UnknownKind { api_version: object.api_version(), kind: object.id.kind.clone() })
    }

    /// The same, after the server did not know the path of what was resolved before: the definition is gone, or is
    /// another one.
    pub async fn renew(
        &self,
        client: &kube::Client,
        object: &ObjectRef,
        stale: &Arc<Resource>,
    ) -> Result<Arc<Resource>, KubeError> {
        let seen = {
            let known = self.known.read().await;
            known.by_kind.values().any(|resource| Arc::ptr_eq(resource, stale)).then_some(known.read_at)
        };
        if let Some(seen) = seen {
            // What was read just now may be of before.
            tokio::time::sleep(seen.map_or(Duration::ZERO, |at| REFRESH_AT_MOST.saturating_sub(at.elapsed()))).await;
            self.refresh_since(client, seen).await?;
        }
        self.resolve(client, object).await
    }

    /// What a word of the command line means, as for kubectl: a kind, its plural, its singular or a short name, the group
    /// behind a dot or not. The groups' preferred versions come first, the core group before the others.
    pub async fn named(&self, client: &kube::Client, word: &str) -> Result<Option<Resource>, KubeError> {
        let word = word.to_lowercase();
        let (name, group) = word.split_once('.').map_or((word.as_str(), None), |(name, group)| (name, Some(group)));
        for path in ["/api", "/apis"] {
            let groups = groups(client, path).await?;
            let fits = |of: &str| group.is_none_or(|group| group == of);
            for one in groups.items.into_iter().filter(|one| fits(&one.metadata.name)) {
                for version in one.versions {
                    if let Some(served) = version.resources.into_iter().find(|served| served.is_called(name)) {
                        return Ok(Some(served.resource(&one.metadata.name, &version.version)));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Forgets everything, after a definition was added or removed.
    pub async fn invalidate(&self) {
        *self.known.write().await = Known::default();
    }

    async fn refresh_since(&self, client: &kube::Client, seen: Option<Instant>) -> Result<(), KubeError> {
        let _one = self.refreshing.lock().await;
        let read_at = self.known.read().await.read_at;
        // Somebody else asked while we waited, or just before.
        if read_at != seen || read_at.is_some_and(|at| at.elapsed() < REFRESH_AT_MOST) {
            return Ok(());
        }
        let mut by_kind = HashMap::new();
        for path in ["/api", "/apis"] {
            groups(client, path).await?.collect(&mut by_kind);
        }
        *self.known.write().await = Known { by_kind, read_at: Some(Instant::now()) };
        Ok(())
    }
}

async fn groups(client: &kube::Client, path: &str) -> Result<GroupList, KubeError> {
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let mut request = request(http::Method::GET, path, None, Vec::new())?;
    request.headers_mut().insert(http::header::ACCEPT, http::HeaderValue::from_static(accept));
    let (body, _) = send(client, request).await?;
    serde_json::from_slice(&body).map_err(|error| KubeError::Garbled(error.to_string()))
}

#[derive(Deserialize)]
struct GroupList {
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: GroupMeta,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
struct GroupMeta {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Served>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Served {
    resource: String,
    #[serde(default)]
    response_kind: ResponseKind,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    singular_resource: String,
    #[serde(default)]
    short_names: Vec<String>,
}

impl Served {
    /// Whether a word in lower case names it.
    fn is_called(&self, word: &str) -> bool {
        let names = [self.resource.as_str(), &self.singular_resource, &self.response_kind.kind];
        names.into_iter().chain(self.short_names.iter().map(String::as_str)).any(|name| name.to_lowercase() == word)
    }

    fn resource(self, group: &str, version: &str) -> Resource {
        Resource {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: self.response_kind.kind,
            plural: self.resource,
            namespaced: self.scope == "Namespaced",
        }
    }
}

#[derive(Default, Deserialize)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

impl GroupList {
    fn collect(self, by_kind: &mut HashMap<(String, String, String), Arc<Resource>>) {
        for group in self.items {
            for version in group.versions {
                for served in version.resources {
                    let resource = served.resource(&group.metadata.name, &version.version);
                    let key = (resource.group.clone(), resource.version.clone(), resource.kind.clone());
                    by_kind.entry(key).or_insert_with(|| Arc::new(resource));
                }
            }
        }
    }
}
