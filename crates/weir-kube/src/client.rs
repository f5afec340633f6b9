use crate::Fence;
use http::{Method, Request, Response};
use kube::client::{Body, ClientBuilder};
use std::sync::Arc;
use tower::{BoxError, Layer, Service};

/// A client whose every request is told to `count`: method, and status (`<error>` when there was no answer, as
/// client-go counts it). While the fence is closed it only reads.
pub fn client(
    config: kube::Config,
    count: impl Fn(&str, &str) + Send + Sync + 'static,
    fence: Fence,
) -> Result<kube::Client, kube::Error> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&Guarding::new(count, fence)).build())
}

type Count = dyn Fn(&str, &str) + Send + Sync;

pub(crate) struct Guarding {
    count: Arc<Count>,
    fence: Fence,
}

impl Guarding {
    pub(crate) fn new(count: impl Fn(&str, &str) + Send + Sync + 'static, fence: Fence) -> Self {
        Self { count: Arc::new(count), fence }
    }
}

#[derive(Clone)]
pub(crate) struct Guarded<S> {
    inner: S,
    count: Arc<Count>,
    fence: Fence,
}

/// A write that was not made.
#[derive(Debug, thiserror::Error)]
#[error("nothing is written: the leader's lease has run out")]
struct Closed;

impl<S> Layer<S> for Guarding {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, count: self.count.clone(), fence: self.fence.clone() }
    }
}

impl<S, B> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = futures::future::BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (method, count) = (request.method().clone(), self.count.clone());
        let reads = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
        if !reads && !self.fence.is_open() {
            return Box::pin(async { Err(Closed.into()) });
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            match &answer {
                Ok(response) => count(method.as_str(), response.status().as_str()),
                Err(_) => count(method.as_str(), "<error>"),
            }
            answer.map_err(Into::into)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tower::ServiceExt;

    #[tokio::test]
    async fn behind_a_closed_fence_only_reads_get_through() {
        let (fence, seen) = (Fence::default(), Arc::new(Mutex::new(Vec::new())));
        let log = seen.clone();
        let count = move |method: &str, status: &str| {
            log.lock().expect("nobody panics").push(format!("{method} {status}"));
        };
        let server = tower::service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(Response::new(Body::empty())) });
        let client = Guarding::new(count, fence.clone()).layer(server);
        let send = |method: Method| {
            let request = Request::builder().method(method).uri("/api").body(Body::empty()).expect("a request");
            client.clone().oneshot(request)
        };
        send(Method::PATCH).await.expect("the fence is open");
        fence.lose("lease");
        send(Method::GET).await.expect("reading harms nobody");
        for method in [Method::PATCH, Method::POST, Method::PUT, Method::DELETE] {
            let error = send(method).await.expect_err("not written");
            assert!(error.to_string().contains("lease has run out"), "{error}");
        }
        assert_eq!(*seen.lock().expect("nobody panics"), ["PATCH 200", "GET 200"]);
    }
}
