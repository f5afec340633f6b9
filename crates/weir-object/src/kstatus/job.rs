//! Flux' own rule for jobs: one is ready when it is complete, not when it has started.

use super::Verdict;
use super::fields::{Unreadable, conditions, count, text};
use weir_doc::Node;

pub(super) fn assess(node: &Node) -> Result<Verdict, Unreadable> {
    if node.path(&["spec", "suspend"]).and_then(Node::as_bool) == Some(true) {
        return Ok(Verdict::current("Job is suspended"));
    }
    let parallelism = count(node, &["spec", "parallelism"], 1);
    let completions = count(node, &["spec", "completions"], parallelism);
    let counted = |field| count(node, &["status", field], 0);
    let (active, succeeded, failed) = (counted("active"), counted("succeeded"), counted("failed"));
    for condition in conditions(node)? {
        if condition.is("Complete", "True") {
            return Ok(Verdict::current(format!("Job Completed. succeeded: {succeeded}/{completions}")));
        }
        if condition.is("Failed", "True") {
            let told = format!("Job Failed. failed: {failed}/{completions}");
            // The original leaves out why, which is what its reader wants to know.
            let why = if condition.message.is_empty() { String::new() } else { format!(": {}", condition.message) };
            return Ok(Verdict::failed(told + &why));
        }
    }
    Ok(Verdict::in_progress(if text(node, &["status", "startTime"], "").is_empty() {
        format!("Job not started. active: 0/{parallelism}")
    } else {
        format!("Job in progress. success:{succeeded}, active: {active}, failed: {failed}")
    }))
}
