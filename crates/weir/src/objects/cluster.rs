use super::connection::Connection;
use super::kind::Kind;
use crate::error::CliError;
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
use std::time::Duration;
use weir_doc::Node;
use weir_kube::{Resource, Session};
use weir_merge::operation;
use weir_object::{ObjectId, ObjectRef, meta};

/// Field manager of what the commands write, as that of the flux program and its bootstrap.
pub const MANAGER: &str = "flux";

/// Namespace of the objects where none is named.
const NAMESPACE: &str = "flux-system";

/// Which cluster, and where in it.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub connection: Connection,
    pub namespace: String,
    pub timeout: Duration,
}

#[derive(Args, Clone, Debug)]
struct Flags {
    #[command(flatten)]
    connection: Connection,
    /// Namespace of the objects; default: FLUX_SYSTEM_NAMESPACE, else flux-system.
    #[arg(short, long, value_name = "NAME", help_heading = "Cluster")]
    namespace: Option<String>,
    /// Default to the context's namespace; the environment's FLUX_NS_FOLLOWS_KUBE_CONTEXT means the same.
    #[arg(long, help_heading = "Cluster", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    ns_follows_kube_context: bool,
    /// How long the command may take.
    #[arg(long, default_value = "5m", value_parser = duration, value_name = "DURATION", help_heading = "Cluster")]
    timeout: Duration,
}

impl Args for Cluster {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Cluster {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let Flags { connection, namespace, ns_follows_kube_context, timeout } = Flags::from_arg_matches(matches)?;
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let follows = ns_follows_kube_context || set("FLUX_NS_FOLLOWS_KUBE_CONTEXT").is_some();
        // As in Flux, an environment that makes no sense is no mistake of the user's.
        let usual = || set("FLUX_SYSTEM_NAMESPACE").filter(|name| is_label(name));
        let namespace = namespace
            .or_else(|| connection.namespace().filter(|_| follows))
            .or_else(usual)
            .unwrap_or_else(|| NAMESPACE.to_owned());
        if !is_label(&namespace) {
            let message = format!("namespace must be a valid DNS label: \"{namespace}\"");
            return Err(Error::raw(ErrorKind::ValueValidation, message));
        }
        Ok(Self { connection, namespace, timeout })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The name of a namespace, from the command line.
pub fn namespace(name: &str) -> Result<String, String> {
    if is_label(name) { Ok(name.to_owned()) } else { Err("a namespace is a valid DNS label".to_owned()) }
}

/// Whether a name is a label of RFC 1123.
fn is_label(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('-') && !name.ends_with('-')
}

pub fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<weir_api::common::Duration>().map(|duration| duration.get()).map_err(|error| error.to_string())
}

impl Cluster {
    pub async fn connect(&self) -> Result<Session, CliError> {
        let config = self.connection.config().await?;
        let client = kube::Client::try_from(config);
        client.map(Session::new).map_err(|error| CliError::new(format!("no cluster: {error}")))
    }

    /// Ends work that takes longer than `--timeout`.
    pub async fn within<T>(&self, work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
        let late = || CliError::new(format!("not done within {} s (see --timeout)", self.timeout.as_secs()));
        tokio::time::timeout(self.timeout, work).await.map_err(|_| late())?
    }

    pub(super) fn object(&self, kind: &Kind, name: &str) -> ObjectRef {
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
    let mut step = |op: &str, path: &str, value: Option<Node>| patch.push(operation(op, path, value));
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        cluster: Cluster,
    }

    fn of(args: &[&str]) -> Result<String, String> {
        let line = [&["x"], args].concat();
        Line::try_parse_from(line).map(|line| line.cluster.namespace).map_err(|error| error.to_string())
    }

    #[test]
    fn the_namespace_is_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("kubeconfig");
        let text = "current-context: a\ncontexts:\n- name: a\n  context: {cluster: c, user: u, namespace: apps}\n\
                    - name: b\n  context: {cluster: c, user: u}\n";
        std::fs::write(&file, text).expect("is written");
        let file = file.to_str().expect("a path");
        assert_eq!(of(&["--kubeconfig", file]).as_deref(), Ok("flux-system"));
        assert_eq!(of(&["--kubeconfig", file, "--ns-follows-kube-context"]).as_deref(), Ok("apps"));
        let of_b = ["--kubeconfig", file, "--ns-follows-kube-context", "--context", "b"];
        assert_eq!(of(&of_b).as_deref(), Ok("flux-system"));
        assert_eq!(of(&["--kubeconfig", file, "--ns-follows-kube-context", "-n", "x"]).as_deref(), Ok("x"));
        let error = of(&["-n", "Apps"]).expect_err("is no label");
        assert!(error.contains("namespace must be a valid DNS label: \"Apps\"\n"), "{error}");
    }
}
