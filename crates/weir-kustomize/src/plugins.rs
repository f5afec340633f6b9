//! `generators` and `transformers`: the built-in ones, each configured by an object that stands in the
//! field itself, in a file, or in a folder.

use crate::KustomizeError;
use crate::args::{Generator, Image, Patch, Replica};
use crate::config;
use crate::fields::Fields;
use crate::fieldspec::FieldSpec;
use crate::generate;
use crate::loader::{Loader, Sited};
use crate::origin;
use crate::read;
use crate::replacement::{self, ReplacementField};
use crate::resource::Resource;
use crate::target::{Build, Gathered, Run, Target};
use crate::transform::{self, Context, Subjects};
use weir_base::Budget;
use weir_doc::{Map, Node};

/// The object that configures a generator or transformer.
pub(crate) struct Plugin {
    config: Resource,
    /// Where it is configured, when origins are noted.
    origin: Option<Node>,
}

/// The configurations that a field names.
pub(crate) fn load(
    target: &Target,
    entries: &[Sited],
    field: &str,
    build: &mut Build,
    budget: &Budget,
) -> Result<Vec<Plugin>, KustomizeError> {
    let mut gathered = Gathered::default();
    for entry in entries {
        let file = entry.at.file.clone().unwrap_or_else(|| field.into());
        // A path is no object, so it fails to be read as one.
        match read::objects(entry.text.as_bytes(), &file, budget) {
            Ok(mut objects) => {
                for resource in &mut objects {
                    resource.node.meta.at = entry.at.clone();
                    if let Some(trail) = &target.trail {
                        let name = target.file.file.rsplit('/').next().unwrap_or_default();
                        origin::note_origin(resource, &trail.append(name).file());
                    }
                }
                gathered.resources.append_all(objects, &build.schemas)?;
            }
            Err(_) => target.resource(entry, field, &mut gathered, build, budget)?,
        }
    }
    gathered.resources.list.into_iter().map(|config| Plugin::of(config, target)).collect()
}

impl Plugin {
    fn of(config: Resource, target: &Target) -> Result<Self, KustomizeError> {
        if config.api_version() != "builtin" {
            let what = format!("the plugin {} {}", config.api_version(), config.kind());
            let remedy = "only built-in generators and transformers (apiVersion: builtin) run";
            return Err(KustomizeError::unsupported(config.at(), what, remedy));
        }
        let origin = target.trail.as_ref().map(|_| configured_by(&config));
        Ok(Self { config, origin })
    }

