use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::path::Path;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

/// Serves the artifacts below `root` until the future is dropped. Plain HTTP without
/// authentication, as Flux's artifact server: the network policy is what protects it.
pub async fn serve(listener: TcpListener, root: &Path) {
    let files = ServeDir::new(root).append_index_html_on_directories(false);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection to the artifact server was not accepted");
                continue;
            }
        };
        let service = TowerToHyperService::new(files.clone());
        tokio::spawn(async move {
            if let Err(error) = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
            {
                tracing::debug!(error, "a connection to the artifact server ended early");
            }
        });
    }
}
