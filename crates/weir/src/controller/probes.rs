//! `/metrics`, `/healthz` and `/readyz`.

use crate::controllers::socket;
use crate::error::CliError;
use std::sync::Arc;
use tokio::net::TcpListener;
use weir_net::Answer;
use weir_runtime::metrics::Metrics;

const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
const TEXT: &str = "text/plain; charset=utf-8";

/// Both servers run as long as the process. The address `0` means that there is none, as for Flux.
pub fn serve(metrics_addr: &str, health_addr: &str, metrics: Arc<Metrics>) -> Result<(), CliError> {
    listen("--metrics-addr", metrics_addr, move |path| (path == "/metrics").then(|| (METRICS, metrics.text())))?;
    // A standby is healthy too; that it serves no artifacts is what its readiness probe sees.
    listen("--health-addr", health_addr, |path| {
        ["/healthz", "/readyz"].contains(&path).then(|| (TEXT, "ok".to_owned()))
    })
}

fn listen(flag: &str, address: &str, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Result<(), CliError> {
    if address == "0" {
        return Ok(());
    }
    let failed = |error: std::io::Error| CliError::new(format!("{flag} {address}: {error}"));
    let listener = std::net::TcpListener::bind(socket(address)?)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .and_then(TcpListener::from_std)
        .map_err(failed)?;
    tracing::info!(flag, address = %listener.local_addr().map_err(failed)?, "serving");
    tokio::spawn(weir_net::serve(listener, answer));
    Ok(())
}
