use super::cluster::{MANAGER, get};
use super::kind::{GIT, Kind, is_suspended};
use super::{Cluster, Say, wait};
use crate::error::CliError;
use weir_doc::Node;
use weir_kube::Session;

#[derive(clap::Args)]
pub struct Args {
    /// Name of the object.
    name: String,
    #[arg(skip)]
    with_source: bool,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(clap::Args)]
pub struct KustomizationArgs {
    #[command(flatten)]
    args: Args,
    /// Its source first.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    with_source: bool,
}

impl From<KustomizationArgs> for Args {
    fn from(KustomizationArgs { args, with_source }: KustomizationArgs) -> Self {
        Self { with_source, ..args }
    }
}

pub(super) async fn run(kind: &Kind, args: Args, say: &Say<'_>) -> Result<(), CliError> {
    let Args { name, with_source, cluster } = args;
    let session = cluster.connect().await?;
    let found = get(&session, &cluster.object(kind, &name)).await?;
    if is_suspended(&found) {
        return Err(CliError::new("resource is suspended"));
    }
    if with_source {
        let text = |key: &str| found.str_at(&["spec", "sourceRef", key]);
        let source = text("kind").unwrap_or_default();
        if source != GIT.info.kind {
            return Err(CliError::new(format!("cannot reconcile source of kind {source}")));
        }
        let namespace = text("namespace").unwrap_or(&cluster.namespace).to_owned();
        let beside = Cluster { namespace, ..cluster.clone() };
        let name = text("name").unwrap_or_default();
        if is_suspended(&get(&session, &beside.object(&GIT, name)).await?) {
            return Err(CliError::new(format!("{source} {name} is suspended (resume it, or leave out --with-source)")));
        }
        request(&GIT, name, &beside, &session, say).await?;
    }
    request(kind, &name, &cluster, &session, say).await
}

/// Asks for a pass by an annotation, and waits for its outcome.
async fn request(kind: &Kind, name: &str, cluster: &Cluster, session: &Session, say: &Say<'_>) -> Result<(), CliError> {
    let object = cluster.object(kind, name);
    let title = kind.info.kind;
    say.action(&format!("annotating {title} {name} in {} namespace", cluster.namespace));
    let token = jiff::Timestamp::now().to_string();
    let mut patch = Node::map();
    patch.ensure_map(&["metadata", "annotations"]).insert(weir_api::names::REQUESTED_AT, token.as_str());
    session.merge_patch(&object, "", MANAGER, &patch).await?;
    say.success(&format!("{title} annotated"));
    say.waiting(&format!("waiting for {title} reconciliation"));
    let handled = |object: &Node| object.str_at(&["status", "lastHandledReconcileAt"]) == Some(token.as_str());
    let done = wait::ready(session, &object, cluster.timeout, true, handled).await?;
    say.success(&(kind.reached)(&done));
    Ok(())
}
