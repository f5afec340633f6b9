//! One kustomization: what it gathers, and what it does to that.

use crate::args::{Generator, Var};
use crate::config::Config;
use crate::fields::Mistakes;
use crate::helm::{self, ChartField, Generator as Charts};
use crate::kustomization::Kustomization;
use crate::loader::{self, Loader, Sited};
use crate::origin::{self, Trail};
use crate::remote::{Remotes, RepoSpec};
use crate::resources::Resources;
use crate::schema::Schemas;
use crate::transform::{self, Context, Subjects};
use crate::{
    Built, KUSTOMIZE_VERSION, KustomizeError, Options, Warning, crds, generate, plugins, provenance, read, validate,
};
use crate::{replacement, scalar};
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_base::{Budget, Origin, Tree};
use weir_doc::{Dialect, Node, yaml};

/// What came together so far.
#[derive(Default)]
pub(crate) struct Gathered {
    pub resources: Resources,
    pub config: Option<Arc<Config>>,
    vars: Vec<Var>,
}

/// What all kustomizations of a build share.
pub(crate) struct Build {
    pub schemas: Schemas,
    pub metadata: Vec<String>,
    warnings: Vec<Warning>,
    provenance: bool,
}

/// A kustomization with the place it is read from.
pub(crate) struct Target<'t> {
    pub loader: Loader<'t>,
    pub file: Box<Kustomization>,
    /// Set when origins are noted.
    pub trail: Option<Trail>,
    /// Of the overlays above: charts without one of their own are released into it.
    outer_namespace: String,
}

/// Annotations that kustomize uses itself and never prints.
const INTERNAL: [&str; 19] = [
    "internal.config.kubernetes.io/previousKinds",
    "internal.config.kubernetes.io/previousNames",
    "internal.config.kubernetes.io/prefixes",
    "internal.config.kubernetes.io/suffixes",
    "internal.config.kubernetes.io/previousNamespaces",
    "internal.config.kubernetes.io/allowNameChange",
    "internal.config.kubernetes.io/allowKindChange",
    "internal.config.kubernetes.io/refBy",
    "internal.config.kubernetes.io/generatorBehavior",
    "internal.config.kubernetes.io/needsHashSuffix",
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/seqindent",
    "internal.config.kubernetes.io/id",
    "internal.config.kubernetes.io/annotations-migration-resource-id",
    "internal.config.kubernetes.io/helm-generated",
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "config.k8s.io/id",
];

pub(crate) fn build(
    tree: &Tree,
    outside: (&Remotes, Option<&dyn Charts>),
    path: &str,
    options: &Options,
    budget: &Budget,
) -> Result<Built, KustomizeError> {
    build_from(Loader::new(tree, outside, path, options.load_restrictor)?, options, budget)
}

