use http::{Request, Response};
use kube::client::{Body, ClientBuilder};
use std::sync::Arc;
use tower::{Layer, Service};

/// A client whose every request is told to `count`: method, and status (`<error>` when there was no answer, as
/// client-go counts it).
pub fn counted(
    config: kube::Config,
    count: impl Fn(&str, &str) + Send + Sync + 'static,
) -> Result<kube::Client, kube::Error> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&Counting(Arc::new(count))).build())
}

type Count = dyn Fn(&str, &str) + Send + Sync;

struct Counting(Arc<Count>);

#[derive(Clone)]
struct Counted<S> {
    inner: S,
    count: Arc<Count>,
}

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, count: self.0.clone() }
    }
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = futures::future::BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (method, count) = (request.method().clone(), self.count.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            match &answer {
                Ok(response) => count(method.as_str(), response.status().as_str()),
                Err(_) => count(method.as_str(), "<error>"),
            }
            answer
        })
    }
}
