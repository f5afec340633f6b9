//! The API as a tower service.

use crate::cluster::Cluster;
use crate::handlers;
use crate::request::body::MAX_BODY;
use crate::status::ApiError;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The API server as a service: cheap to clone, without a socket. Dropping a response ends its watch.
#[derive(Clone)]
pub struct SandboxService {
    cluster: Arc<Cluster>,
    /// Whether a request without credentials is the administrator's.
    trusted: bool,
}

/// A response's body: a document, or the events of a watch as they come.
pub struct SandboxBody(Kind);

enum Kind {
    Full(Option<Bytes>),
    Stream(Pin<Box<dyn futures::Stream<Item = Bytes> + Send>>),
}

impl SandboxBody {
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        SandboxBody(Kind::Full(Some(bytes.into())))
    }

    pub(crate) fn stream(stream: impl futures::Stream<Item = Bytes> + Send + 'static) -> Self {
        SandboxBody(Kind::Stream(Box::pin(stream)))
    }
}

impl Body for SandboxBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        match &mut self.0 {
            Kind::Full(bytes) => Poll::Ready(
                bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(http_body::Frame::data(bytes))),
            ),
            Kind::Stream(stream) => {
                stream.as_mut().poll_next(cx).map(|next| next.map(|bytes| Ok(http_body::Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Kind::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.0 {
            Kind::Full(bytes) => http_body::SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Stream(_) => http_body::SizeHint::default(),
        }
    }
}

impl SandboxService {
    pub(crate) fn new(cluster: Arc<Cluster>, trusted: bool) -> Self {
        SandboxService { cluster, trusted }
    }

    async fn answer<B>(self, request: Request<B>) -> Response<SandboxBody>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let outcome = match read(body).await {
            Ok(body) => handlers::handle(&self.cluster, self.trusted, &parts, body).await,
            Err(error) => Err(error),
        };
        outcome.unwrap_or_else(|error| refuse(&error))
    }
}

async fn read<B>(body: B) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(ApiError::too_large(format!("limit is {MAX_BODY}")))
        }
        Err(error) => Err(ApiError::bad_request(format!("reading the body: {error}"))),
    }
}

/// A `Status` as a response.
pub(crate) fn refuse(error: &ApiError) -> Response<SandboxBody> {
    let mut response = Response::new(SandboxBody::full(weir_doc::to_json(&error.to_node())));
    *response.status_mut() = http::StatusCode::from_u16(error.code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    handlers::warn(&mut response, &error.warnings);
    if error.code == 429 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

impl<B> tower::Service<Request<B>> for SandboxService
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<SandboxBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<SandboxBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}
