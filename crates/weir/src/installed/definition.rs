use super::{PART_OF, VERSION, resource};
use crate::controllers::Role;
use crate::error::CliError;
use weir_api::{KINDS, KindInfo, names};
use weir_doc::Node;
use weir_kube::{Resource, Session};
use weir_object::{ObjectRef, meta};

/// A definition of a kind of Flux, as the cluster has it.
pub struct Definition {
    pub node: Node,
}

impl Definition {
    pub fn name(&self) -> &str {
        meta::name(&self.node).unwrap_or_default()
    }

    pub fn object(&self) -> ObjectRef {
        reference(self.name())
    }

    fn text(&self, path: &[&str]) -> String {
        self.node.str_at(path).unwrap_or_default().to_owned()
    }

    pub fn kind(&self) -> String {
        self.text(&["spec", "names", "kind"])
    }

    /// What weir knows of the kind.
    pub fn info(&self) -> Option<&'static KindInfo> {
        KINDS.iter().find(|info| info.crd_name() == self.name())
    }

    /// Versions that objects may be stored in.
    pub fn stored(&self) -> Vec<&str> {
        let versions = self.node.path(&["status", "storedVersions"]).and_then(Node::as_seq);
        versions.into_iter().flatten().filter_map(Node::as_str).collect()
    }

    /// Versions that the server speaks.
    pub fn served(&self) -> Vec<&str> {
        self.versions("served")
    }

    fn versions(&self, which: &str) -> Vec<&str> {
        let versions = self.node.path(&["spec", "versions"]).and_then(Node::as_seq);
        let chosen = |version: &&Node| version.path(&[which]).and_then(Node::as_bool) == Some(true);
        versions.into_iter().flatten().filter(chosen).filter_map(|version| version.str_at(&["name"])).collect()
    }

    /// The objects of the kind, in the version that they are stored in.
    pub fn collection(&self) -> Resource {
        let stored = self.versions("storage");
        let version = stored.first().copied().unwrap_or_default();
        let plural = self.text(&["spec", "names", "plural"]);
        let is_namespaced = self.node.str_at(&["spec", "scope"]) != Some("Cluster");
        resource(&self.text(&["spec", "group"]), version, &self.kind(), &plural, is_namespaced)
    }

    /// All objects of the kind, each with its kind and version.
    pub async fn objects(&self, session: &Session) -> Result<Vec<Node>, CliError> {
        let collection = self.collection();
        let mut found = session
            .list(&collection, "", "")
            .await
            .map_err(|error| CliError::new(format!("the {} cannot be listed: {error}", collection.plural)))?;
        for object in &mut found {
            object.set("apiVersion", collection.api_version());
            object.set("kind", collection.kind.clone());
        }
        Ok(found)
    }

    /// Whose kind it is; nobody reconciles ExternalArtifacts.
    pub fn role(&self) -> Option<Role> {
        let (group, kind) = (self.text(&["spec", "group"]), self.kind());
        match (group.as_str(), kind.as_str()) {
            (names::SOURCE_GROUP, "ExternalArtifact") => None,
            (names::SOURCE_GROUP, _) => Some(Role::Source),
            (names::KUSTOMIZE_GROUP, _) => Some(Role::Kustomize),
            (names::HELM_GROUP, _) => Some(Role::Helm),
            (names::NOTIFICATION_GROUP, _) => Some(Role::Notification),
            (names::SOURCE_EXTENSIONS_GROUP, _) => Some(Role::Watcher),
            (names::IMAGE_GROUP, "ImageUpdateAutomation") => Some(Role::ImageAutomation),
            (names::IMAGE_GROUP, _) => Some(Role::ImageReflector),
            _ => None,
        }
    }

    /// The version of Flux or weir that wrote it.
    pub fn version(&self) -> Option<&str> {
        meta::label(&self.node, VERSION)
    }
}

/// A definition by its name.
pub fn reference(name: &str) -> ObjectRef {
    ObjectRef::new("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", name)
}

/// The definitions of Flux's kinds, by name: those with the label of an installation, of Flux's API groups.
pub async fn definitions(session: &Session) -> Result<Vec<Definition>, CliError> {
    let kind = super::custom_resource_definitions();
    let query = format!("labelSelector={}", weir_kube::percent_encoded(PART_OF));
    let found = session
        .list(&kind, "", &query)
        .await
        .map_err(|error| CliError::new(format!("the definitions cannot be listed: {error}")))?;
    let is_of_flux = |node: &Node| node.str_at(&["spec", "group"]).is_some_and(|group| group.ends_with(".fluxcd.io"));
    let mut all: Vec<Definition> = found.into_iter().filter(is_of_flux).map(|node| Definition { node }).collect();
    all.sort_by(|one, other| one.name().cmp(other.name()));
    Ok(all)
}
