use super::{AUTHENTICATED, Attributes, User, account_groups, authorize, split_account};
use crate::clock;
use crate::cluster::Cluster;
use crate::status::ApiError;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The user of a request, after impersonation. `trusted` makes a request without credentials the
/// administrator's.
pub(crate) fn authenticate(cluster: &Cluster, headers: &HeaderMap, trusted: bool) -> Result<User, ApiError> {
    let user = match headers.get(AUTHORIZATION) {
        None if trusted => User::admin(),
        None => return Err(ApiError::unauthorized()),
        Some(value) => {
            let token = value
                .to_str()
                .ok()
                .and_then(|text| text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("bearer ")));
            user_of_token(cluster, token.unwrap_or_default().trim()).ok_or_else(ApiError::unauthorized)?
        }
    };
    impersonate(cluster, headers, user)
}

/// The user that a bearer token stands for.
pub(crate) fn user_of_token(cluster: &Cluster, token: &str) -> Option<User> {
    if cluster.keys.is_admin(token) {
        return Some(User::admin());
    }
    let claims = cluster.keys.verify(token, clock::unix_seconds())?;
    // A token ends with its account.
    let state = cluster.lock();
    let account = state.store.get("serviceaccounts", &claims.namespace, &claims.name)?;
    (account.uid() == Some(&claims.uid)).then(|| User::service_account(&claims.namespace, &claims.name, &claims.uid))
}

fn impersonate(cluster: &Cluster, headers: &HeaderMap, user: User) -> Result<User, ApiError> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let all = |name: &str| -> Vec<String> {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
    };
    let (name, uid, groups) = (header("impersonate-user"), header("impersonate-uid"), all("impersonate-group"));
    let extra: Vec<(String, String)> = headers
        .iter()
        .filter_map(|(key, value)| {
            let key = key.as_str().strip_prefix("impersonate-extra-")?;
            Some((crate::request::percent_decode(key, false), value.to_str().ok()?.to_owned()))
        })
        .collect();
    if name.is_empty() {
        if !uid.is_empty() || !groups.is_empty() || !extra.is_empty() {
            return Err(ApiError::bare_internal(format!(
                "requested {:?} without impersonating a user name",
                groups.first().map_or("impersonation", String::as_str)
            )));
        }
        return Ok(user);
    }
    let mut needed = Vec::new();
    let need = |resource: &str, namespace: &str, name: &str, group: &str, sub: &str| Attributes {
        verb: "impersonate".to_owned(),
        group: group.to_owned(),
        version: "v1".to_owned(),
        resource: resource.to_owned(),
        subresource: sub.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        path: None,
    };
    match split_account(&name) {
        Some((namespace, account)) => needed.push(need("serviceaccounts", namespace, account, "", "")),
        None => needed.push(need("users", "", &name, "", "")),
    }
    needed.extend(groups.iter().map(|group| need("groups", "", group, "", "")));
    if !uid.is_empty() {
        needed.push(need("uids", "", &uid, "authentication.k8s.io", ""));
    }
    needed.extend(extra.iter().map(|(key, value)| need("userextras", "", value, "authentication.k8s.io", key)));
    let state = cluster.lock();
    for attributes in &needed {
        authorize(&state, &user, attributes)?;
    }
    drop(state);
    let mut groups = groups;
    match split_account(&name) {
        Some((namespace, _)) if groups.is_empty() => groups = account_groups(namespace),
        _ if name == "system:anonymous" && !groups.iter().any(|group| group == "system:unauthenticated") => {
            groups.push("system:unauthenticated".to_owned());
        }
        _ if name != "system:anonymous"
            && !groups.iter().any(|group| group == AUTHENTICATED || group == "system:unauthenticated") =>
        {
            groups.push(AUTHENTICATED.to_owned());
        }
        _ => {}
    }
    Ok(User { name, uid, groups, extra })
}