pub(crate) fn build_from(loader: Loader, options: &Options, budget: &Budget) -> Result<Built, KustomizeError> {
    let mut target = Target::load(loader, &Origin::default(), budget)?;
    let metadata = target.file.build_metadata.clone();
    target.trail = (!metadata.is_empty()).then(Trail::default);
    let mut build = Build {
        schemas: Schemas::default(),
        metadata,
        warnings: target.file.warnings.clone(),
        provenance: options.provenance,
    };
    target.choose_schema(&mut build, budget)?;
    let gathered = target.gather(Gathered::default(), &mut build, budget)?;
    let Gathered { mut resources, config, vars } = gathered;
    let config = config.unwrap_or_default();
    let schemas = &build.schemas;
    let begin = |resources: &mut Resources| {
        if options.provenance {
            provenance::before(&mut resources.list)
        }
    };
    let end = |resources: &mut Resources, by: &str| provenance::after(&mut resources.list, by);
    begin(&mut resources);
    resources.list.iter_mut().for_each(|resource| transform::add_hash(resource, schemas));
    end(&mut resources, "hash of the content");
    if let Some(resource) = resources.list.iter().find(|resource| resource.has_broken_past()) {
        let problem = "a comma in a name or namespace that the object had, or none in its place: kustomize lists them with commas";
        return Err(KustomizeError::object(resource.at(), problem));
    }
    begin(&mut resources);
    let mut cx = Context { resources: &mut resources, schemas, budget };
    transform::references::fix(&mut cx, &config.name_reference)?;
    end(&mut resources, "reference to a renamed object");
    let mut vars = vars;
    vars.sort_by(|a, b| a.name.cmp(&b.name));
    begin(&mut resources);
    let mut cx = Context { resources: &mut resources, schemas, budget };
    transform::vars::resolve(&mut cx, &vars, &config.var_reference)?;
    end(&mut resources, "vars");
    drop_local(&mut resources)?;
    resources.check_unique(schemas)?;
    transform::sort::sort(&mut resources, target.file.sort_options.as_ref(), options.order, schemas)?;
    if options.managed_by_label || build.metadata.iter().any(|option| option == "managedByLabel") {
        let pairs = [("app.kubernetes.io/managed-by".to_owned(), format!("kustomize-{KUSTOMIZE_VERSION}"))];
        let specs = [crate::fieldspec::FieldSpec::at("metadata/labels", true)];
        begin(&mut resources);
        let mut cx = Context { resources: &mut resources, schemas, budget };
        transform::add_labels(&mut cx, &BTreeMap::from(pairs), &specs, &target.file.at)?;
        end(&mut resources, "buildMetadata");
    }
    Ok(Built { objects: finish(resources, &build.metadata, options.provenance)?, warnings: build.warnings })
}

/// Drops what is marked as local configuration.
fn drop_local(resources: &mut Resources) -> Result<(), KustomizeError> {
    for resource in &resources.list {
        let kind = resource.kind();
        if kind.is_empty() || (resource.name().is_empty() && !kind.ends_with("List")) {
            let problem = "the object has no kind or no metadata.name after its patches";
            return Err(KustomizeError::object(resource.at(), problem));
        }
    }
    resources.list.retain(|resource| {
        let annotations = resource.annotations();
        annotations.get("config.kubernetes.io/local-config").is_none_or(|value| value == "false")
    });
    Ok(())
}

/// The objects as they are printed: without kustomize's own annotations, times as Go prints them.
fn finish(resources: Resources, metadata: &[String], provenance: bool) -> Result<Vec<Node>, KustomizeError> {
    let wants = |option: &str| metadata.iter().any(|known| known == option);
    let objects = resources.list.into_iter().map(|mut resource| {
        if resource.is_unpaired("annotations") {
            let problem = "metadata.annotations is a list with an odd number of elements";
            return Err(KustomizeError::object(resource.at(), problem));
        }
        let mut annotations = resource.annotations();
        annotations.retain(|key, _| match key.as_str() {
            origin::ORIGIN => wants("originAnnotations"),
            origin::TRANSFORMATIONS => wants("transformerAnnotations"),
            key => !INTERNAL.contains(&key),
        });
        for key in annotations.keys() {
            scalar::check_key(key)
                .map_err(|why| KustomizeError::object(resource.at(), format!("annotations: {why}")))?;
        }
        resource.set_annotations(&annotations);
        resource.check()?;
        scalar::finish(&mut resource.node);
        scalar::print_as_json(&mut resource.node).map_err(|why| KustomizeError::object(resource.at(), why))?;
        if provenance {
            provenance::write(&mut resource.node, resource.marks.as_deref());
        }
        Ok(resource.node)
    });
    objects.collect()
}

impl<'t> Target<'t> {
    pub fn load(loader: Loader<'t>, at: &Origin, budget: &Budget) -> Result<Self, KustomizeError> {
        let (content, path) = loader.kustomization(at)?;
        let mistakes = Mistakes::default();
        let file = Box::new(Kustomization::read(&content, &path, loader.charts().is_some(), &mistakes, budget)?);
        let target = Self { loader, file, trail: None, outer_namespace: String::new() };
        target.check_paths(&mistakes, budget);
        mistakes.check()?;
        Ok(target)
    }

