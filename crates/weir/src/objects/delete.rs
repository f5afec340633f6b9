use super::cluster::get;
use super::kind::Kind;
use super::{Cluster, Say};
use crate::error::CliError;
use weir_kube::Propagation;

#[derive(clap::Args)]
pub struct Args {
    /// Name of the object.
    name: String,
    /// Do not ask.
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    silent: bool,
    #[command(flatten)]
    cluster: Cluster,
}

pub(super) async fn run(kind: &Kind, args: Args, say: &Say<'_>) -> Result<(), CliError> {
    let Args { name, silent, cluster } = args;
    let session = cluster.connect().await?;
    let object = cluster.object(kind, &name);
    get(&session, &object).await?;
    if !silent && !say.confirmed(&format!("Are you sure you want to delete this {}", kind.human)) {
        return Err(CliError::new("aborting (--silent deletes without asking)"));
    }
    say.action(&format!("deleting {} {name} in {} namespace", kind.human, cluster.namespace));
    session.delete(&object, Propagation::Background, None).await?;
    say.success(&format!("{} deleted", kind.human));
    Ok(())
}
