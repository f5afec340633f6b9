//! A controller's Deployment in the other's hands: the program and how it is called change, and nothing else.
//!
//! Names, labels, accounts, volumes, probes and flags stay as they are: weir has Flux's. What is needed for the way back is
//! written on the object.

use crate::controllers::Role;
use crate::error::CliError;
use crate::{cli, install};
use weir_api::additions;
use weir_doc::emit::to_yaml;
use weir_doc::{Node, Value};
use weir_object::{ObjectRef, meta};

/// Annotation of a Deployment: the image of Flux that it had.
pub const FLUX_IMAGE: &str = "migrate.weir.dev/flux-image";
/// Annotation of an object that Flux's manifests do not have.
pub const ADDED: &str = "migrate.weir.dev/added";
/// The container of a controller, in Flux's manifests and in weir's.
const CONTAINER: &str = "manager";

/// The word behind `weir controller`.
fn word(role: Role) -> &'static str {
    role.controller().trim_end_matches("-controller")
}

/// A Deployment of Flux as weir runs it.
pub fn to_weir(deployment: &Node, role: Role, image: &str) -> Result<Node, CliError> {
    let mut changed = deployment.clone();
    let container = container(&mut changed, role)?;
    if container.get("command").is_some() {
        return Err(CliError::new(format!(
            "Deployment {}: its container has a command, which is not Flux's: take it out first",
            role.controller()
        )));
    }
    let old_image = container.str_at(&["image"]).unwrap_or_default().to_owned();
    let flags = words(container);
    let called = [vec!["controller".to_owned(), word(role).to_owned()], flags].concat();
    takes(role, &called)?;
    container.set("image", image);
    container.set("args", sequence(&called));
    meta::set_annotation(&mut changed, FLUX_IMAGE, &old_image);
    Ok(changed)
}

/// Whether weir takes the arguments.
pub fn takes(role: Role, called: &[String]) -> Result<(), CliError> {
    cli::starts_controller(called).map_err(|error| {
        CliError::new(format!(
            "Deployment {}: {error} (take the flag out of Flux's installation first, if it can be missed)",
            role.controller()
        ))
    })
}

/// A Deployment that [`to_weir`] made as Flux had it. Says which flags were left out.
pub fn to_flux(deployment: &Node, role: Role) -> Result<(Node, Vec<String>), CliError> {
    let mut changed = deployment.clone();
    let Some(image) = meta::annotation(deployment, FLUX_IMAGE).map(str::to_owned) else {
        return Err(CliError::new(format!(
            "Deployment {}: it was not migrated from Flux ({FLUX_IMAGE} is not on it): write Flux's manifests over it \
             with `flux install` or `flux bootstrap`",
            role.controller()
        )));
    };
    let container = container(&mut changed, role)?;
    let (known, added): (Vec<String>, Vec<String>) = words(container).into_iter().skip(2).partition(|flag| {
        let name = flag.trim_start_matches('-').split('=').next().unwrap_or_default();
        !additions::FLAGS.contains(&name)
    });
    container.set("image", image);
    container.set("args", sequence(&known));
    unmark(&mut changed, FLUX_IMAGE);
    Ok((changed, added))
}

/// Rights that weir's controllers use in their own namespace beyond Flux's: they look whether Flux runs beside them.
pub fn rights(role: Role, namespace: &str) -> Result<Vec<Node>, CliError> {
    let mut objects = install::parsed(&install::home_rights(role, namespace))?;
    objects.iter_mut().for_each(|object| meta::set_annotation(object, ADDED, "true"));
    Ok(objects)
}

/// Takes an annotation away.
pub fn unmark(object: &mut Node, key: &str) {
    let annotations = object.path_mut(&["metadata", "annotations"]);
    let is_empty = annotations.is_some_and(|annotations| {
        annotations.remove(key);
        annotations.as_map().is_none_or(weir_doc::Map::is_empty)
    });
    if is_empty && let Some(metadata) = object.get_mut("metadata") {
        metadata.remove("annotations");
    }
}