    /// Looks for every file and folder that the kustomization names, so that all that are missing are told.
    fn check_paths(&self, mistakes: &Mistakes, budget: &Budget) {
        let file = &self.file;
        let check = |path: &Sited, field: &str| mistakes.take(self.loader.check(path, field));
        let check_file = |path: &Sited, field: &str| mistakes.take(self.loader.load(path, field).map(drop));
        file.resources.iter().for_each(|path| check(path, "resources"));
        for path in &file.components {
            mistakes.take(self.loader.enter(path, "components").map(drop));
        }
        for (field, paths) in [("crds", &file.crds), ("configurations", &file.configurations)] {
            paths.iter().for_each(|path| check_file(path, field));
        }
        let plugins =
            [("generators", &file.generators), ("transformers", &file.transformers), ("validators", &file.validators)];
        for (field, entries) in plugins {
            for entry in entries.iter().filter(|entry| !plugins::is_inline(entry, field, budget)) {
                check(entry, field);
            }
        }
        for patch in file.patches.iter().chain(&file.patches_json).filter(|patch| !patch.path.text.is_empty()) {
            check_file(&patch.path, &format!("{}.path", patch.field));
        }
        for entry in file.replacements.iter().filter(|entry| !entry.path().text.is_empty()) {
            check_file(entry.path(), "replacements.path");
        }
        for generator in file.config_maps.iter().chain(&file.secrets) {
            mistakes.take(generate::check_paths(generator, &self.loader));
        }
        for chart in &file.charts {
            mistakes.take(helm::check(chart, &self.loader));
        }
        if let Some(path) = file.openapi.get("path") {
            check_file(&Sited { text: path.clone(), at: file.openapi_at.clone() }, "openapi.path");
        }
    }

    /// `openapi`: the first kustomization that sets it decides for all.
    fn choose_schema(&self, build: &mut Build, budget: &Budget) -> Result<(), KustomizeError> {
        let at = &self.file.openapi_at;
        let (path, version) = (self.file.openapi.get("path"), self.file.openapi.get("version"));
        let content = match path {
            Some(path) => {
                let path = Sited { text: path.clone(), at: at.clone() };
                Some(self.loader.load(&path, "openapi.path")?)
            }
            None => None,
        };
        if build.schemas.is_chosen() {
            return Ok(());
        }
        match (content, version) {
            (Some(_), Some(_)) => Err(KustomizeError::field(at, "openapi", "has both version and path")),
            (Some((content, file)), None) => {
                let document = yaml::parse_first(&content, Some(&file), 0, Dialect::Sigs, budget)?.unwrap_or_default();
                build.schemas.choose(&document);
                Ok(())
            }
            (None, Some(version)) if version == "v1.21.2" => {
                build.schemas.choose_builtin();
                Ok(())
            }
            (None, Some(version)) if !version.is_empty() => {
                let problem = format!("'{version}' is not built in, expected v1.21.2");
                Err(KustomizeError::field(at, "openapi.version", problem))
            }
            _ => Ok(()),
        }
    }

