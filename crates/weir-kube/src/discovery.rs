use crate::KubeError;
use crate::session::{request, send};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// As the objects have it.
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

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
#[derive(Debug)]
pub struct Discovery {
    /// Never given twice: what is remembered of one cluster is not taken for another's.
    pub(crate) id: u64,
    known: RwLock<Known>,
    refreshing: Mutex<()>,
}

impl Default for Discovery {
    fn default() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self { id: LAST.fetch_add(1, Ordering::Relaxed), known: RwLock::default(), refreshing: Mutex::default() }
    }
}

#[derive(Debug, Default)]
struct Known {
    by_kind: HashMap<(String, String, String), Arc<Resource>>,
    /// Groups and versions of aggregated servers that do not answer: what they serve is not known.
    stale: HashSet<(String, String)>,
    read_at: Option<Instant>,
}

impl Known {
    fn find(&self, object: &ObjectRef) -> Result<Arc<Resource>, KubeError> {
        let (group, version, kind) = (&object.id.group, &object.version, &object.id.kind);
        if let Some(resource) = self.by_kind.get(&(group.clone(), version.clone(), kind.clone())) {
            return Ok(resource.clone());
        }
        if self.stale.contains(&(group.clone(), version.clone())) {
            return Err(KubeError::Unanswered { group: group.clone(), version: version.clone(), kind: kind.clone() });
        }
        Err(KubeError::UnknownKind { api_version: object.api_version(), kind: kind.clone() })
    }
}

impl Discovery {
    pub fn new() -> Self {
        Self::default()
    }

    /// How the server serves the kind of `object`, in its version.
    pub async fn resolve(&self, client: &kube::Client, object: &ObjectRef) -> Result<Arc<Resource>, KubeError> {
        let seen = {
            let known = self.known.read().await;
            if let Ok(resource) = known.find(object) {
                return Ok(resource);
            }
            known.read_at
        };
        self.refresh_since(client, seen).await?;
        self.known.read().await.find(object)
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
        let mut known = Known::default();
        for path in ["/api", "/apis"] {
            groups(client, path).await?.collect(&mut known);
        }
        known.read_at = Some(Instant::now());
        *self.known.write().await = known;
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
    /// `Stale`, when the server that has them did not answer.
    #[serde(default)]
    freshness: String,
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
    fn collect(self, known: &mut Known) {
        for group in self.items {
            for version in group.versions {
                if version.freshness == "Stale" {
                    known.stale.insert((group.metadata.name.clone(), version.version.clone()));
                }
                for served in version.resources {
                    let resource = served.resource(&group.metadata.name, &version.version);
                    let key = (resource.group.clone(), resource.version.clone(), resource.kind.clone());
                    known.by_kind.entry(key).or_insert_with(|| Arc::new(resource));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_answer_is_not_taken_for_what_is_not_there() {
        let json = r#"{"items":[
            {"metadata":{"name":"metrics.example"},"versions":[
                {"version":"v1","freshness":"Stale"},
                {"version":"v2","freshness":"Stale","resources":[
                    {"resource":"gauges","responseKind":{"kind":"Gauge"},"scope":"Namespaced"}]},
                {"version":"v3","freshness":"Current","resources":[]}]}]}"#;
        let list: GroupList = serde_json::from_str(json).expect("a list of groups");
        let mut known = Known::default();
        list.collect(&mut known);
        let find =
            |version: &str| known.find(&ObjectRef::new(&format!("metrics.example/{version}"), "Gauge", "a", "b"));
        assert!(matches!(find("v1"), Err(KubeError::Unanswered { .. })), "{:?}", find("v1"));
        assert_eq!(
            find("v2").map(|resource| resource.plural.clone()).ok().as_deref(),
            Some("gauges"),
            "as it was known"
        );
        assert!(matches!(find("v3"), Err(KubeError::UnknownKind { .. })), "{:?}", find("v3"));
        assert!(matches!(find("v4"), Err(KubeError::UnknownKind { .. })), "{:?}", find("v4"));
    }
}
