use super::cluster::{MANAGER, get, list};
use super::kind::Kind;
use super::{Cluster, Say, wait};
use crate::error::CliError;
use weir_doc::Node;
use weir_kube::Session;
use weir_object::meta;

#[derive(clap::Args)]
pub struct SuspendArgs {
    /// Names of the objects.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    names: Vec<String>,
    /// All objects of the namespace.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    all: bool,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(clap::Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    which: SuspendArgs,
    /// Wait for the reconciliation; the default for one object.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    wait: Option<bool>,
}

pub(super) async fn suspend(kind: &Kind, args: SuspendArgs, say: &Say<'_>) -> Result<(), CliError> {
    let session = args.cluster.connect().await?;
    for name in names(kind, &args, &session, say).await? {
        say.action(&format!("suspending {} {name} in {} namespace", kind.human, args.cluster.namespace));
        set(kind, &args.cluster, &session, &name, true).await?;
        say.success(&format!("{} suspended", kind.human));
    }
    Ok(())
}

pub(super) async fn resume(kind: &Kind, args: ResumeArgs, say: &Say<'_>) -> Result<(), CliError> {
    let ResumeArgs { which, wait } = args;
    let session = which.cluster.connect().await?;
    let names = names(kind, &which, &session, say).await?;
    for name in &names {
        say.action(&format!("resuming {} {name} in {} namespace", kind.human, which.cluster.namespace));
        set(kind, &which.cluster, &session, name, false).await?;
        say.success(&format!("{} resumed", kind.human));
    }
    if !wait.unwrap_or(which.names.len() == 1) {
        return Ok(());
    }
    for name in &names {
        let title = kind.info.kind;
        say.waiting(&format!("waiting for {title} reconciliation"));
        let object = which.cluster.object(kind, name);
        let done = wait::ready(&session, &object, which.cluster.timeout, false, |_| true).await?;
        say.success(&format!("{title} {name} reconciliation completed"));
        say.success(&(kind.reached)(&done));
    }
    Ok(())
}

/// The objects that are there. As in Flux, one that is not is told and does not stop the others.
async fn names(kind: &Kind, args: &SuspendArgs, session: &Session, say: &Say<'_>) -> Result<Vec<String>, CliError> {
    let namespace = &args.cluster.namespace;
    if args.all {
        let found = list(session, kind, namespace, None).await?;
        if found.is_empty() {
            return Err(CliError::new(format!("no {} objects found in \"{namespace}\" namespace", kind.info.kind)));
        }
        return Ok(found.iter().filter_map(meta::name).map(str::to_owned).collect());
    }
    let mut names: Vec<String> = Vec::new();
    for name in &args.names {
        match get(session, &args.cluster.object(kind, name)).await {
            _ if names.contains(name) => {}
            Ok(_) => names.push(name.clone()),
            Err(error) => say.failure(&error.to_string()),
        }
    }
    Ok(names)
}

async fn set(kind: &Kind, cluster: &Cluster, session: &Session, name: &str, suspend: bool) -> Result<(), CliError> {
    let mut patch = Node::map();
    // Off is the absence of the field.
    let value = if suspend { Node::from(true) } else { Node::null() };
    patch.ensure_map(&["spec"]).insert("suspend", value);
    session.merge_patch(&cluster.object(kind, name), "", MANAGER, &patch).await?;
    Ok(())
}