fn container(deployment: &mut Node, role: Role) -> Result<&mut Node, CliError> {
    let containers = deployment.path_mut(&["spec", "template", "spec", "containers"]).and_then(Node::as_seq_mut);
    let mut own = containers.into_iter().flatten();
    own.find(|container| container.str_at(&["name"]) == Some(CONTAINER)).ok_or_else(|| {
        CliError::new(format!(
            "Deployment {}: it has no container named {CONTAINER}, as Flux's have",
            role.controller()
        ))
    })
}

/// The arguments of the controller's container.
pub fn arguments(deployment: &Node, role: Role) -> Result<Vec<String>, CliError> {
    container(&mut deployment.clone(), role).map(|container| words(container))
}

fn words(container: &Node) -> Vec<String> {
    let args = container.get("args").and_then(Node::as_seq);
    args.into_iter().flatten().filter_map(Node::as_str).map(str::to_owned).collect()
}

fn sequence(words: &[String]) -> Value {
    Value::Seq(words.iter().map(|word| Node::string(word.as_str())).collect())
}

/// The documents of a file of manifests. One that is not changed keeps its text.
pub struct Manifests(Vec<Document>);

struct Document {
    text: String,
    object: Option<Node>,
}

impl Manifests {
    pub fn read(text: &str, file: &str) -> Result<Self, CliError> {
        let mut texts = vec![String::new()];
        for line in text.split_inclusive('\n') {
            if line.trim_end() == "---" {
                texts.push(String::new());
            } else if let Some(last) = texts.last_mut() {
                last.push_str(line);
            }
        }
        let mut documents = Vec::new();
        for text in texts {
            let mut objects = install::parsed(&text).map_err(|error| CliError::new(format!("{file}: {error}")))?;
            documents.push(Document { text, object: objects.pop().filter(|object| !object.is_null()) });
        }
        Ok(Self(documents))
    }

    pub fn objects(&self) -> impl Iterator<Item = &Node> {
        self.0.iter().filter_map(|document| document.object.as_ref())
    }

    /// The Deployment of a role.
    pub fn deployment(&self, role: Role) -> Option<&Node> {
        self.objects().find(|object| is_deployment(object, role))
    }

    pub fn replace_deployment(&mut self, role: Role, deployment: Node) {
        let is_it = |document: &&mut Document| document.object.as_ref().is_some_and(|one| is_deployment(one, role));
        if let Some(document) = self.0.iter_mut().find(is_it) {
            document.text = to_yaml(&deployment);
            document.object = Some(deployment);
        }
    }

    /// Adds an object at the end, if the file does not have it.
    pub fn add(&mut self, object: Node) -> Result<(), CliError> {
        let reference = ObjectRef::of(&object)?;
        let has = |one: &Node| ObjectRef::of(one).is_ok_and(|one| one.id == reference.id);
        if !self.objects().any(has) {
            self.0.push(Document { text: to_yaml(&object), object: Some(object) });
        }
        Ok(())
    }

    /// Takes out what [`rights`] added.
    pub fn remove_added(&mut self) {
        self.0.retain(|document| document.object.as_ref().and_then(|one| meta::annotation(one, ADDED)).is_none());
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        for (at, document) in self.0.iter().enumerate() {
            if at > 0 {
                out.push_str("---\n");
            }
            out.push_str(&document.text);
            if !document.text.is_empty() && !document.text.ends_with('\n') {
                out.push('\n');
            }
        }
        out
    }
}