    fn fields(&self) -> Result<Fields<'_>, KustomizeError> {
        Ok(Fields::of(&self.config.node, "")?.lenient())
    }

    fn refuse<T>(&self, role: &str) -> Result<T, KustomizeError> {
        let what = format!("the built-in {role} {}", self.config.kind());
        Err(KustomizeError::unsupported(self.config.at(), what, "use a field of the kustomization instead"))
    }

    pub fn generate(
        &self,
        target: &Target,
        gathered: &mut Gathered,
        build: &mut Build,
        budget: &Budget,
    ) -> Result<(), KustomizeError> {
        let is_secret = match self.config.kind().as_str() {
            "ConfigMapGenerator" => false,
            "SecretGenerator" => true,
            _ => return self.refuse("generator"),
        };
        let mut generator = Generator::from_fields(&mut self.fields()?, is_secret)?;
        if generator.name.is_empty() {
            generator.name = self.config.name();
        }
        if generator.namespace.is_empty() {
            generator.namespace = self.config.namespace();
        }
        let mut made = generate::generate(&generator, None, &target.loader, budget)?;
        if let Some(origin) = &self.origin {
            origin::note_origin(&mut made, origin);
        }
        gathered.resources.absorb(made, &build.schemas)
    }

    pub fn transform(&self, run: &mut Run) -> Result<(), KustomizeError> {
        let loader = run.target.loader.clone();
        run.noted(self.origin.clone(), |cx| self.apply(cx, &loader))
    }

    fn apply(&self, cx: &mut Context, loader: &Loader) -> Result<(), KustomizeError> {
        let at = self.config.at();
        let mut fields = self.fields()?;
        let specs = |fields: &mut Fields| fields.list("fieldSpecs", config::spec);
        match self.config.kind().as_str() {
            "AnnotationsTransformer" => {
                transform::add_annotations(cx, &fields.map("annotations")?, &specs(&mut fields)?, at)
            }
            "LabelTransformer" => transform::add_labels(cx, &fields.map("labels")?, &specs(&mut fields)?, at),
            "NamespaceTransformer" => set_namespace(cx, &mut fields, &self.config),
            "PrefixTransformer" => {
                transform::add_prefix(cx, &fields.string("prefix")?, &self.some_specs(&mut fields)?, at)
            }
            "SuffixTransformer" => {
                transform::add_suffix(cx, &fields.string("suffix")?, &self.some_specs(&mut fields)?, at)
            }
            "PrefixSuffixTransformer" => {
                let specs = self.some_specs(&mut fields)?;
                transform::add_prefix(cx, &fields.string("prefix")?, &specs, at)?;
                transform::add_suffix(cx, &fields.string("suffix")?, &specs, at)
            }
            "ImageTagTransformer" => {
                let image = fields.nested("imageTag", Image::from_fields)?.unwrap_or_default();
                transform::set_image(cx, &image, &specs(&mut fields)?)
            }
            "ReplicaCountTransformer" => {
                let replica = fields.nested("replica", Replica::from_fields)?.unwrap_or_default();
                transform::set_replicas(cx, &replica, &specs(&mut fields)?)
            }
            "PatchTransformer" => transform::apply_patch(cx, &Patch::from_fields(fields, "patch")?, loader),
            "PatchStrategicMergeTransformer" => {
                let mut patches = fields.strings("paths")?;
                patches.extend(Some(fields.sited("patches")?).filter(|text| !text.text.is_empty()));
                transform::strategic_patches(cx, &patches, loader)
            }
            "PatchJson6902Transformer" => {
                let operations = fields.sited("jsonOp")?;
                let patch = Patch { patch: operations, ..Patch::from_fields(fields, "patch")? };
                transform::json_patches(cx, &patch, loader)
            }
            "ReplacementTransformer" => {
                let list = fields.list("replacements", ReplacementField::read)?;
                replacement::apply(cx, &replacement::load(&list, loader, cx.budget)?)
            }
            "HashTransformer" => {
                let schemas = cx.schemas;
                cx.resources.list.iter_mut().for_each(|resource| transform::add_hash(resource, schemas));
                Ok(())
            }
            _ => self.refuse("transformer"),
        }
    }

    fn some_specs(&self, fields: &mut Fields) -> Result<Vec<FieldSpec>, KustomizeError> {
        if !fields.has("fieldSpecs") {
            return Err(KustomizeError::field(self.config.at(), "fieldSpecs", "is missing"));
        }
        fields.list("fieldSpecs", config::spec)
    }
}

fn set_namespace(cx: &mut Context, fields: &mut Fields, config: &Resource) -> Result<(), KustomizeError> {
    let namespace = config.namespace();
    let mode = fields.sited("setRoleBindingSubjects")?;
    let subjects = match mode.text.as_str() {
        "" | "defaultOnly" => Subjects::Default,
        "allServiceAccounts" => Subjects::AllServiceAccounts,
        "none" => Subjects::None,
        other => {
            let problem = format!("'{other}' is not defaultOnly, allServiceAccounts or none");
            return Err(KustomizeError::field(&mode.at, "setRoleBindingSubjects", problem));
        }
    };
    let unset_only = fields.bool("unsetOnly")?;
    let specs = fields.list("fieldSpecs", config::spec)?;
    if namespace.is_empty() {
        return Ok(());
    }
    transform::set_namespace(cx, &namespace, &specs, subjects, unset_only, config.at())
}

fn configured_by(config: &Resource) -> Node {
    let mut by = Map::new();
    by.insert("apiVersion", config.api_version().as_str());
    by.insert("kind", config.kind().as_str());
    by.insert("name", config.name().as_str());
    if !config.namespace().is_empty() {
        by.insert("namespace", config.namespace().as_str());
    }
    let path = config.annotations().get(origin::ORIGIN).cloned().unwrap_or_default();
    let path = path.trim().strip_prefix("path: ").unwrap_or_default().to_owned();
    let entries = [("configuredIn", Node::string(path)), ("configuredBy", Node::from(by))];
    Node::from(entries.into_iter().collect::<Map>())
}
