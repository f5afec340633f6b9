use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// What a path is answered with: content type and text; `None` is 404.
pub type Answer = Option<(&'static str, String)>;

/// After a failed accept (no file descriptors left) there is a pause, not a busy loop.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves texts over plain HTTP until the future is dropped.
pub async fn serve(listener: TcpListener, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) {
    let answer = Arc::new(answer);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let response = respond(answer(request.uri().path()));
                async move { Ok::<_, Infallible>(response) }
            });
            // A client that hangs up early is its own affair.
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let (status, kind, text) = match answer {
        Some((kind, text)) => (StatusCode::OK, kind, text),
        None => (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
