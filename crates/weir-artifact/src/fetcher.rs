use crate::store::{compare, hasher_for};
use crate::{ArtifactError, Store};
use http_body_util::BodyExt;
use std::time::{Duration, Instant};
use weir_api::common::Artifact;
use weir_base::redact_url;
use weir_net::HttpClient;

/// Times between two tries.
const RETRY_AT_LEAST: Duration = Duration::from_millis(250);
const RETRY_AT_MOST: Duration = Duration::from_secs(1);
/// No try begins later than this after the first: a source that stays away is awaited by its consumer
/// between two passes, and not here, where it would hold a worker. Flux tries for minutes.
const RETRY_WITHIN: Duration = Duration::from_secs(3);
/// Until an answer begins.
const SILENT: Duration = Duration::from_secs(10);
/// Between two pieces of an answer.
const STALLED: Duration = Duration::from_secs(30);
/// A compressed artifact may be so large.
const SIZE_LIMIT: u64 = 512 << 20;

/// Where a consumer reads artifacts: over HTTP from the address in the source's status, or from the
/// disk where the source controller runs in the same process.
#[derive(Clone, Debug)]
pub struct Fetcher {
    local: Option<Store>,
    client: HttpClient,
    retries: u32,
    size_limit: u64,
}

impl Fetcher {
    /// `retries` is Flux's `--http-retry`; the tries of one read end after three seconds all the same.
    pub fn new(local: Option<Store>, retries: u32) -> Self {
        Self { local, client: HttpClient::default(), retries, size_limit: SIZE_LIMIT }
    }

    /// The bytes of an artifact, when they have the digest that its object says.
    pub async fn read(&self, artifact: &Artifact) -> Result<Vec<u8>, ArtifactError> {
        if let Some(store) = self.local.clone().filter(|store| store.serves(artifact)) {
            let artifact = artifact.clone();
            return tokio::task::spawn_blocking(move || store.read(&artifact)).await.unwrap_or_else(|_| {
                Err(ArtifactError::Archive("reading it panicked; this is a mistake in weir".to_owned()))
            });
        }
        let (began, mut attempt) = (Instant::now(), 0);
        loop {
            match self.fetch(artifact).await {
                Err(ArtifactError::Unreachable { .. })
                    if attempt < self.retries && began.elapsed() + RETRY_AT_MOST < RETRY_WITHIN =>
                {
                    let wait = RETRY_AT_LEAST.saturating_mul(1 << attempt.min(10)).min(RETRY_AT_MOST);
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn fetch(&self, artifact: &Artifact) -> Result<Vec<u8>, ArtifactError> {
        let url = redact_url(&artifact.url);
        let unreachable = |message: String| ArtifactError::Unreachable { url: url.clone(), message };
        let silent = |limit: Duration| unreachable(format!("no answer within {} s", limit.as_secs()));
        let response = tokio::time::timeout(SILENT, self.client.get(&artifact.url))
            .await
            .map_err(|_| silent(SILENT))?
            .map_err(|error| unreachable(error.to_string()))?;
        match response.status() {
            status if status.is_success() => {}
            http::StatusCode::NOT_FOUND => return Err(ArtifactError::Missing { path: url }),
            status if status.is_server_error() => return Err(unreachable(format!("the server answered {status}"))),
            status => return Err(ArtifactError::Refused { url, status: status.to_string() }),
        }
        let expected = artifact.size.and_then(|size| u64::try_from(size).ok()).filter(|size| *size > 0);
        let limit = expected.unwrap_or(self.size_limit).min(self.size_limit);
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        let mut hash = hasher_for(artifact)?;
        while let Some(frame) = tokio::time::timeout(STALLED, body.frame()).await.map_err(|_| silent(STALLED))? {
            let frame = frame.map_err(|error| unreachable(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            if (bytes.len() + data.len()) as u64 > limit {
                return Err(ArtifactError::TooLarge { url, limit });
            }
            hash.update(&data);
            bytes.extend_from_slice(&data);
        }
        compare(artifact, hash)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const OBJECT: (&str, &str, &str) = ("GitRepository", "apps", "podinfo");

    async fn served(dir: &tempfile::TempDir) -> Artifact {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("listens");
        let address = listener.local_addr().expect("has one");
        let store = Store::open(dir.path(), &format!("http://{address}")).expect("opens");
        let root = store.root().to_owned();
        tokio::spawn(async move { crate::serve(listener, &root).await });
        store.publish(OBJECT, "a.tar.gz", "main", b"some bytes").expect("publishes")
    }

    #[tokio::test]
    async fn what_is_served_is_fetched_and_checked() {
        let dir = tempfile::tempdir().expect("a folder");
        let artifact = served(&dir).await;
        let fetcher = Fetcher::new(None, 0);
        assert_eq!(fetcher.read(&artifact).await.expect("is fetched"), b"some bytes");

        let other = Artifact { digest: "sha256:00".to_owned(), ..artifact.clone() };
        assert!(matches!(fetcher.read(&other).await, Err(ArtifactError::Digest { .. })));
        let small = Artifact { size: Some(3), ..artifact.clone() };
        assert!(matches!(fetcher.read(&small).await, Err(ArtifactError::TooLarge { limit: 3, .. })));
        let gone = Artifact { url: format!("{}x", artifact.url), ..artifact };
        assert!(matches!(fetcher.read(&gone).await, Err(ArtifactError::Missing { .. })));
    }

    #[tokio::test]
    async fn a_server_that_stays_away_is_left_to_the_next_pass() {
        let dir = tempfile::tempdir().expect("a folder");
        // Nobody listens there.
        let store = Store::open(dir.path(), "http://127.0.0.1:1").expect("opens");
        let artifact = store.publish(OBJECT, "a.tar.gz", "main", b"away").expect("publishes");
        let read = Fetcher::new(None, u32::MAX);
        let error =
            tokio::time::timeout(RETRY_WITHIN * 3, read.read(&artifact)).await.expect("ends").expect_err("away");
        assert_eq!(weir_base::Diagnose::class(&error), weir_base::Class::Waiting, "{error}");
    }

    #[tokio::test]
    async fn a_server_that_comes_up_late_is_met_by_a_retry() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("listens");
        let address = listener.local_addr().expect("has one");
        drop(listener);
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path(), &format!("http://{address}")).expect("opens");
        let artifact = store.publish(OBJECT, "a.tar.gz", "main", b"late").expect("publishes");
        let refused = Fetcher::new(None, 0).read(&artifact).await;
        assert!(matches!(refused, Err(ArtifactError::Unreachable { .. })), "{refused:?}");
        let (fetcher, wanted) = (Fetcher::new(None, 5), artifact.clone());
        let read = tokio::spawn(async move { fetcher.read(&wanted).await });
        tokio::task::yield_now().await;
        let listener = TcpListener::bind(address).await.expect("listens again");
        let root = store.root().to_owned();
        tokio::spawn(async move { crate::serve(listener, &root).await });
        assert_eq!(read.await.expect("ends").expect("is fetched"), b"late");
    }
}
