//! Names, labels and owners of every object.

use crate::resources::Resource;
use crate::status::Cause;
use weir_doc::Node;

pub(crate) const DNS_SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
pub(crate) const DNS_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

pub(crate) fn is_dns_label(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.iter().all(|b| inner(*b) || *b == b'-')
        && bytes.first().is_some_and(|b| inner(*b))
        && bytes.last().is_some_and(|b| inner(*b))
}

pub(crate) fn is_dns_subdomain(name: &str) -> bool {
    name.split('.').all(is_dns_label)
}

fn is_name(text: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && edge(bytes.first())
        && edge(bytes.last())
}

pub(crate) fn is_label_value(text: &str) -> bool {
    text.len() <= 63 && (text.is_empty() || is_name(text))
}

/// What is wrong with a label or annotation key.
fn key_problem(key: &str) -> Option<String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            return Some("prefix part must be non-empty".to_owned());
        }
        if !is_dns_subdomain(prefix) {
            return Some(format!("prefix part {DNS_SUBDOMAIN}"));
        }
    }
    if name.is_empty() {
        return Some("name part must be non-empty".to_owned());
    }
    if name.len() > 63 {
        return Some("name part must be no more than 63 bytes".to_owned());
    }
    (!is_name(name)).then(|| QUALIFIED.to_owned())
}

/// How names of a kind are checked.
fn name_problem(resource: &Resource, name: &str) -> Option<String> {
    let too_long = |limit: usize| (name.len() > limit).then(|| format!("must be no more than {limit} bytes"));
    match (&*resource.group, &*resource.plural) {
        ("rbac.authorization.k8s.io", _) => {
            if name == "." || name == ".." {
                return Some(format!("may not be '{name}'"));
            }
            let bad = ["/", "%"].into_iter().find(|bad| name.contains(bad));
            bad.map(|bad| format!("may not contain '{bad}'"))
        }
        ("", "namespaces") => too_long(63).or_else(|| (!is_dns_label(name)).then(|| DNS_LABEL.to_owned())),
        ("", "services") => {
            let starts = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
            too_long(63).or_else(|| (!is_dns_label(name) || !starts).then(|| DNS_1035.to_owned()))
        }
        _ => too_long(253).or_else(|| (!is_dns_subdomain(name)).then(|| DNS_SUBDOMAIN.to_owned())),
    }
}

pub(crate) fn validate(resource: &Resource, node: &Node) -> Vec<Cause> {
    let mut causes = Vec::new();
    let meta = node.get("metadata");
    let name = meta.and_then(|meta| meta.get("name")).and_then(Node::as_str).unwrap_or_default();
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if let Some(problem) = name_problem(resource, name) {
        causes.push(Cause::invalid("metadata.name", &Node::string(name), problem));
    }
    let entries =
        |key: &str| meta.and_then(|meta| meta.get(key)).and_then(Node::as_map).into_iter().flat_map(|map| map.iter());
    for (key, value) in entries("labels") {
        causes.extend(
            key_problem(key.as_str()).map(|why| Cause::invalid("metadata.labels", &Node::string(key.as_str()), why)),
        );
        let text = value.as_str().unwrap_or_default();
        if !is_label_value(text) {
            let why = if text.len() > 63 { "must be no more than 63 bytes" } else { LABEL_VALUE };
            causes.push(Cause::invalid("metadata.labels", value, why));
        }
    }
    let mut size = 0;
    for (key, value) in entries("annotations") {
        let lower = key.as_str().to_lowercase();
        causes.extend(
            key_problem(&lower).map(|why| Cause::invalid("metadata.annotations", &Node::string(key.as_str()), why)),
        );
        size += key.as_str().len() + value.as_str().map_or(0, str::len);
    }
    if size > 256 * 1024 {
        causes.push(Cause {
            reason: "FieldValueTooLong",
            message: "Too long: may not be more than 262144 bytes".to_owned(),
            field: "metadata.annotations".to_owned(),
        });
    }
    let owners = meta.and_then(|meta| meta.get("ownerReferences")).and_then(Node::as_seq);
    for (index, owner) in owners.into_iter().flatten().enumerate() {
        for key in ["apiVersion", "kind", "name", "uid"] {
            if owner.get(key).and_then(Node::as_str).unwrap_or_default().is_empty() {
                let at = format!("metadata.ownerReferences[{index}].{key}");
                causes.push(Cause::invalid(at, &Node::string(""), format!("{key} must not be empty")));
            }
        }
    }
    causes
}
