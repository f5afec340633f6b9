//! The documents by which clients find out what there is.

use super::{Registry, Resource, Subresource};
use weir_doc::{Map, Node};

pub(crate) const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

fn object(entries: impl IntoIterator<Item = (&'static str, Node)>) -> Node {
    Node::from(entries.into_iter().collect::<Map>())
}

fn list(items: impl IntoIterator<Item = impl Into<Node>>) -> Node {
    Node::from(items.into_iter().map(Into::into).collect::<Vec<Node>>())
}

pub(crate) fn version() -> Node {
    object([
        ("major", "1".into()),
        ("minor", "37".into()),
        ("gitVersion", "v1.37.2+weir".into()),
        ("gitCommit", "".into()),
        ("gitTreeState", "clean".into()),
        ("buildDate", "1970-01-01T00:00:00Z".into()),
        ("goVersion", "none".into()),
        ("compiler", "rustc".into()),
        ("platform", "linux/amd64".into()),
    ])
}

/// `/api`
pub(crate) fn api_versions(server: &str) -> Node {
    let address = object([("clientCIDR", "0.0.0.0/0".into()), ("serverAddress", server.into())]);
    object([
        ("kind", "APIVersions".into()),
        ("versions", list(["v1"])),
        ("serverAddressByClientCIDRs", list([address])),
    ])
}

/// `/apis`
pub(crate) fn group_list(registry: &Registry) -> Node {
    let groups = registry.groups().into_iter().filter(|(group, _)| !group.is_empty());
    let groups: Vec<Node> = groups.map(|(group, versions)| group_entry(&group, &versions)).collect();
    object([("kind", "APIGroupList".into()), ("apiVersion", "v1".into()), ("groups", groups.into())])
}

/// `/apis/GROUP`
pub(crate) fn group(registry: &Registry, name: &str) -> Option<Node> {
    let (group, versions) = registry.groups().into_iter().find(|(group, _)| group == name && !group.is_empty())?;
    let mut map = Map::new();
    map.insert("kind", "APIGroup");
    map.insert("apiVersion", "v1");
    for (key, value) in group_entry(&group, &versions).as_map()?.iter() {
        map.insert(key.clone(), value.clone());
    }
    Some(Node::from(map))
}

fn group_entry(group: &str, versions: &[String]) -> Node {
    let entry = |version: &String| {
        object([("groupVersion", format!("{group}/{version}").into()), ("version", version.as_str().into())])
    };
    let preferred = versions.first().map(entry).unwrap_or_default();
    object([("name", group.into()), ("versions", list(versions.iter().map(entry))), ("preferredVersion", preferred)])
}

/// `/api/v1`, `/apis/GROUP/VERSION`
pub(crate) fn resource_list(registry: &Registry, group: &str, version: &str) -> Option<Node> {
    let mut entries = Vec::new();
    for resource in registry.iter().filter(|resource| resource.group == group) {
        let Some(served) = resource.version(version) else { continue };
        let mut map = Map::new();
        map.insert("name", resource.plural.as_str());
        map.insert("singularName", resource.singular.as_str());
        map.insert("namespaced", resource.namespaced);
        map.insert("kind", resource.kind.as_str());
        map.insert("verbs", list(resource.verbs.iter().map(String::as_str)));
        for (key, values) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
            if !values.is_empty() {
                map.insert(key, list(values.iter().map(String::as_str)));
            }
        }
        if !resource.hash.is_empty() {
            map.insert("storageVersionHash", resource.hash.as_str());
        }
        entries.push(Node::from(map));
        for sub in &served.subresources {
            let mut map = Map::new();
            map.insert("name", format!("{}/{}", resource.plural, sub.name));
            map.insert("singularName", "");
            map.insert("namespaced", resource.namespaced);
            if sub.group != group || sub.version != version {
                map.insert("group", sub.group.as_str());
                map.insert("version", sub.version.as_str());
            }
            map.insert("kind", sub.kind.as_str());
            map.insert("verbs", list(sub.verbs.iter().map(String::as_str)));
            entries.push(Node::from(map));
        }
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!entries.is_empty()).then(|| {
        object([
            ("kind", "APIResourceList".into()),
            ("apiVersion", "v1".into()),
            ("groupVersion", group_version.into()),
            ("resources", entries.into()),
        ])
    })
}

/// Both `/api` (`core`) and `/apis` in the aggregated form.
pub(crate) fn aggregated(registry: &Registry, core: bool) -> Node {
    let groups = registry.groups().into_iter().filter(|(group, _)| group.is_empty() == core);
    let items = groups.map(|(group, versions)| {
        let metadata = if core { Node::map() } else { object([("name", group.as_str().into())]) };
        let versions = versions.iter().map(|version| {
            let resources =
                registry.iter().filter(|resource| resource.group == group && resource.version(version).is_some());
            let resources: Vec<Node> = resources.map(|resource| aggregated_resource(resource, version)).collect();
            object([
                ("version", version.as_str().into()),
                ("resources", resources.into()),
                ("freshness", "Current".into()),
            ])
        });
        object([("metadata", metadata), ("versions", list(versions))])
    });
    object([
        ("kind", "APIGroupDiscoveryList".into()),
        ("apiVersion", "apidiscovery.k8s.io/v2".into()),
        ("metadata", Node::map()),
        ("items", list(items)),
    ])
}

fn aggregated_resource(resource: &Resource, version: &str) -> Node {
    let kind = |group: &str, version: &str, kind: &str| {
        object([("group", group.into()), ("version", version.into()), ("kind", kind.into())])
    };
    let mut map = Map::new();
    map.insert("resource", resource.plural.as_str());
    map.insert("responseKind", kind(&resource.group, version, &resource.kind));
    map.insert("scope", if resource.namespaced { "Namespaced" } else { "Cluster" });
    map.insert("singularResource", resource.singular.as_str());
    map.insert("verbs", list(resource.verbs.iter().map(String::as_str)));
    for (key, values) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
        if !values.is_empty() {
            map.insert(key, list(values.iter().map(String::as_str)));
        }
    }
    let subresources = resource.version(version).map_or(&[][..], |version| &version.subresources);
    if !subresources.is_empty() {
        map.insert(
            "subresources",
            list(subresources.iter().map(|sub: &Subresource| {
                object([
                    ("subresource", sub.name.as_str().into()),
                    ("responseKind", kind(&sub.group, &sub.version, &sub.kind)),
                    ("verbs", list(sub.verbs.iter().map(String::as_str))),
                ])
            })),
        );
    }
    Node::from(map)
}
