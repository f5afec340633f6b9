use super::cluster::get;
use super::kind::{condition, readiness};
use crate::error::CliError;
use std::time::Duration;
use weir_doc::Node;
use weir_kube::Session;
use weir_object::ObjectRef;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Waits until an object that passes `is_due` is ready. Flux waits to the end of `--timeout` for one
/// that has failed; with `fails_early` this does not.
pub(super) async fn ready(
    session: &Session,
    object: &ObjectRef,
    timeout: Duration,
    fails_early: bool,
    is_due: impl Fn(&Node) -> bool,
) -> Result<Node, CliError> {
    let mut last = String::from("it was not seen yet");
    let wait = async {
        loop {
            let found = get(session, object).await?;
            let (status, message) = readiness(&found);
            let observed = found.path(&["status", "observedGeneration"]) == found.path(&["metadata", "generation"]);
            let stalled =
                condition(&found, "Stalled").is_some_and(|stalled| stalled.str_at(&["status"]) == Some("True"));
            if observed && is_due(&found) {
                match status.as_str() {
                    "True" => return Ok(found),
                    "False" if stalled || fails_early => {
                        let kind = &object.id.kind;
                        return Err(CliError::new(format!("{kind} reconciliation failed: '{message}'")));
                    }
                    _ => {}
                }
            }
            last = message;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(timeout, wait).await {
        Ok(done) => done,
        Err(_) => {
            let seconds = timeout.as_secs();
            Err(CliError::new(format!("{} is not ready after {seconds} s: {last} (see --timeout)", object.id.kind)))
        }
    }
}
