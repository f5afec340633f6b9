use super::{Say, create_kustomization, create_secret, create_source, create_tenant};
use crate::error::CliError;
use clap::Subcommand;
use weir_doc::Node;

/// Create or update objects, or print them.
#[derive(clap::Parser)]
pub struct Create {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Sources.
    #[command(subcommand)]
    Source(Source),
    /// Secrets.
    #[command(subcommand)]
    Secret(Secret),
    /// Create or update a Kustomization and wait until it is applied.
    #[command(visible_alias = "ks")]
    Kustomization(Box<create_kustomization::Args>),
    /// Create or update a tenant: namespaces, a service account, its rights, and the kustomize controller's right to act as
    /// it.
    Tenant(Box<create_tenant::Args>),
}

#[derive(Subcommand)]
enum Source {
    /// Create or update a GitRepository and wait for its artifact. For an ssh URL without --secret-ref a key is made
    /// and the host's keys are looked up.
    Git(Box<create_source::Args>),
}

#[derive(Subcommand)]
enum Secret {
    /// Create or update a Secret with credentials for a Git repository. For an ssh URL a key is made and the host's keys are
    /// looked up.
    Git(Box<create_secret::Args>),
}

pub(super) async fn run(create: Create, say: &Say<'_>) -> Result<(), CliError> {
    match create.what {
        What::Source(Source::Git(args)) => create_source::run(*args, say).await,
        What::Kustomization(args) => create_kustomization::run(*args, say).await,
        What::Tenant(args) => create_tenant::run(*args, say).await,
        What::Secret(Secret::Git(args)) => create_secret::run(*args, say).await,
    }
}

/// What all created objects may be given.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Common {
    /// Print the object instead of applying it.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub export: bool,
    /// Labels of the object: KEY=VALUE,...
    #[arg(long = "label", value_delimiter = ',', value_name = "LABELS", value_parser = label)]
    pub labels: Vec<(String, String)>,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// An object with a name and labels.
pub(super) fn object(api_version: &str, kind: &str, (namespace, name): (&str, &str), common: &Common) -> Node {
    let mut node = Node::map();
    node.set("apiVersion", api_version);
    node.set("kind", kind);
    let meta = node.ensure_map(&["metadata"]);
    meta.insert("name", name);
    meta.insert("namespace", namespace);
    for (key, value) in &common.labels {
        node.ensure_map(&["metadata", "labels"]).insert(key.as_str(), value.as_str());
    }
    node
}
