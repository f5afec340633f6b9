//! What must be on the cluster before the controllers have something to do.

use super::target::Target;
use crate::error::CliError;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use weir_doc::{Node, from_value};
use weir_kube::{ApplyOptions, Session};
use weir_object::kstatus::{Status, assess};
use weir_object::{ObjectRef, meta};

const MANAGER: &str = "weir";
const ESTABLISHED_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// The definitions of Flux's kinds, established.
pub async fn definitions(session: &Session) -> Result<(), CliError> {
    let mut refs = Vec::new();
    for definition in weir_api::crds() {
        let node = from_value(&weir_api::crd::to_json(&definition));
        apply(session, &node).await?;
        refs.push(ObjectRef::of(&node)?);
    }
    let deadline = Instant::now() + ESTABLISHED_WITHIN;
    for object in refs {
        loop {
            let live = session.get(&object).await?;
            if live.is_some_and(|live| {
                assess(&live, std::time::SystemTime::now()).status == Status::Current && has_conditions(&live)
            }) {
                break;
            }
            if Instant::now() > deadline {
                let seconds = ESTABLISHED_WITHIN.as_secs();
                return Err(CliError::new(format!("{object} was not established within {seconds} s")));
            }
            tokio::time::sleep(POLL).await;
        }
    }
    session.forget_kinds().await;
    Ok(())
}

fn has_conditions(node: &Node) -> bool {
    node.path(&["status", "conditions"]).and_then(Node::as_seq).is_some_and(|c| !c.is_empty())
}

/// The objects that start everything, and the namespaces they are in.
pub async fn objects(session: &Session, target: &Target) -> Result<(), CliError> {
    let namespaces: BTreeSet<&str> = target.objects.iter().filter_map(meta::namespace).collect();
    for namespace in namespaces {
        let mut node = Node::map();
        node.set("apiVersion", "v1");
        node.set("kind", "Namespace");
        node.ensure_map(&["metadata"]).insert("name", namespace);
        apply(session, &node).await?;
    }
    for object in &target.objects {
        let reference = ObjectRef::of(object)?;
        // The server may still be reading the definition.
        session.resource_within(&reference, Duration::from_secs(10)).await?;
        apply(session, object).await?;
    }
    Ok(())
}

async fn apply(session: &Session, node: &Node) -> Result<(), CliError> {
    let options = ApplyOptions { manager: MANAGER, force: true, dry_run: false };
    session.apply(node, options).await.map_err(|error| {
        let (kind, name) = (meta::kind(node), meta::name(node).unwrap_or_default());
        let at = if node.meta.at.is_known() { format!("{}: ", node.meta.at) } else { String::new() };
        CliError::new(format!("{at}{kind}/{name} was not applied: {error}"))
    })?;
    Ok(())
}
