use super::percent_decode;
use http::Method;

/// A request as authorization and routing see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestInfo {
    pub verb: String,
    pub path: String,
    pub target: Option<Target>,
}

/// The resource that a path names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub group: String,
    pub version: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
}

/// Reads method and path as the original's RequestInfoFactory does. `watch` is the query parameter.
pub(crate) fn parse(method: &Method, path: &str, watch: bool) -> RequestInfo {
    let verb = method.as_str().to_lowercase();
    let parts: Vec<String> =
        path.split('/').filter(|part| !part.is_empty()).map(|part| percent_decode(part, false)).collect();
    let (group, version, rest) = match parts.first().map(String::as_str) {
        Some("api") if parts.len() >= 3 => (String::new(), parts[1].clone(), &parts[2..]),
        Some("apis") if parts.len() >= 4 => (parts[1].clone(), parts[2].clone(), &parts[3..]),
        _ => return RequestInfo { verb, path: path.to_owned(), target: None },
    };
    let mut target = Target { group, version, ..Target::default() };
    let mut watching = watch;
    let mut rest = rest;
    if rest[0] == "watch" && rest.len() > 1 {
        watching = true;
        rest = &rest[1..];
    }
    if rest[0] == "namespaces" && rest.len() > 1 {
        target.namespace = rest[1].clone();
        // Beyond a namespace's own subresources, the rest is a resource in it.
        if rest.len() > 2 && !(target.group.is_empty() && matches!(rest[2].as_str(), "status" | "finalize")) {
            rest = &rest[2..];
        }
    }
    target.resource = rest[0].clone();
    target.name = rest.get(1).cloned().unwrap_or_default();
    target.subresource = rest.get(2..).map(|rest| rest.join("/")).unwrap_or_default();
    let verb = match (method.as_str(), target.name.is_empty()) {
        ("GET" | "HEAD", _) if watching => "watch",
        ("GET" | "HEAD", true) => "list",
        ("GET" | "HEAD", false) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "deletecollection",
        ("DELETE", false) => "delete",
        _ => &verb,
    };
    RequestInfo { verb: verb.to_owned(), path: path.to_owned(), target: Some(target) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_the_original_does() {
        let cases = [
            ("GET", "/api/v1/namespaces", "list", "", "namespaces", "", ""),
            ("GET", "/api/v1/namespaces/a", "get", "a", "namespaces", "a", ""),
            ("PUT", "/api/v1/namespaces/a/finalize", "update", "a", "namespaces", "a", "finalize"),
            ("GET", "/api/v1/namespaces/a/pods", "list", "a", "pods", "", ""),
            ("GET", "/api/v1/namespaces/a/pods/p/log", "get", "a", "pods", "p", "log"),
            ("DELETE", "/apis/apps/v1/namespaces/a/deployments", "deletecollection", "a", "deployments", "", ""),
            ("PATCH", "/apis/apps/v1/namespaces/a/deployments/d%2Fx", "patch", "a", "deployments", "d/x", ""),
            ("GET", "/api/v1/watch/pods", "watch", "", "pods", "", ""),
        ];
        for (method, path, verb, namespace, resource, name, subresource) in cases {
            let info = parse(&Method::from_bytes(method.as_bytes()).expect("a method"), path, false);
            let target = info.target.expect("a resource path");
            assert_eq!(
                (info.verb.as_str(), &*target.namespace, &*target.resource, &*target.name, &*target.subresource),
                (verb, namespace, resource, name, subresource),
                "{path}"
            );
        }
        assert_eq!(parse(&Method::GET, "/apis/apps/v1", false).target, None);
    }
}
