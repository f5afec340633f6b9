//! `/metrics`, `/healthz` and `/readyz`.

use super::snapshot::Snapshot;
use crate::controllers::socket;
use crate::error::CliError;
use tokio::net::TcpListener;
use weir_net::Answer;
use weir_runtime::metrics::series;

const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
const TEXT: &str = "text/plain; charset=utf-8";

/// Both servers run as long as the process. The address `0` means that there is none, as for Flux.
/// With `profiling` the state of the process is shown beside the metrics.
pub fn serve(metrics_addr: &str, health_addr: &str, process: Snapshot, profiling: bool) -> Result<(), CliError> {
    listen("--metrics-addr", metrics_addr, move |path| match path {
        "/metrics" => {
            process.metrics.set(&series::WATCH_STREAMS, &[], process.hub.streams() as f64);
            Some((METRICS, process.metrics.text()))
        }
        path => process.at(path).filter(|_| profiling).map(|text| (TEXT, text)),
    })?;
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
