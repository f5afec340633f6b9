//! Who asks, and whether they may.

mod authn;
mod escalation;
mod keys;
pub(crate) mod rbac;
pub(crate) mod reviews;

pub(crate) use authn::authenticate;
pub(crate) use escalation::check_escalation;
pub(crate) use keys::Keys;
pub(crate) use rbac::{Attributes, authorize};

pub(crate) const MASTERS: &str = "system:masters";
const AUTHENTICATED: &str = "system:authenticated";
const ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// An authenticated user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct User {
    pub name: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: Vec<(String, String)>,
}

impl User {
    pub fn admin() -> Self {
        let groups = vec![MASTERS.to_owned(), AUTHENTICATED.to_owned()];
        User { name: "weir-sandbox-admin".to_owned(), groups, ..User::default() }
    }

    pub fn service_account(namespace: &str, name: &str, uid: &str) -> Self {
        User {
            name: format!("{ACCOUNT_PREFIX}{namespace}:{name}"),
            uid: uid.to_owned(),
            groups: account_groups(namespace),
            extra: Vec::new(),
        }
    }

    pub fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }
}

/// Namespace and name of a service account's user name.
fn split_account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix(ACCOUNT_PREFIX)?.split_once(':')
}

fn account_groups(namespace: &str) -> Vec<String> {
    vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}"), AUTHENTICATED.to_owned()]
}

/// Whether a user may use a verb on one object of a resource.
fn allows_verb(
    state: &crate::cluster::State,
    user: &User,
    resource: &crate::resources::Resource,
    verb: &str,
    namespace: &str,
    name: &str,
) -> bool {
    let attributes = Attributes {
        verb: verb.to_owned(),
        group: resource.group.clone(),
        version: "v1".to_owned(),
        resource: resource.plural.clone(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        ..Attributes::default()
    };
    rbac::allows(state, user, &attributes)
}