    /// Everything that the kustomization makes, added to what came together before (for a component).
    pub fn gather(&self, gathered: Gathered, build: &mut Build, budget: &Budget) -> Result<Gathered, KustomizeError> {
        let budget = &budget.deeper()?;
        let file = &self.file;
        let mut gathered = gathered;
        let mistakes = Mistakes::default();
        gathered.resources.begin_adding();
        for path in &file.resources {
            match self.resource(path, "resources", &mut gathered, build, budget) {
                Err(KustomizeError::Exhausted(why)) => return Err(why.into()),
                other => mistakes.take(other),
            }
        }
        mistakes.check()?;
        gathered.resources.end_adding();
        Config::merge_shared(&mut gathered.config, &self.configuration(budget)?, &file.at)?;
        if !file.crds.is_empty() {
            let crds = crds::load(&file.crds, &self.loader, budget)?;
            Config::merge_shared(&mut gathered.config, &Arc::new(crds), &file.at)?;
        }
        self.generate(&mut gathered, build, budget)?;
        for path in &file.components {
            gathered = self.component(path, gathered, build, budget)?;
        }
        self.transform(&mut gathered, build, budget)?;
        let validators = plugins::load(self, &file.validators, "validators", build, budget)?;
        let mut run = Run::new(self, &mut gathered.resources, build, budget);
        for validator in validators {
            validate::run(&mut run, &validator)?;
        }
        let mut cx = Context { resources: &mut gathered.resources, schemas: &build.schemas, budget };
        transform::vars::claim(&mut cx, &file.vars)?;
        transform::vars::merge(&mut gathered.vars, &file.vars)?;
        Ok(gathered)
    }

    /// The built-in configuration with that of `configurations`.
    fn configuration(&self, budget: &Budget) -> Result<Arc<Config>, KustomizeError> {
        let builtin = Config::builtin();
        if self.file.configurations.is_empty() {
            return Ok(builtin.clone());
        }
        let mut own = Config::default();
        for path in &self.file.configurations {
            let (content, name) = self.loader.load(path, "configurations")?;
            let document = yaml::parse_first(&content, Some(&name), 0, Dialect::Sigs, budget)?;
            own.merge(&Config::read(&document.unwrap_or_default())?, &path.at)?;
        }
        let mut all = Config::clone(builtin);
        all.merge(&own, &self.file.configurations[0].at)?;
        Ok(Arc::new(all))
    }

    /// A file with objects, or the folder of a base.
    pub fn resource(
        &self,
        path: &Sited,
        field: &str,
        gathered: &mut Gathered,
        build: &mut Build,
        budget: &Budget,
    ) -> Result<(), KustomizeError> {
        budget.spend(1)?;
        let objects = match self.loader.resource(path, field)? {
            loader::Resource::File(content, name) => Some(read::objects(&content, &name, budget)?),
            loader::Resource::Url(content, name) => match read::objects(&content, &name, budget) {
                // A web page at the address of a repository, say.
                Err(_) if RepoSpec::parse(&path.text).is_ok() => None,
                objects => Some(objects?),
            },
            loader::Resource::Folder => None,
        };
        if let Some(mut objects) = objects {
            if let Some(trail) = &self.trail {
                let origin = trail.append(&path.text).file();
                objects.iter_mut().for_each(|resource| origin::set_origin(resource, &origin));
            }
            return gathered.resources.append_all(objects, &build.schemas);
        }
        let base = self.enter(path, field, build, budget)?;
        if base.file.is_component {
            let problem = "is a Component, expected a Kustomization";
            return Err(KustomizeError::field(&path.at, format!("{field} '{}'", path.text), problem)
                .with_remedy("name it in components instead"));
        }
        let made = base.gather(Gathered::default(), build, budget)?;
        gathered.resources.append_all(made.resources.list, &build.schemas)?;
        Config::merge_shared(&mut gathered.config, &made.config.unwrap_or_default(), &base.file.at)?;
        transform::vars::merge(&mut gathered.vars, &made.vars)
    }

    fn enter(&self, path: &Sited, field: &str, build: &mut Build, budget: &Budget) -> Result<Self, KustomizeError> {
        let mut base = Self::load(self.loader.enter(path, field)?, &path.at, budget)?;
        base.trail = self.trail.as_ref().map(|trail| trail.append(&path.text));
        base.outer_namespace = self.release_namespace().to_owned();
        base.choose_schema(build, budget)?;
        let known = |warning: &&Warning| !build.warnings.contains(warning);
        let new: Vec<Warning> = base.file.warnings.iter().filter(known).cloned().collect();
        build.warnings.extend(new);
        Ok(base)
    }

