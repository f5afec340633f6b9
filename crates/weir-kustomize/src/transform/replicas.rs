use super::{Context, failed};
use crate::KustomizeError;
use crate::args::Replica;
use crate::fieldspec::{Create, FieldSpec};
use crate::scalar;

/// Sets the replicas of every object with the name, of the kinds that have them.
pub(crate) fn set_replicas(cx: &mut Context, replica: &Replica, specs: &[FieldSpec]) -> Result<(), KustomizeError> {
    let mut found = false;
    for spec in specs {
        let matches =
            cx.resources.with_any_id(cx.schemas, |id| id.name == replica.name && id.gvk.is_selected(&spec.gvk));
        for at in matches {
            cx.budget.spend(1)?;
            found = true;
            let resource = &mut cx.resources.list[at];
            let applied = spec.apply(&mut resource.node, Some(Create::Scalar), &mut |node| {
                if node.as_map().is_some() || node.as_seq().is_some() {
                    return Err(format!("expected a number, found {}", node.kind_name()));
                }
                scalar::set_int(node, replica.count);
                Ok(())
            });
            if let Err(why) = applied {
                return Err(failed(resource, "replicas", &replica.at, cx.schemas, why));
            }
        }
    }
    if found {
        return Ok(());
    }
    let kinds: Vec<&str> = specs.iter().map(|spec| spec.gvk.kind.as_str()).collect();
    let problem = format!("fit no object: none of the kinds {} has this name", kinds.join(", "));
    Err(KustomizeError::target(&replica.at, format!("replicas of '{}'", replica.name), problem)
        .with_remedy("use the name that the object has in its file"))
}
