use super::kind::Kind;
use crate::error::CliError;
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::PathBuf;
use std::time::Duration;
use weir_doc::Node;
use weir_kube::{Resource, Session};
use weir_object::{ObjectId, ObjectRef, meta};

/// Field manager of what these commands write.
pub(super) const MANAGER: &str = "flux";

/// Which cluster, and where in it.
#[derive(Args, Clone, Debug)]
pub struct Cluster {
    /// Use the cluster of this file; default: KUBECONFIG, else the home folder's.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Use this context of the file.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Namespace of the objects.
    #[arg(short, long, default_value = "flux-system", env = "FLUX_SYSTEM_NAMESPACE", value_name = "NAME")]
    pub namespace: String,
    /// How long the command may take.
    #[arg(long, default_value = "5m", value_parser = crate::objects::cluster::duration, value_name = "DURATION")]
    pub timeout: Duration,
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<weir_api::common::Duration>().map(|duration| duration.get()).map_err(|error| error.to_string())
}

impl Cluster {
    pub async fn connect(&self) -> Result<Session, CliError> {
        let failed = |error: &dyn std::fmt::Display| {
            CliError::new(format!("no cluster: {error} (name one with --kubeconfig or KUBECONFIG)"))
        };
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = match (&self.kubeconfig, &self.context) {
            (Some(file), _) => {
                let read = Kubeconfig::read_from(file).map_err(|error| failed(&error))?;
                kube::Config::from_custom_kubeconfig(read, &options).await.map_err(|error| failed(&error))?
            }
            (None, Some(_)) => kube::Config::from_kubeconfig(&options).await.map_err(|error| failed(&error))?,
            (None, None) => kube::Config::infer().await.map_err(|error| failed(&error))?,
        };
        let client = kube::Client::try_from(config).map_err(|error| failed(&error))?;
        Ok(Session::new(client))
    }

    /// Ends work that takes longer than `--timeout`.
    pub async fn within<T>(&self, work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
        let late = || CliError::new(format!("not done within {} s (see --timeout)", self.timeout.as_secs()));
        tokio::time::timeout(self.timeout, work).await.map_err(|_| late())?
    }

    pub fn object(&self, kind: &Kind, name: &str) -> ObjectRef {
        kind.object(&self.namespace, name)
    }
}

/// One object, which has to be there.
pub(super) async fn get(session: &Session, object: &ObjectRef) -> Result<Node, CliError> {
    let found = session.get(object).await?;
    found.ok_or_else(|| {
        let ObjectId { kind, namespace, name, .. } = &object.id;
        CliError::new(format!("{kind} object '{name}' not found in \"{namespace}\" namespace"))
    })
}

/// The objects of a kind, by namespace and name; of all namespaces for none.
pub(super) async fn list(
    session: &Session,
    kind: &Kind,
    namespace: &str,
    selector: Option<&str>,
) -> Result<Vec<Node>, CliError> {
    let resource = Resource {
        group: kind.info.group.to_owned(),
        version: kind.info.version.to_owned(),
        kind: kind.info.kind.to_owned(),
        plural: kind.plural.to_owned(),
        namespaced: true,
    };
    let query =
        selector.map_or_else(String::new, |labels| format!("labelSelector={}", weir_kube::percent_encoded(labels)));
    let mut objects = session.list(&resource, namespace, &query).await?;
    objects.sort_by(|one, other| {
        let key = |object| (meta::namespace(object), meta::name(object));
        key(one).cmp(&key(other))
    });
    Ok(objects)
}

/// Creates the object, or gives an existing one its labels and these members, whole. Says whether it
/// was created.
pub(super) async fn upsert(session: &Session, node: &Node, members: &[&str]) -> Result<bool, CliError> {
    let object = ObjectRef::of(node)?;
    let Some(existing) = session.get(&object).await? else {
        session.create(node, MANAGER).await?;
        return Ok(true);
    };
    let mut patch = Vec::new();
    let mut step = |op: &str, path: &str, value: Option<Node>| {
        let mut step = Node::map();
        step.set("op", op);
        step.set("path", path);
        if let Some(value) = value {
            step.set("value", value);
        }
        patch.push(step);
    };
    for member in members {
        match (node.get(member), existing.get(member)) {
            (Some(value), _) => step("add", &format!("/{member}"), Some(value.clone())),
            (None, Some(_)) => step("remove", &format!("/{member}"), None),
            (None, None) => {}
        }
    }
    match (node.path(&["metadata", "labels"]), existing.path(&["metadata", "labels"])) {
        (Some(labels), _) => step("add", "/metadata/labels", Some(labels.clone())),
        (None, Some(_)) => step("remove", "/metadata/labels", None),
        (None, None) => {}
    }
    session.json_patch(&object, MANAGER, &Node::from(patch)).await?;
    Ok(false)
}