    fn component(
        &self,
        path: &Sited,
        gathered: Gathered,
        build: &mut Build,
        budget: &Budget,
    ) -> Result<Gathered, KustomizeError> {
        let component = self.enter(path, "components", build, budget)?;
        if !component.file.is_component {
            let problem = "is a Kustomization, expected a Component";
            return Err(KustomizeError::field(&path.at, format!("components '{}'", path.text), problem)
                .with_remedy("set kind: Component in it, or name it in resources instead"));
        }
        let mut gathered = component.gather(gathered, build, budget)?;
        gathered.resources.check_unique(&build.schemas)?;
        let config = gathered.config.take().unwrap_or_default();
        Config::merge_shared(&mut gathered.config, &config, &component.file.at)?;
        Ok(gathered)
    }

    fn generate(&self, gathered: &mut Gathered, build: &mut Build, budget: &Budget) -> Result<(), KustomizeError> {
        let generators = self.file.config_maps.iter().chain(&self.file.secrets);
        for generator in generators {
            let mut made = generate::generate(generator, self.file.generator_options.as_ref(), &self.loader, budget)?;
            if let Some(trail) = &self.trail {
                let by = origin::builtin(generator_kind(generator));
                origin::note_origin(&mut made, &trail.configured(file_name(&self.file.file), by));
            }
            gathered.resources.absorb(made, &build.schemas)?;
        }
        for chart in &self.file.charts {
            let by = || origin::builtin(helm::KIND);
            let origin = self.trail.as_ref().map(|trail| trail.configured(file_name(&self.file.file), by()));
            self.inflate(chart, self.release_namespace(), origin.as_ref(), gathered, build, budget)?;
        }
        for plugin in plugins::load(self, &self.file.generators, "generators", build, budget)? {
            plugin.generate(self, gathered, build, budget)?;
        }
        Ok(())
    }

    /// Where charts are released that name no namespace.
    fn release_namespace(&self) -> &str {
        if self.file.namespace.is_empty() { &self.outer_namespace } else { &self.file.namespace }
    }

    /// Takes in the objects of a chart.
    pub fn inflate(
        &self,
        chart: &ChartField,
        namespace: &str,
        origin: Option<&Node>,
        gathered: &mut Gathered,
        build: &Build,
        budget: &Budget,
    ) -> Result<(), KustomizeError> {
        let Some(by) = self.loader.charts() else { return Ok(()) };
        for mut object in helm::inflate(chart, namespace, by, (&self.loader, &build.schemas), budget)? {
            if let Some(origin) = origin {
                origin::note_origin(&mut object, origin);
            }
            gathered.resources.absorb(object, &build.schemas)?;
        }
        Ok(())
    }

