use super::cluster::{MANAGER, get};
use super::kind::{Kind, is_suspended};
use super::{Cluster, Say, wait};
use crate::error::CliError;
use weir_doc::Node;

#[derive(clap::Args)]
pub struct Args {
    /// Name of the object.
    name: String,
    #[command(flatten)]
    cluster: Cluster,
}

/// Asks for a pass by an annotation, and waits for its outcome.
pub(super) async fn run(kind: &Kind, args: Args, say: &Say<'_>) -> Result<(), CliError> {
    let Args { name, cluster } = args;
    let session = cluster.connect().await?;
    let object = cluster.object(kind, &name);
    if is_suspended(&get(&session, &object).await?) {
        return Err(CliError::new("resource is suspended"));
    }
    let title = kind.info.kind;
    say.action(&format!("annotating {title} {name} in {} namespace", cluster.namespace));
    let token = jiff::Timestamp::now().to_string();
    let mut patch = Node::map();
    patch.ensure_map(&["metadata", "annotations"]).insert(weir_api::names::REQUESTED_AT, token.as_str());
    session.merge_patch(&object, "", MANAGER, &patch).await?;
    say.success(&format!("{title} annotated"));
    say.waiting(&format!("waiting for {title} reconciliation"));
    let handled = |object: &Node| object.str_at(&["status", "lastHandledReconcileAt"]) == Some(token.as_str());
    let done = wait::ready(&session, &object, cluster.timeout, true, handled).await?;
    say.success(&(kind.reached)(&done));
    Ok(())
}
