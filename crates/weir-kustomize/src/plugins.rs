//! `generators` and `transformers`: the built-in ones, each configured by an object that stands in the
//! field itself, in a file, or in a folder.

use crate::KustomizeError;
use crate::args::{Generator, Image, Patch, Replica};
use crate::config;
use crate::fields::{self, Fields};
use crate::fieldspec::FieldSpec;
use crate::generate;
use crate::helm;
use crate::iam::{self, Policy};
use crate::loader::{Loader, Sited};
use crate::origin;
use crate::read;
use crate::replacement::{self, ReplacementField};
use crate::resource::Resource;
use crate::scalar;
use crate::target::{Build, Gathered, Run, Target};
use crate::transform::{self, Context, Subjects, ValueAdd};
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Map, Node, yaml};

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
    let mut paths = Vec::new();
    // What stands in the field comes before what stands in files.
    for entry in entries {
        // A path is no object, so it fails to be read as one.
        let Ok(mut objects) = read::inline(entry, field, budget) else {
            paths.push(entry);
            continue;
        };
        if let Some(trail) = &target.trail {
            let name = target.file.file.rsplit('/').next().unwrap_or_default();
            let origin = trail.append(name).file();
            objects.iter_mut().for_each(|resource| origin::set_origin(resource, &origin));
        }
        gathered.resources.append_all(objects, &build.schemas)?;
    }
    for path in paths {
        target.resource(path, field, &mut gathered, build, budget)?;
    }
    gathered.resources.list.into_iter().map(|config| Plugin::of(config, target)).collect()
}

pub(crate) fn is_inline(entry: &Sited, field: &str, budget: &Budget) -> bool {
    read::inline(entry, field, budget).is_ok()
}

impl Plugin {
    fn of(config: Resource, target: &Target) -> Result<Self, KustomizeError> {
        let mut config = config;
        if config.api_version() != "builtin" {
            let what = format!("the plugin {} {}", config.api_version(), config.kind());
            let remedy = "only built-in generators and transformers (apiVersion: builtin) run";
            return Err(KustomizeError::unsupported(config.at(), what, remedy));
        }
        let origin = target.trail.as_ref().map(|_| configured_by(&config));
        // kustomize prints the object and reads its arguments from that.
        scalar::finish(&mut config.node);
        scalar::print_as_json(&mut config.node).map_err(|why| KustomizeError::object(config.at(), why))?;
        Ok(Self { config, origin })
    }

    /// Reads the configuration, in which kustomize takes no offence at unknown fields.
    fn read<T>(&self, item: impl FnOnce(&mut Fields) -> T) -> Result<T, KustomizeError> {
        fields::read(&self.config.node, "", |fields| {
            fields.set_lenient();
            item(fields)
        })
    }

    pub fn at(&self) -> &Origin {
        self.config.at()
    }

    pub fn kind(&self) -> String {
        self.config.kind()
    }

    fn refuse<T>(&self, role: &str) -> Result<T, KustomizeError> {
        let what = format!("the built-in {role} {}", self.config.kind());
        Err(KustomizeError::unsupported(self.at(), what, "use a field of the kustomization instead"))
    }

    pub fn generate(
        &self,
        target: &Target,
        gathered: &mut Gathered,
        build: &mut Build,
        budget: &Budget,
    ) -> Result<(), KustomizeError> {
        let mut made = match self.config.kind().as_str() {
            helm::KIND if target.loader.charts().is_some() => {
                let chart = fields::read(&self.config.node, "", |fields| {
                    // Its fields are embedded in kustomize, so that they are not converted.
                    fields.set_open();
                    let globals = helm::Globals::read(fields);
                    helm::ChartField { globals, ..helm::ChartField::read(fields) }
                })?;
                helm::check(&chart, &target.loader)?;
                return target.inflate(&chart, "", self.origin.as_ref(), gathered, build, budget);
            }
            "ConfigMapGenerator" => self.content(target, false, budget)?,
            "SecretGenerator" => self.content(target, true, budget)?,
            "IAMPolicyGenerator" => iam::generate(&self.read(Policy::read)?, budget)?,
            _ => return self.refuse("generator"),
        };
        if let Some(origin) = &self.origin {
            origin::note_origin(&mut made, origin);
        }
        gathered.resources.absorb(made, &build.schemas)
    }

    fn content(&self, target: &Target, is_secret: bool, budget: &Budget) -> Result<Resource, KustomizeError> {
        let mut generator = self.read(|fields| Generator::read(fields, is_secret))?;
        if generator.name.is_empty() {
            generator.name = self.config.name();
        }
        if generator.namespace.is_empty() {
            generator.namespace = self.config.namespace();
        }
        generate::generate(&generator, None, &target.loader, budget)
    }

    pub fn transform(&self, run: &mut Run) -> Result<(), KustomizeError> {
        let loader = run.target.loader.clone();
        run.noted(self.origin.clone(), (&self.kind(), self.at()), |cx| self.apply(cx, &loader))
    }

