//! The way back: what only weir has, and field managers in versions that Flux does not serve.

use super::state::State;
use crate::error::CliError;
use crate::objects::{MANAGER, Say, live};
use weir_api::additions;
use weir_doc::{Node, from_value, to_value};
use weir_kube::Session;
use weir_merge::operation;
use weir_object::{ObjectRef, meta};

/// Says each addition that an object uses; how many objects use one.
pub fn say_additions(state: &State, say: &Say<'_>) -> usize {
    let mut count = 0;
    for (_, object) in &state.objects {
        let used = additions::used(&to_value(object));
        count += usize::from(!used.is_empty());
        for one in used {
            say.warning(&format!("{}: {}: {}", live::id_of(object), one.what, one.instead));
        }
    }
    count
}

/// Takes the additions out of the objects on the cluster. What stands in Git has to be changed there.
pub async fn drop_additions(session: &Session, state: &State, say: &Say<'_>) -> Result<(), CliError> {
    for (_, object) in &state.objects {
        let Some(patch) = additions::without(&to_value(object)) else { continue };
        let reference = ObjectRef::of(object)?;
        session.merge_patch(&reference, "", MANAGER, &from_value(&patch)).await?;
        say.success(&format!("{reference}: what Flux does not know is taken out"));
        if meta::label(object, weir_api::names::KUSTOMIZE_NAME).is_some() {
            say.warning(&format!("{reference} is applied from Git: take it out there too, or it comes back"));
        }
    }
    Ok(())
}

/// Rewrites the entries of field managers whose version Flux's definitions do not serve: the server would refuse to merge
/// them. Says how many objects were changed.
pub async fn serve_managers(session: &Session, state: &State) -> Result<usize, CliError> {
    let mut count = 0;
    for definition in &state.definitions {
        let (served, collection) = (definition.served(), definition.collection());
        let is_of = |object: &&Node| {
            meta::kind(object) == collection.kind
                && meta::group_version(object).is_some_and(|(group, _)| group == collection.group)
        };
        for object in state.objects.iter().map(|(_, object)| object).filter(is_of) {
            let version = collection.api_version();
            let steps = rewritten(object, &served, &version);
            if !steps.is_empty() {
                session.json_patch(&ObjectRef::of(object)?, MANAGER, &Node::from(steps)).await?;
                count += 1;
            }
        }
    }
    Ok(count)
}

fn rewritten(object: &Node, served: &[&str], version: &str) -> Vec<Node> {
    let entries = object.path(&["metadata", "managedFields"]).and_then(Node::as_seq);
    let mut steps = Vec::new();
    for (at, entry) in entries.into_iter().flatten().enumerate() {
        let Some(own) = entry.str_at(&["apiVersion"]) else { continue };
        if served.contains(&meta::split(own).1) {
            continue;
        }
        let path = format!("/metadata/managedFields/{at}/apiVersion");
        for (op, value) in [("test", own), ("replace", version)] {
            steps.push(operation(op, &path, Some(Node::from(value))));
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managers_of_versions_that_are_not_served_are_rewritten() {
        let object = weir_doc::from_json(
            br#"{"metadata":{"managedFields":[{"manager":"a","apiVersion":"kustomize.toolkit.fluxcd.io/v1"},
            {"manager":"b","apiVersion":"kustomize.toolkit.fluxcd.io/v2"}]}}"#,
        )
        .expect("is JSON");
        let steps = rewritten(&object, &["v1", "v1beta2"], "kustomize.toolkit.fluxcd.io/v1");
        let told: Vec<String> =
            steps.iter().map(|step| String::from_utf8_lossy(&weir_doc::to_json(step)).into()).collect();
        let path = "/metadata/managedFields/1/apiVersion";
        let expect = [
            format!(r#"{{"op":"test","path":"{path}","value":"kustomize.toolkit.fluxcd.io/v2"}}"#),
            format!(r#"{{"op":"replace","path":"{path}","value":"kustomize.toolkit.fluxcd.io/v1"}}"#),
        ];
        assert_eq!(told, expect);
    }
}
