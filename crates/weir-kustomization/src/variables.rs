//! The variables of `spec.postBuild`, read by the controller in the object's own namespace.

use base64::Engine;
use weir_api::common::DataKind;
use weir_api::kustomize::{PostBuild, SubstituteReference, SubstituteStrategy};
use weir_api::reasons;
use weir_doc::Node;
use weir_kube::Session;
use weir_object::ObjectRef;
use weir_render::{SubstituteError, Substitution, Variables};
use weir_runtime::Failure;

/// What a build substitutes.
pub(crate) struct Gathered {
    pub substitution: Option<Substitution>,
    /// The values that stand in Secrets.
    pub secrets: Vec<String>,
}

/// Later sources win, and what stands in the object itself wins over all.
pub(crate) async fn gather(
    session: &Session,
    namespace: &str,
    post_build: Option<&PostBuild>,
    strict: bool,
) -> Result<Gathered, Failure> {
    let mut secrets = Vec::new();
    let Some(post_build) = post_build else {
        return Ok(Gathered { substitution: None, secrets });
    };
    let mut variables = Variables::default();
    for reference in &post_build.substitute_from {
        for (name, value) in read(session, namespace, reference).await? {
            variables.insert(&name, &value).map_err(|error| bad(reference, &error))?;
            if reference.kind == DataKind::Secret {
                secrets.push(value);
            }
        }
    }
    Ok(Gathered { substitution: Some(completed(variables, post_build, strict)?), secrets })
}

/// A value of a Secret that is shorter is everywhere, and hardly a secret.
const SHORTEST: usize = 8;

/// A message without the values of Secrets: a build puts them where errors quote them.
pub(crate) fn hidden(message: &str, secrets: &[String]) -> String {
    let mut values: Vec<&str> = secrets.iter().flat_map(|text| text.lines()).map(str::trim).collect();
    values.extend(secrets.iter().map(String::as_str));
    values.retain(|value| value.len() >= SHORTEST);
    // One may be a part of another.
    values.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    values.iter().fold(message.to_owned(), |message, value| message.replace(value, "***"))
}

/// What stands in the object itself, over what was read.
pub(crate) fn completed(
    mut variables: Variables,
    post_build: &PostBuild,
    strict: bool,
) -> Result<Substitution, Failure> {
    for (name, value) in &post_build.substitute {
        variables.insert(name, value).map_err(|error| {
            Failure::transient(reasons::BUILD_FAILED, format!("spec.postBuild.substitute: {error}"))
        })?;
    }
    let always = post_build.substitute_strategy == Some(SubstituteStrategy::Always);
    Ok(Substitution { variables, strict, always })
}

async fn read(
    session: &Session,
    namespace: &str,
    reference: &SubstituteReference,
) -> Result<Vec<(String, String)>, Failure> {
    let object = ObjectRef::new("v1", reference.kind.as_str(), namespace, &reference.name);
    let failed = |why: &str| {
        let message = format!("substitute from '{}/{}' error: {why}", reference.kind.as_str(), reference.name);
        Failure::transient(reasons::BUILD_FAILED, message)
    };
    let found = session.get(&object).await.map_err(|error| failed(&error.to_string()))?;
    let Some(node) = found else {
        return if reference.optional { Ok(Vec::new()) } else { Err(failed("not found")) };
    };
    let mut values = Vec::new();
    for (key, value) in node.get("data").and_then(Node::as_map).into_iter().flat_map(|map| map.iter()) {
        let text = value.as_str().unwrap_or_default();
        let value = match reference.kind {
            DataKind::ConfigMap => text.to_owned(),
            DataKind::Secret => decode(text).ok_or_else(|| failed(&format!("key '{key}' is not text")))?,
        };
        values.push((key.as_str().to_owned(), value));
    }
    Ok(values)
}

fn decode(text: &str) -> Option<String> {
    String::from_utf8(bytes(text)?).ok()
}

/// What a value of a Secret holds.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

fn bad(reference: &SubstituteReference, error: &SubstituteError) -> Failure {
    let message = format!("substitute from '{}/{}' error: {error}", reference.kind.as_str(), reference.name);
    Failure::transient(reasons::BUILD_FAILED, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_are_not_in_messages() {
        let secrets = ["hunter2-hunter2", "hunter2-hunter2-long", "prod", "line-one-x\nline-two-x"].map(str::to_owned);
        let message = "\"hunter2-hunter2-long\" and 'hunter2-hunter2' in prod: line-two-x";
        assert_eq!(hidden(message, &secrets), "\"***\" and '***' in prod: ***");
        assert_eq!(hidden("nothing", &[]), "nothing");
    }
}