fn is_deployment(object: &Node, role: Role) -> bool {
    meta::kind(object) == "Deployment" && meta::name(object) == Some(role.controller())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLUX: &str = "---
# Components: source-controller
apiVersion: v1
kind: Namespace
metadata:
  name: flux-system   # as it is
---
apiVersion: apps/v1
kind: Deployment
metadata:
  labels:
    app.kubernetes.io/part-of: flux
  name: source-controller
  namespace: flux-system
spec:
  template:
    spec:
      containers:
      - args:
        - --events-addr=http://notification-controller.flux-system.svc.cluster.local./
        - --watch-all-namespaces=true
        - --log-level=info
        - --concurrent=7
        image: registry.example.com/source-controller:v1.9.4
        name: manager
";

    fn swapped() -> Manifests {
        let mut manifests = Manifests::read(FLUX, "gotk-components.yaml").expect("is read");
        let deployment = manifests.deployment(Role::Source).expect("is there").clone();
        let ours = to_weir(&deployment, Role::Source, "registry.example.com/weir:v1").expect("can be taken over");
        manifests.replace_deployment(Role::Source, ours);
        for object in rights(Role::Source, "flux-system").expect("are written") {
            manifests.add(object).expect("is an object");
        }
        manifests
    }

    #[test]
    fn a_deployment_changes_its_program_and_nothing_else() {
        let manifests = swapped();
        let ours = manifests.deployment(Role::Source).expect("is there");
        let words = arguments(ours, Role::Source).expect("has a container");
        assert_eq!(words[..2], ["controller", "source"]);
        assert_eq!(words[5], "--concurrent=7");
        assert!(crate::controllers::is_ours(ours));
        let text = manifests.text();
        assert!(text.starts_with("---\n# Components: source-controller\n"), "{text}");
        assert!(text.contains("flux-system   # as it is"), "what is not changed keeps its text");
        let kinds: Vec<&str> = manifests.objects().map(meta::kind).collect();
        assert_eq!(kinds, ["Namespace", "Deployment", "Role", "RoleBinding"]);
        assert_eq!(Manifests::read(&text, "x").expect("is read").text(), text, "reading and writing changes nothing");
    }

    #[test]
    fn the_way_back_gives_the_same_objects() {
        let mut manifests = swapped();
        let (flux, dropped) =
            to_flux(manifests.deployment(Role::Source).expect("is there"), Role::Source).expect("can");
        assert_eq!(dropped, [""; 0]);
        manifests.replace_deployment(Role::Source, flux);
        manifests.remove_added();
        let before: Vec<Node> = Manifests::read(FLUX, "x").expect("is read").objects().cloned().collect();
        let after: Vec<Node> = Manifests::read(&manifests.text(), "x").expect("is read").objects().cloned().collect();
        assert_eq!(before, after);
    }

    #[test]
    fn flags_are_judged_before_anything_is_written() {
        let refused = FLUX.replace("--concurrent=7", "--helm-index-max-size=1");
        let manifests = Manifests::read(&refused, "x").expect("is read");
        let deployment = manifests.deployment(Role::Source).expect("is there");
        let error = to_weir(deployment, Role::Source, "x").expect_err("is refused").to_string();
        assert!(error.contains("--helm-index-max-size=1 is not implemented"), "{error}");
        // And on the way back, what only weir knows is left out.
        let mut ours = swapped().deployment(Role::Source).expect("is there").clone();
        let container = container(&mut ours, Role::Source).expect("has one");
        let more = [words(container), vec!["--git-max-size=1Gi".to_owned()]].concat();
        container.set("args", sequence(&more));
        let (flux, dropped) = to_flux(&ours, Role::Source).expect("can");
        assert_eq!(dropped, ["--git-max-size=1Gi"]);
        assert_eq!(arguments(&flux, Role::Source).expect("has one").len(), 4);
    }

    #[test]
    fn what_is_not_migrated_has_no_way_back() {
        let manifests = Manifests::read(FLUX, "x").expect("is read");
        let error = to_flux(manifests.deployment(Role::Source).expect("is there"), Role::Source);
        assert!(error.expect_err("is refused").to_string().contains("flux bootstrap"));
    }
}
