use super::cluster::{get, list};
use super::kind::Kind;
use super::{Cluster, Say};
use crate::error::CliError;
use weir_api::names;
use weir_doc::emit::to_yaml;
use weir_doc::{Map, Node};
use weir_object::{ObjectId, ObjectRef};

#[derive(clap::Args)]
pub struct Which {
    /// Name of the object.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// All objects of the namespace.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    all: bool,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Print the Secrets that the objects name too.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    with_credentials: bool,
}

impl From<Which> for Args {
    fn from(which: Which) -> Self {
        Self { which, with_credentials: false }
    }
}

pub(super) async fn run(kind: &Kind, args: Args, say: &Say<'_>) -> Result<(), CliError> {
    let Args { which: Which { name, all: _, cluster }, with_credentials } = args;
    let session = cluster.connect().await?;
    let objects = match &name {
        Some(name) => vec![get(&session, &cluster.object(kind, name)).await?],
        None => list(&session, kind, &cluster.namespace, None).await?,
    };
    if objects.is_empty() {
        return Err(CliError::new(format!("no objects found in \"{}\" namespace", cluster.namespace)));
    }
    for object in &objects {
        print(say, &bare(object, &["spec"]));
        let secret = object.str_at(&["spec", "secretRef", "name"]).filter(|_| with_credentials);
        if let Some(secret) = secret {
            let id = ObjectId {
                group: String::new(),
                kind: "Secret".to_owned(),
                namespace: cluster.namespace.clone(),
                name: secret.to_owned(),
            };
            let secret = get(&session, &ObjectRef { id, version: "v1".to_owned() }).await?;
            print(say, &bare(&secret, &["data", "type"]));
        }
    }
    Ok(())
}

/// One document.
pub(super) fn print(say: &Say<'_>, object: &Node) {
    say.data(&format!("---\n{}", to_yaml(object).trim_end()));
}

/// What a user wrote: no status, nothing that the server added.
fn bare(object: &Node, members: &[&str]) -> Node {
    let mut out = Node::map();
    for member in ["apiVersion", "kind"].iter().chain(members) {
        if let Some(value) = object.get(member) {
            out.set(*member, value.clone());
        }
    }
    for member in ["name", "namespace", "labels", "annotations"] {
        if let Some(value) = object.path(&["metadata", member]) {
            out.ensure_map(&["metadata"]).insert(member, value.clone());
        }
    }
    // A request that was answered is nothing to keep; flux keeps it.
    if let Some(annotations) = out.path_mut(&["metadata", "annotations"]) {
        annotations.remove(names::REQUESTED_AT);
        if annotations.as_map().is_some_and(Map::is_empty) {
            out.ensure_map(&["metadata"]).remove("annotations");
        }
    }
    out
}