    /// Runs the transformer without a note on the objects.
    pub fn apply(&self, cx: &mut Context, loader: &Loader) -> Result<(), KustomizeError> {
        let at = self.at();
        let specs = |fields: &mut Fields| fields.items("fieldSpecs", config::spec);
        match self.config.kind().as_str() {
            "AnnotationsTransformer" => {
                let (pairs, specs) = self.read(|fields| (fields.map("annotations"), specs(fields)))?;
                transform::add_annotations(cx, &pairs, &specs, at)
            }
            "LabelTransformer" => {
                let (pairs, specs) = self.read(|fields| (fields.map("labels"), specs(fields)))?;
                transform::add_labels(cx, &pairs, &specs, at)
            }
            "NamespaceTransformer" => self.set_namespace(cx),
            "PrefixTransformer" => transform::add_prefix(cx, &self.text("prefix")?, &self.some_specs()?, at),
            "SuffixTransformer" => transform::add_suffix(cx, &self.text("suffix")?, &self.some_specs()?, at),
            "PrefixSuffixTransformer" => {
                let specs = self.some_specs()?;
                transform::add_prefix(cx, &self.text("prefix")?, &specs, at)?;
                transform::add_suffix(cx, &self.text("suffix")?, &specs, at)
            }
            "ImageTagTransformer" => {
                let (image, specs) = self.read(|fields| (fields.nested("imageTag", Image::read), specs(fields)))?;
                transform::set_image(cx, &image.unwrap_or_default(), &specs)
            }
            "ReplicaCountTransformer" => {
                let (replica, specs) = self.read(|fields| (fields.nested("replica", Replica::read), specs(fields)))?;
                transform::set_replicas(cx, &replica.unwrap_or_default(), &specs)
            }
            "PatchTransformer" => transform::apply_patch(cx, &self.read(Patch::read)?, loader),
            "PatchStrategicMergeTransformer" => {
                let (mut patches, text) = self.read(|fields| (fields.strings("paths"), fields.sited("patches")))?;
                patches.extend(Some(text).filter(|text| !text.text.is_empty()));
                if patches.is_empty() {
                    return Err(KustomizeError::field(at, "patches", "is missing, and paths too"));
                }
                transform::strategic_patches(cx, &patches, loader)
            }
            "PatchJson6902Transformer" => {
                let (operations, patch) = self.read(|fields| (fields.sited("jsonOp"), Patch::read(fields)))?;
                transform::json_patches(cx, &Patch { patch: operations, ..patch }, loader)
            }
            "ReplacementTransformer" => {
                let list = self.read(|fields| fields.items("replacements", ReplacementField::read))?;
                replacement::apply(cx, &replacement::load(&list, loader, cx.budget)?)
            }
            "ValueAddTransformer" => {
                let addition = self.read(ValueAdd::read)?.complete(loader, cx.budget)?;
                transform::add_value(cx, &addition)
            }
            "HashTransformer" => {
                let schemas = cx.schemas;
                cx.resources.list.iter_mut().for_each(|resource| transform::add_hash(resource, schemas));
                Ok(())
            }
            _ => self.refuse("transformer"),
        }
    }

    fn text(&self, field: &'static str) -> Result<String, KustomizeError> {
        self.read(|fields| fields.string(field))
    }

    fn some_specs(&self) -> Result<Vec<FieldSpec>, KustomizeError> {
        let specs = self.read(|fields| fields.has("fieldSpecs").then(|| fields.items("fieldSpecs", config::spec)))?;
        specs.ok_or_else(|| KustomizeError::field(self.at(), "fieldSpecs", "is missing"))
    }

    fn set_namespace(&self, cx: &mut Context) -> Result<(), KustomizeError> {
        let namespace = self.config.namespace();
        let (mode, unset_only, specs) = self.read(|fields| {
            let mode = fields.sited("setRoleBindingSubjects");
            (mode, fields.bool("unsetOnly"), fields.items("fieldSpecs", config::spec))
        })?;
        let subjects = match mode.text.as_str() {
            "" | "defaultOnly" => Subjects::Default,
            "allServiceAccounts" => Subjects::AllServiceAccounts,
            "none" => Subjects::None,
            other => {
                let problem = format!("'{other}' is not defaultOnly, allServiceAccounts or none");
                return Err(KustomizeError::field(&mode.at, "setRoleBindingSubjects", problem));
            }
        };
        if namespace.is_empty() {
            return Ok(());
        }
        transform::set_namespace(cx, &namespace, &specs, subjects, unset_only, self.at())
    }
}

fn configured_by(config: &Resource) -> Node {
    let mut by = Map::new();
    by.insert("apiVersion", config.api_version().as_str());
    by.insert("kind", config.kind().as_str());
    by.insert("name", config.name().as_str());
    if !config.namespace().is_empty() {
        by.insert("namespace", config.namespace().as_str());
    }
    let noted = config.annotations().get(origin::ORIGIN).cloned().unwrap_or_default();
    let noted = yaml::parse_first(noted.as_bytes(), None, 0, Dialect::V3, &Budget::standard()).ok().flatten();
    let noted = noted.unwrap_or_default();
    let mut map = Map::new();
    for key in ["repo", "ref"] {
        if let Some(value) = noted.str_at(&[key]) {
            map.insert(key, value);
        }
    }
    map.insert("configuredIn", noted.str_at(&["path"]).unwrap_or_default());
    map.insert("configuredBy", by);
    Node::from(map)
}