    fn transform(&self, gathered: &mut Gathered, build: &mut Build, budget: &Budget) -> Result<(), KustomizeError> {
        let file = &self.file;
        let config = gathered.config.clone().unwrap_or_default();
        let external = plugins::load(self, &file.transformers, "transformers", build, budget)?;
        let mut run = Run::new(self, &mut gathered.resources, build, budget);
        if !file.patches_strategic_merge.is_empty() {
            run.step("PatchStrategicMergeTransformer", file.place("patchesStrategicMerge"), |cx| {
                transform::strategic_patches(cx, &file.patches_strategic_merge, &self.loader)
            })?;
        }
        for patch in &file.patches {
            run.step("PatchTransformer", &patch.at, |cx| transform::apply_patch(cx, patch, &self.loader))?;
        }
        let at = &file.at;
        if !file.namespace.is_empty() {
            run.step("NamespaceTransformer", file.place("namespace"), |cx| {
                transform::set_namespace(cx, &file.namespace, &config.namespace, Subjects::Default, false, at)
            })?;
        }
        if !file.name_prefix.is_empty() {
            run.step("PrefixTransformer", file.place("namePrefix"), |cx| {
                transform::add_prefix(cx, &file.name_prefix, &config.name_prefix, at)
            })?;
        }
        if !file.name_suffix.is_empty() {
            run.step("SuffixTransformer", file.place("nameSuffix"), |cx| {
                transform::add_suffix(cx, &file.name_suffix, &config.name_suffix, at)
            })?;
        }
        for label in &file.labels {
            run.step("LabelTransformer", &label.at, |cx| transform::add_label(cx, label, &config))?;
        }
        if !file.labels.is_empty() || !file.common_labels.is_empty() {
            run.step("LabelTransformer", file.place("commonLabels"), |cx| {
                transform::add_labels(cx, &file.common_labels, &config.common_labels, at)
            })?;
        }
        if !file.common_annotations.is_empty() {
            run.step("AnnotationsTransformer", file.place("commonAnnotations"), |cx| {
                transform::add_annotations(cx, &file.common_annotations, &config.common_annotations, at)
            })?;
        }
        for patch in &file.patches_json {
            run.step("PatchJson6902Transformer", &patch.at, |cx| transform::json_patches(cx, patch, &self.loader))?;
        }
        for replica in &file.replicas {
            run.step("ReplicaCountTransformer", &replica.at, |cx| {
                transform::set_replicas(cx, replica, &config.replicas)
            })?;
        }
        for image in &file.images {
            run.step("ImageTagTransformer", &image.at, |cx| transform::set_image(cx, image, &config.images))?;
        }
        if !file.replacements.is_empty() {
            let replacements = replacement::load(&file.replacements, &self.loader, budget)?;
            run.step("ReplacementTransformer", file.place("replacements"), |cx| replacement::apply(cx, &replacements))?;
        }
        for plugin in external {
            plugin.transform(&mut run)?;
        }
        Ok(())
    }
}

/// Runs transformers one by one.
pub(crate) struct Run<'r, 't> {
    pub target: &'r Target<'t>,
    pub resources: &'r mut Resources,
    pub schemas: &'r Schemas,
    pub budget: &'r Budget,
    provenance: bool,
}

impl<'r, 't> Run<'r, 't> {
    fn new(target: &'r Target<'t>, resources: &'r mut Resources, build: &'r Build, budget: &'r Budget) -> Self {
        Self { target, resources, schemas: &build.schemas, budget, provenance: build.provenance }
    }

    fn step(
        &mut self,
        kind: &str,
        at: &Origin,
        transform: impl FnOnce(&mut Context) -> Result<(), KustomizeError>,
    ) -> Result<(), KustomizeError> {
        let by = origin::builtin(kind);
        let target = self.target;
        let origin = target.trail.as_ref().map(|trail| trail.configured(file_name(&target.file.file), by));
        self.noted(origin, (kind, at), transform)
    }

    /// Runs a transformer and notes it on every object.
    pub fn noted(
        &mut self,
        origin: Option<Node>,
        (kind, at): (&str, &Origin),
        transform: impl FnOnce(&mut Context) -> Result<(), KustomizeError>,
    ) -> Result<(), KustomizeError> {
        if self.provenance {
            provenance::before(&mut self.resources.list);
        }
        transform(&mut Context { resources: self.resources, schemas: self.schemas, budget: self.budget })?;
        if self.provenance {
            provenance::after(&mut self.resources.list, &format!("{kind} ({at})"));
        }
        if let Some(origin) = origin {
            self.resources.list.iter_mut().for_each(|resource| origin::note_transformation(resource, &origin));
        }
        self.resources.list.retain(|resource| !scalar::is_nil_or_empty(&resource.node));
        Ok(())
    }
}

pub(crate) fn generator_kind(generator: &Generator) -> &'static str {
    if generator.is_secret { "SecretGenerator" } else { "ConfigMapGenerator" }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
