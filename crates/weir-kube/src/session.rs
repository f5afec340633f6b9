use crate::{Discovery, Hub, KubeError, Resource};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::BodyExt;
use kube::client::Body;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use weir_base::Secret;
use weir_doc::{Node, from_json, to_json};
use weir_object::{ObjectId, ObjectRef};
use zeroize::Zeroizing;

const ANSWER_LIMIT: usize = 128 << 20;
/// The server ends a request by itself after a minute; what takes longer has been lost on the way.
const ANSWER_WITHIN: Duration = Duration::from_secs(75);

/// Who makes the requests, when it is not the controller itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    user: String,
}

impl Identity {
    /// A service account, as Flux impersonates it: the user alone, no groups. Empty names are
    /// refused: an empty impersonation header would mean the controller's own rights.
    pub fn service_account(namespace: &str, name: &str) -> Option<Self> {
        let fits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && b != b':');
        (fits(namespace) && fits(name)).then(|| Self { user: format!("system:serviceaccount:{namespace}:{name}") })
    }

    pub fn user(&self) -> &str {
        &self.user
    }
}

/// How many requests were made, by verb.
#[derive(Debug, Default)]
pub struct Counters {
    pub get: AtomicU64,
    pub list: AtomicU64,
    pub watch: AtomicU64,
    pub apply: AtomicU64,
    pub dry_run: AtomicU64,
    pub patch: AtomicU64,
    pub create: AtomicU64,
    pub delete: AtomicU64,
}

impl Counters {
    pub(crate) fn count_list(&self) {
        self.list.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_watch(&self) {
        self.watch.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct ApplyOptions<'a> {
    pub manager: &'a str,
    /// Takes over fields that other managers own.
    pub force: bool,
    pub dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// What an apply did, or would do.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The object as it is then. After a dry-run it has the resource version that it really has.
    pub object: Node,
    /// There was none before.
    pub is_new: bool,
}

/// What a deletion did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    Requested,
    WasGone,
}

/// One identity on one cluster.
#[derive(Clone)]
pub struct Session {
    client: kube::Client,
    discovery: Arc<Discovery>,
    identity: Option<Identity>,
    counters: Arc<Counters>,
    hub: Arc<Hub>,
}

impl Session {
    /// The controller's own session.
    pub fn new(client: kube::Client) -> Self {
        Self::with_hub(client, Arc::default())
    }

    /// The same with a hub that is shared with other clusters, or has its own limits.
    pub fn with_hub(client: kube::Client, hub: Arc<Hub>) -> Self {
        Self { client, discovery: Arc::default(), identity: None, counters: Arc::default(), hub }
    }

    /// The same cluster as somebody else.
    pub fn impersonate(&self, identity: Identity) -> Self {
        Self { identity: Some(identity), ..self.clone() }
    }

    /// The same cluster as the process itself.
    pub fn own(&self) -> Self {
        Self { identity: None, ..self.clone() }
    }

    pub fn client(&self) -> &kube::Client {
        &self.client
    }

    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// A number that the sessions of one connection to a cluster have in common, and no others.
    pub fn cluster(&self) -> u64 {
        self.discovery.id
    }

    pub async fn resource(&self, object: &ObjectRef) -> Result<Arc<Resource>, KubeError> {
        self.discovery.resolve(&self.client, object).await
    }

    /// What a user calls a kind: by its plural, singular, short name or kind, with or without `.GROUP`. None is called so for
    /// none.
    pub async fn resource_named(&self, word: &str) -> Result<Option<Resource>, KubeError> {
        self.discovery.named(&self.client, word).await
    }

