//! The built-in IAMPolicyGenerator: a ServiceAccount that stands for one of Google's cloud.

use crate::KustomizeError;
use crate::fields::Fields;
use crate::read;
use crate::resource::Resource;
use weir_base::{Budget, Origin};

#[derive(Debug, Default)]
pub(crate) struct Policy {
    at: Origin,
    cloud: String,
    name: String,
    namespace: String,
    account: String,
    project: String,
}

impl Policy {
    pub fn read(fields: &mut Fields) -> Self {
        let service = fields.nested("kubernetesService", |fields| (fields.string("name"), fields.string("namespace")));
        let account = fields.nested("serviceAccount", |fields| (fields.string("name"), fields.string("projectId")));
        let ((name, namespace), (account, project)) = (service.unwrap_or_default(), account.unwrap_or_default());
        Self { at: fields.at.clone(), cloud: fields.string("cloud"), name, namespace, account, project }
    }
}

pub(crate) fn generate(policy: &Policy, budget: &Budget) -> Result<Resource, KustomizeError> {
    if policy.cloud != "gke" {
        let problem = format!("'{}' is not gke, the only cloud that is known", policy.cloud);
        return Err(KustomizeError::field(&policy.at, "cloud", problem));
    }
    // kustomize puts the values into a text and reads that, so that a name of digits is a number.
    let Policy { name, namespace, account, project, .. } = policy;
    let mut text = format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  annotations:\n    \
         iam.gke.io/gcp-service-account: {account}@{project}.iam.gserviceaccount.com\n  name: {name}\n"
    );
    if !namespace.is_empty() {
        text.push_str(&format!("  namespace: {namespace}\n"));
    }
    let file = policy.at.file.clone().unwrap_or_else(|| "generators".into());
    let made = read::objects(text.as_bytes(), &file, budget)?.pop();
    let mut made = made.ok_or_else(|| KustomizeError::object(&policy.at, "the policy makes no object"))?;
    made.node.meta.at = policy.at.clone();
    Ok(made)
}
