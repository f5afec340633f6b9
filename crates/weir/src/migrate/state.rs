//! What is on the cluster: controllers, definitions, and every object of Flux's kinds.

use super::swap;
use crate::controllers::{Role, is_reconciled};
use crate::error::CliError;
use crate::installed::{self, Controller, Definition};
use crate::objects::live;
use weir_api::{GitRepository, Kustomization};
use weir_base::{Range, version_of};
use weir_doc::Node;
use weir_kube::Session;
use weir_object::meta;

/// The version of Flux whose manifests and definitions weir has.
const FLUX: &str = ">=2.9.0-0 <2.10.0-0";

pub struct State {
    pub namespace: String,
    pub controllers: Vec<Controller>,
    pub definitions: Vec<Definition>,
    /// All objects of Flux's kinds, with the role that their kind belongs to.
    pub objects: Vec<(Option<Role>, Node)>,
    /// The Kustomization that applies the controllers, in a bootstrapped cluster.
    pub bootstrap: Option<Kustomization>,
}

impl State {
    pub async fn gather(session: &Session, namespace: &str) -> Result<Self, CliError> {
        let controllers = installed::controllers(session, namespace).await?;
        let definitions = installed::definitions(session).await?;
        let mut objects = Vec::new();
        for definition in &definitions {
            let role = definition.role();
            objects.extend(definition.objects(session).await?.into_iter().map(|object| (role, object)));
        }
        let mut state = Self { namespace: namespace.to_owned(), controllers, definitions, objects, bootstrap: None };
        state.bootstrap = state.find_bootstrap()?;
        Ok(state)
    }

    fn find_bootstrap(&self) -> Result<Option<Kustomization>, CliError> {
        let Some((namespace, name)) = self.controllers.iter().find_map(Controller::applied_by) else { return Ok(None) };
        let owner = self.kustomizations()?.into_iter().find(|one| {
            one.metadata.namespace.as_deref() == Some(&namespace) && one.metadata.name.as_deref() == Some(&name)
        });
        // The labels outlive a Kustomization that was deleted; then nobody applies the controllers.
        Ok(owner)
    }

    pub fn of(&self, role: Role) -> Option<&Controller> {
        self.controllers.iter().find(|one| one.role == Some(role))
    }

    /// The objects of a role's kinds.
    pub fn objects_of(&self, role: Role) -> impl Iterator<Item = &Node> {
        self.objects.iter().filter(move |(of, _)| *of == Some(role)).map(|(_, object)| object)
    }

    pub fn kustomizations(&self) -> Result<Vec<Kustomization>, CliError> {
        self.objects_of(Role::Kustomize).map(live::read).collect()
    }

    /// Why the migration cannot begin, whatever is in use.
    pub fn obstacles(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.controllers.is_empty() {
            all.push(format!(
                "no controllers found in the '{}' namespace (-n names another; `weir install` is for a cluster without Flux)",
                self.namespace
            ));
        }
        for one in &self.controllers {
            let tool = meta::label(&one.deployment, weir_api::names::MANAGED_BY);
            if let Some(tool) = tool.filter(|tool| *tool != "flux") {
                all.push(format!(
                    "Deployment {} is managed by {tool}, which would undo the change: let Flux's own manifests manage it first",
                    one.name()
                ));
            }
        }
        match installed::foremost(&self.definitions).and_then(Definition::version) {
            Some(version) => {
                let fits = Range::parse(FLUX).is_ok_and(|range| version_of(version).is_some_and(|v| range.admits(&v)));
                if !fits {
                    all.push(format!(
                        "Flux is {version} here, and weir has the kinds of {FLUX}: bring Flux to 2.9 first"
                    ));
                }
            }
            None if self.definitions.is_empty() => all.push("the definitions of Flux's kinds are not there".to_owned()),
            None => {}
        }
        for definition in &self.definitions {
            let Some(info) = definition.info().filter(|info| is_reconciled(info.kind)) else { continue };
            if !definition.served().contains(&info.version) {
                all.push(format!(
                    "{} is not served as {}, which weir reads: bring Flux to 2.9 first",
                    definition.name(),
                    info.version
                ));
            }
            let unknown: Vec<&str> = definition.stored().into_iter().filter(|v| !info.versions.contains(v)).collect();
            if !unknown.is_empty() {
                all.push(format!(
                    "{} may have objects stored as {}: run `flux migrate` first",
                    definition.name(),
                    unknown.join(", ")
                ));
            }
        }
        all
    }

    /// Why weir cannot have a role.
    pub fn unserved(&self, role: Role) -> Vec<String> {
        let objects = self.objects_of(role);
        let mut all: Vec<String> = objects.filter_map(|object| unserved(role, object)).collect();
        if let Some(controller) = self.of(role).filter(|one| role.is_implemented() && !one.is_weir())
            && let Err(error) = swap::to_weir(&controller.deployment, role, "x")
        {
            all.push(error.to_string());
        }
        all
    }
}

fn unserved(role: Role, object: &Node) -> Option<String> {
    let id = live::id_of(object);
    if !role.is_implemented() || !is_reconciled(meta::kind(object)) {
        return Some(format!("{id}: weir has no controller for its kind yet"));
    }
    let refusal = match role {
        Role::Source => live::read::<GitRepository>(object).map(|source| weir_source::gitrepository::refusal(&source)),
        _ => live::read::<Kustomization>(object).map(|one| weir_kustomization::overlay(&one).err()),
    };
    match refusal {
        Ok(None) => None,
        Ok(Some(why)) => Some(format!("{id}: {why}")),
        Err(error) => Some(error.to_string()),
    }
}
