//! What would be denied with the rights that `weir install` writes by default, where Flux's are kept now.

use super::state::State;
use crate::error::CliError;
use crate::objects::{Say, live};
use std::collections::BTreeSet;
use weir_api::Kustomization;
use weir_object::ObjectRef;

/// Says it for each Kustomization.
pub fn say(state: &State, say: &Say<'_>) -> Result<(), CliError> {
    let all = state.kustomizations()?;
    if all.is_empty() {
        return Ok(());
    }
    say.action("the rights of Flux are kept; narrowed to those of `weir install` without --cluster-admin,");
    for object in &all {
        say.action(&denied(object));
    }
    Ok(())
}

/// What one Kustomization could not do.
fn denied(object: &Kustomization) -> String {
    let id = live::id(object);
    let account = object.spec.service_account_name.as_deref().filter(|name| !name.is_empty());
    if let Some(account) = account {
        return format!(
            "{id} acts as {account}: a Role in {} has to let the kustomize controller impersonate it (weir create tenant \
             writes one)",
            id.namespace
        );
    }
    let applied: Vec<ObjectRef> = live::entries(object).flatten().collect();
    let spaces: BTreeSet<&str> =
        applied.iter().map(|one| one.id.namespace.as_str()).filter(|space| !space.is_empty()).collect();
    let wide: BTreeSet<&str> =
        applied.iter().filter(|one| one.id.namespace.is_empty()).map(|one| one.id.kind.as_str()).collect();
    let joined = |words: BTreeSet<&str>| words.into_iter().collect::<Vec<_>>().join(", ");
    let mut needs = Vec::new();
    if !spaces.is_empty() {
        needs.push(format!("in the namespaces {}", joined(spaces)));
    }
    if !wide.is_empty() {
        needs.push(format!("on cluster-wide kinds ({})", joined(wide)));
    }
    let needs = if needs.is_empty() { "on nothing yet".to_owned() } else { needs.join(" and ") };
    format!(
        "{id} would be Stalled: it names no serviceAccountName, and needs one with rights {needs}, \
         for {} objects",
        applied.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_narrowed_kustomization_needs_is_named() {
        let object = |text: &str| -> Kustomization { serde_json::from_str(text).expect("a Kustomization") };
        let wide = object(
            r#"{"metadata":{"name":"a","namespace":"b"},"spec":{},"status":{"inventory":{"entries":[
            {"id":"apps_web_apps_Deployment","v":"v1"},{"id":"_x_rbac.authorization.k8s.io_ClusterRole","v":"v1"}]}}}"#,
        );
        let expect = "Kustomization/b/a would be Stalled: it names no serviceAccountName, and needs one with rights in the \
                      namespaces apps and on cluster-wide kinds (ClusterRole), for 2 objects";
        assert_eq!(denied(&wide), expect);
        let named = object(r#"{"metadata":{"name":"a","namespace":"b"},"spec":{"serviceAccountName":"t"}}"#);
        assert!(denied(&named).contains("acts as t: a Role in b has to let"), "{}", denied(&named));
    }
}
