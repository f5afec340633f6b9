use crate::{Local, Locals};
use weir_api::source::{GitRepositoryRef, GitRepositorySpec};
use weir_base::redact_url;
use weir_git::Reference;
use weir_runtime::Failure;

/// What is to be fetched; made from the spec alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub local: Local,
    pub reference: Reference,
    pub ignore: Option<String>,
}

pub(super) fn plan(spec: &GitRepositorySpec, locals: &Locals) -> Result<Plan, Failure> {
    // Without `..`: a new field has to be thought about here.
    let GitRepositorySpec {
        url,
        // A local source needs neither credentials nor a way through the network.
        secret_ref: _,
        provider: _,
        service_account_name: _,
        proxy_secret_ref: _,
        interval: _,
        timeout: _,
        suspend: _,
        reference,
        verify,
        ignore,
        recurse_submodules,
        include,
        sparse_checkout,
    } = spec;
    let missing = [
        (verify.is_some(), "spec.verify"),
        (*recurse_submodules, "spec.recurseSubmodules"),
        (!include.is_empty(), "spec.include"),
        (!sparse_checkout.is_empty(), "spec.sparseCheckout"),
    ];
    if let Some((_, field)) = missing.iter().find(|(is_set, _)| *is_set) {
        return Err(Failure::not_implemented(field));
    }
    let Some(local) = locals.get(url) else {
        let what = format!("fetching {} over the network", redact_url(url));
        return Err(Failure::not_implemented(&what));
    };
    Ok(Plan {
        local: local.clone(),
        reference: reference.as_ref().map_or(Ok(Reference::default()), reference_of)?,
        ignore: ignore.clone(),
    })
}

fn reference_of(reference: &GitRepositoryRef) -> Result<Reference, Failure> {
    let GitRepositoryRef { branch, tag, semver, name, commit } = reference;
    // The code of Flux looks at the tag before the range.
    if semver.is_some() && commit.is_none() && name.is_none() && tag.is_none() {
        return Err(Failure::not_implemented("spec.ref.semver"));
    }
    Ok(Reference { branch: branch.clone(), tag: tag.clone(), name: name.clone(), commit: commit.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: &str) -> GitRepositorySpec {
        serde_json::from_str(json).expect("a spec")
    }

    #[test]
    fn what_cannot_be_done_yet_is_said() {
        let mut locals = Locals::default();
        locals.insert("https://example.com/a", Local::Folder("/a".into()));
        let cases = [
            (r#"{"url":"https://user:pw@example.com/b"}"#, "fetching https://example.com/b over the network"),
            (r#"{"url":"https://example.com/a","ref":{"semver":"1.x"}}"#, "spec.ref.semver"),
            (r#"{"url":"https://example.com/a","sparseCheckout":["x"]}"#, "spec.sparseCheckout"),
            (r#"{"url":"https://example.com/a","verify":{"secretRef":{"name":"k"}}}"#, "spec.verify"),
        ];
        for (json, what) in cases {
            let message = format!("{what} is not implemented in this version of weir");
            let expect = Failure::Stalled { reason: "NotImplemented", message };
            assert_eq!(plan(&spec(json), &locals), Err(expect), "{json}");
        }
        let plan = plan(&spec(r#"{"url":"https://example.com/a.git","ref":{"branch":"main"}}"#), &locals).expect("ok");
        assert_eq!(plan.reference.branch.as_deref(), Some("main"));
    }
}