    /// Waits until the server serves the kind: discovery follows a new definition with a delay.
    pub async fn resource_within(&self, object: &ObjectRef, within: Duration) -> Result<Arc<Resource>, KubeError> {
        let deadline = Instant::now() + within;
        loop {
            match self.resource(object).await {
                Err(KubeError::UnknownKind { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                answer => return answer,
            }
        }
    }

    /// Forgets which kinds are served.
    pub async fn forget_kinds(&self) {
        self.discovery.invalidate().await;
    }

    /// Reads an object; `None` when there is none.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Node>, KubeError> {
        self.counters.get.fetch_add(1, Ordering::Relaxed);
        let get = |resource: &Resource| (path(resource, &object.id, ""), Vec::new());
        match self.on(object, Method::GET, None, get).await {
            Ok(node) => Ok(Some(node)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists the objects of a kind, in one namespace or (empty) in all.
    pub async fn list(&self, resource: &Resource, namespace: &str, query: &str) -> Result<Vec<Node>, KubeError> {
        self.counters.count_list();
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        let uri = format!("{}{query}", resource.collection(namespace));
        let mut list = self.call(Method::GET, &uri, None, Vec::new()).await?;
        match list.remove("items").map(|items| items.value) {
            Some(weir_doc::Value::Seq(items)) => Ok(items),
            _ => Err(KubeError::Garbled(format!("the list of {} has no items", resource.plural))),
        }
    }

    /// Server-side apply; returns the object as it is then (or would be).
    pub async fn apply(&self, node: &Node, options: ApplyOptions<'_>) -> Result<Node, KubeError> {
        self.apply_told(node, options).await.map(|answer| answer.object)
    }

    /// The same, and says whether there was an object before.
    pub async fn apply_told(&self, node: &Node, options: ApplyOptions<'_>) -> Result<Answer, KubeError> {
        let object = ObjectRef::of(node).map_err(|error| KubeError::BadRequest(error.to_string()))?;
        let counter = if options.dry_run { &self.counters.dry_run } else { &self.counters.apply };
        counter.fetch_add(1, Ordering::Relaxed);
        let dry_run = if options.dry_run { "&dryRun=All" } else { "" };
        let query = format!("fieldManager={}&force={}{dry_run}", options.manager, options.force);
        let apply = |resource: &Resource| (format!("{}?{query}", path(resource, &object.id, "")), to_json(node));
        let (object, status) = self.told(&object, Method::PATCH, Some("application/apply-patch+yaml"), apply).await?;
        Ok(Answer { object, is_new: status == 201 })
    }

    /// A JSON merge patch, to the object or to its `subresource` (empty for none).
    pub async fn merge_patch(
        &self,
        object: &ObjectRef,
        subresource: &str,
        manager: &str,
        patch: &Node,
    ) -> Result<Node, KubeError> {
        self.patch(object, subresource, manager, "application/merge-patch+json", patch).await
    }

    /// A JSON patch (RFC 6902).
    pub async fn json_patch(&self, object: &ObjectRef, manager: &str, patch: &Node) -> Result<Node, KubeError> {
        self.patch(object, "", manager, "application/json-patch+json", patch).await
    }

    async fn patch(
        &self,
        object: &ObjectRef,
        subresource: &str,
        manager: &str,
        content_type: &'static str,
        patch: &Node,
    ) -> Result<Node, KubeError> {
        self.counters.patch.fetch_add(1, Ordering::Relaxed);
        let uri = |resource: &Resource| format!("{}?fieldManager={manager}", path(resource, &object.id, subresource));
        self.on(object, Method::PATCH, Some(content_type), |resource| (uri(resource), to_json(patch))).await
    }

    /// Creates an object.
    pub async fn create(&self, node: &Node, manager: &str) -> Result<Node, KubeError> {
        let (group, version) = weir_object::meta::group_version(node).unwrap_or_default();
        let id = ObjectId {
            group: group.to_owned(),
            kind: weir_object::meta::kind(node).to_owned(),
            namespace: weir_object::meta::namespace(node).unwrap_or_default().to_owned(),
            name: String::new(),
        };
        let object = ObjectRef { id, version: version.to_owned() };
        self.counters.create.fetch_add(1, Ordering::Relaxed);
        let uri = |resource: &Resource| format!("{}?fieldManager={manager}", resource.collection(&object.id.namespace));
        self.on(&object, Method::POST, Some("application/json"), |resource| (uri(resource), to_json(node))).await
    }

    /// A token of a service account for these audiences (TokenRequest), and until when it holds. Without audiences it is for
    /// the API server.
    pub async fn account_token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[String],
    ) -> Result<(Secret<Zeroizing<String>>, SystemTime), KubeError> {
        self.counters.create.fetch_add(1, Ordering::Relaxed);
        let object = ObjectRef::new("v1", "ServiceAccount", namespace, name);
        let mut request = Node::map();
        request.set("apiVersion", "authentication.k8s.io/v1");
        request.set("kind", "TokenRequest");
        let audiences: Vec<Node> = audiences.iter().map(|audience| Node::from(audience.as_str())).collect();
        request.ensure_map(&["spec"]).insert("audiences", Node::from(audiences));
        let create = |resource: &Resource| (path(resource, &object.id, "token"), to_json(&request));
        let answer = self.on(&object, Method::POST, Some("application/json"), create).await?;
        let garbled = || KubeError::Garbled("a TokenRequest has neither token nor time".to_owned());
        let token = answer.str_at(&["status", "token"]).ok_or_else(garbled)?;
        let until =
            answer.str_at(&["status", "expirationTimestamp"]).and_then(|text| text.parse::<jiff::Timestamp>().ok());
        Ok((Secret::new(Zeroizing::new(token.to_owned())), until.ok_or_else(garbled)?.into()))
    }

    /// Deletes an object. With a `uid`, only that very one.
    pub async fn delete(
        &self,
        object: &ObjectRef,
        propagation: Propagation,
        uid: Option<&str>,
    ) -> Result<Deleted, KubeError> {
        self.counters.delete.fetch_add(1, Ordering::Relaxed);
        let mut options = Node::map();
        options.set("apiVersion", "v1");
        options.set("kind", "DeleteOptions");
        let policy = match propagation {
            Propagation::Background => "Background",
            Propagation::Foreground => "Foreground",
            Propagation::Orphan => "Orphan",
        };
        options.set("propagationPolicy", policy);
        if let Some(uid) = uid {
            options.ensure_map(&["preconditions"]).insert("uid", uid);
        }
        let delete = |resource: &Resource| (path(resource, &object.id, ""), to_json(&options));
        match self.on(object, Method::DELETE, Some("application/json"), delete).await {
            Ok(_) => Ok(Deleted::Requested),
            Err(error) if error.is_not_found() => Ok(Deleted::WasGone),
            Err(error) => Err(error),
        }
    }

    /// Whether this identity has a right on a kind in all namespaces, as the server says (SelfSubjectAccessReview).
    pub async fn may(&self, verb: &str, resource: &Resource) -> Result<bool, KubeError> {
        self.counters.create.fetch_add(1, Ordering::Relaxed);
        let mut review = Node::map();
        review.set("apiVersion", "authorization.k8s.io/v1");
        review.set("kind", "SelfSubjectAccessReview");
        let attributes = review.ensure_map(&["spec", "resourceAttributes"]);
        attributes.insert("verb", verb);
        attributes.insert("group", resource.group.as_str());
        attributes.insert("version", resource.version.as_str());
        attributes.insert("resource", resource.plural.as_str());
        let uri = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = self.call(Method::POST, uri, Some("application/json"), to_json(&review)).await?;
        Ok(answer.path(&["status", "allowed"]).and_then(Node::as_bool).unwrap_or(false))
    }

    /// A request about an object. Where its kind is not served as it was, discovery is asked again; a kind that is gone
    /// is an error, never an object that is not there.
    async fn on(
        &self,
        object: &ObjectRef,
        method: Method,
        content_type: Option<&'static str>,
        request: impl Fn(&Resource) -> (String, Vec<u8>),
    ) -> Result<Node, KubeError> {
        self.told(object, method, content_type, request).await.map(|(node, _)| node)
    }

    /// The same, with the status of the answer.
    async fn told(
        &self,
        object: &ObjectRef,
        method: Method,
        content_type: Option<&'static str>,
        request: impl Fn(&Resource) -> (String, Vec<u8>),
    ) -> Result<(Node, u16), KubeError> {
        for part in [&object.id.namespace, &object.id.name] {
            check_segment(part)?;
        }
        let resource = self.resource(object).await?;
        let (uri, body) = request(&resource);
        match self.call_told(method.clone(), &uri, content_type, body).await {
            Err(error) if error.is_not_served() => {
                let renewed = self.discovery.renew(&self.client, object, &resource).await?;
                if *renewed == *resource {
                    return Err(error);
                }
                let (uri, body) = request(&renewed);
                self.call_told(method, &uri, content_type, body).await
            }
            answer => answer,
        }
    }

    async fn call(
        &self,
        method: Method,
        uri: &str,
        content_type: Option<&'static str>,
        body: Vec<u8>,
    ) -> Result<Node, KubeError> {
        self.call_told(method, uri, content_type, body).await.map(|(node, _)| node)
    }

    async fn call_told(
        &self,
        method: Method,
        uri: &str,
        content_type: Option<&'static str>,
        body: Vec<u8>,
    ) -> Result<(Node, u16), KubeError> {
        let mut request = request(method, uri, content_type, body)?;
        self.act(request.headers_mut())?;
        let (body, status) = send(&self.client, request).await?;
        let node = from_json(&body).map_err(|error| KubeError::Garbled(error.to_string()))?;
        Ok((node, status))
    }
}

impl Session {
    /// Makes a request the identity's.
    pub(crate) fn act(&self, headers: &mut HeaderMap) -> Result<(), KubeError> {
        if let Some(identity) = &self.identity {
            let user = HeaderValue::from_str(identity.user())
                .map_err(|_| KubeError::BadRequest(format!("'{}' is not a user name", identity.user())))?;
            headers.insert("impersonate-user", user);
        }
        Ok(())
    }
}

fn path(resource: &Resource, id: &ObjectId, subresource: &str) -> String {
    let name = percent_encoded(&id.name);
    let base = resource.collection(&id.namespace);
    if subresource.is_empty() { format!("{base}/{name}") } else { format!("{base}/{name}/{subresource}") }
}

/// What cannot be a segment of a path is no name, as in client-go: the server would look elsewhere.
fn check_segment(name: &str) -> Result<(), KubeError> {
    let why = match name {
        "." | ".." => format!("may not be '{name}'"),
        name if name.contains('/') => "may not contain '/'".to_owned(),
        name if name.contains('%') => "may not contain '%'".to_owned(),
        _ => return Ok(()),
    };
    Err(KubeError::BadRequest(format!("invalid resource name {name:?}: [{why}]")))
}

/// For a segment of a path (names of RBAC objects may hold characters that a path may not) or a value of a query.
pub fn percent_encoded(name: &str) -> String {
    weir_net::percent_encoded(name, b":")
}

pub(crate) fn request(
    method: Method,
    uri: &str,
    content_type: Option<&'static str>,
    body: Vec<u8>,
) -> Result<Request<Body>, KubeError> {
    let mut builder = Request::builder().method(method).uri(uri).header(header::ACCEPT, "application/json");
    if let Some(content_type) = content_type {
        builder = builder.header(header::CONTENT_TYPE, content_type);
    }
    builder.body(Body::from(body)).map_err(|error| KubeError::BadRequest(error.to_string()))
}

/// Sends a request and reads the whole answer; an answer that is no success is an error.
pub(crate) async fn send(client: &kube::Client, request: Request<Body>) -> Result<(Bytes, u16), KubeError> {
    let answer = tokio::time::timeout(ANSWER_WITHIN, answer(client, request)).await;
    answer.unwrap_or_else(|_| Err(KubeError::Unreachable(format!("no answer within {} s", ANSWER_WITHIN.as_secs()))))
}

async fn answer(client: &kube::Client, request: Request<Body>) -> Result<(Bytes, u16), KubeError> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    tracing::trace!(%method, %uri, "request");
    let response = client.send(request).await.map_err(|error| KubeError::Unreachable(error.to_string()))?;
    let status = response.status();
    tracing::trace!(%method, %uri, status = status.as_u16(), "answer");
    let body = http_body_util::Limited::new(response.into_body(), ANSWER_LIMIT)
        .collect()
        .await
        .map_err(|error| KubeError::Unreachable(error.to_string()))?
        .to_bytes();
    if status.is_success() {
        return Ok((body, status.as_u16()));
    }
    let refused = |reason: &str, message: &str| KubeError::Refused {
        code: status.as_u16(),
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    Err(match from_json(&body) {
        Ok(node) if node.str_at(&["kind"]) == Some("Status") => {
            let reason = node.str_at(&["reason"]).unwrap_or_default();
            let message = node.str_at(&["message"]).unwrap_or_else(|| status.canonical_reason().unwrap_or("refused"));
            refused(reason, message)
        }
        _ => refused("", status.canonical_reason().unwrap_or("refused")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_identity_is_refused() {
        assert_eq!(Identity::service_account("", "a"), None);
        assert_eq!(Identity::service_account("a", ""), None);
        assert_eq!(Identity::service_account("a", "b:c"), None);
        let identity = Identity::service_account("team", "deployer").map(|i| i.user().to_owned());
        assert_eq!(identity.as_deref(), Some("system:serviceaccount:team:deployer"));
    }

    #[test]
    fn names_are_encoded_in_paths() {
        let resource = Resource {
            group: "rbac.authorization.k8s.io".into(),
            version: "v1".into(),
            kind: "ClusterRole".into(),
            plural: "clusterroles".into(),
            namespaced: false,
        };
        let id = ObjectId {
            group: resource.group.clone(),
            kind: resource.kind.clone(),
            namespace: String::new(),
            name: "system:a é".into(),
        };
        let expect = "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:a%20%C3%A9/status";
        assert_eq!(path(&resource, &id, "status"), expect);
        for name in [".", "..", "../b", "a/b", "a%2Fb"] {
            assert!(check_segment(name).is_err(), "{name}");
        }
        assert!(check_segment("system:a..b").is_ok());
    }
}
