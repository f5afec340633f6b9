//! `weir kustomize edit`: the original's commands and flags.

use super::{build, glob};
use crate::error::CliError;
use crate::folder;
use crate::output::Output;
use crate::remote::Fetcher;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use weir_base::Budget;
use weir_base::tree::Found;
use weir_kustomize::FILE_NAMES;
use weir_kustomize::edit::{Edit, GeneratorSetting, ImageSetting, PatchSetting};
use weir_kustomize::remote::{Answer, Fetch, Need, RepoSpec};

#[derive(Subcommand)]
pub enum Command {
    /// Add an entry.
    #[command(subcommand)]
    Add(Add),
    /// Set a value.
    #[command(subcommand)]
    Set(Set),
    /// Remove an entry.
    #[command(subcommand)]
    Remove(Remove),
    /// Move what stands in deprecated fields to those in their place.
    Fix {
        /// Make replacements of the vars too. Files that have `$(NAME)` get NAME_PLACEHOLDER there.
        #[arg(long)]
        vars: bool,
    },
}

#[derive(Subcommand)]
pub enum Add {
    /// Files or folders with objects; patterns stand for what is there.
    Resource {
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<String>,
        /// Do not look whether they are there.
        #[arg(long)]
        no_verify: bool,
    },
    /// Folders with bases, separated by commas; each has to be there, and new.
    Base { paths: String },
    /// What is noted on the objects, separated by commas.
    #[command(name = "buildmetadata")]
    BuildMetadata(Options),
    /// Folders with components.
    Component(Paths),
    /// Files with generators.
    Generator(Paths),
    /// Files with transformers.
    Transformer(Paths),
    /// A patch, in a file or as text.
    Patch(PatchArgs),
    /// Labels: KEY:VALUE.
    Label {
        #[command(flatten)]
        pairs: Pairs,
        /// Overwrite what is there.
        #[arg(long, short)]
        force: bool,
        /// Leave selectors alone: in `labels`, not in `commonLabels`.
        #[arg(long)]
        without_selector: bool,
        /// And the templates of pods not.
        #[arg(long, requires = "without_selector")]
        include_templates: bool,
    },
    /// Annotations: KEY:VALUE.
    Annotation {
        #[command(flatten)]
        pairs: Pairs,
        /// Overwrite what is there.
        #[arg(long, short)]
        force: bool,
    },
    /// A generator of a ConfigMap, or more for one.
    Configmap(GeneratorArgs),
    /// A generator of a Secret, or more for one.
    Secret {
        #[command(flatten)]
        generator: GeneratorArgs,
        /// Type of the Secret.
        #[arg(long = "type", default_value = "Opaque")]
        kind: String,
    },
}

#[derive(Subcommand)]
pub enum Set {
    /// Images: NAME=NEW:TAG, NAME:TAG, NAME@DIGEST; `*` keeps what is there.
    Image {
        #[arg(required = true)]
        images: Vec<String>,
    },
    /// The namespace of all objects.
    Namespace { name: String },
    /// What the names begin with.
    #[command(name = "nameprefix")]
    NamePrefix {
        #[arg(allow_hyphen_values = true)]
        prefix: String,
    },
    /// What the names end with.
    #[command(name = "namesuffix")]
    NameSuffix {
        #[arg(allow_hyphen_values = true)]
        suffix: String,
    },
    /// How many replicas: NAME=COUNT.
    Replicas {
        #[arg(required = true)]
        replicas: Vec<String>,
    },
    /// Labels of `commonLabels`: KEY:VALUE.
    Label(Pairs),
    /// Annotations of `commonAnnotations`: KEY:VALUE.
    Annotation(Pairs),
    /// What is noted on the objects, separated by commas.
    #[command(name = "buildmetadata")]
    BuildMetadata(Options),
    /// Values of a generator of a ConfigMap that it has, or its namespace.
    Configmap(GeneratorChange),
    /// Values of a generator of a Secret that it has, or its namespace.
    Secret(GeneratorChange),
}

#[derive(Subcommand)]
pub enum Remove {
    /// Files or folders with objects; patterns stand for entries.
    Resource(Paths),
    /// Files with transformers.
    Transformer(Paths),
    /// The patch that is just this one.
    Patch(PatchArgs),
    /// Labels of `commonLabels`, separated by commas.
    Label(Keys),
    /// Annotations of `commonAnnotations`, separated by commas.
    Annotation(Keys),
    /// Generators of ConfigMaps, separated by commas.
    Configmap(Names),
    /// Generators of Secrets, separated by commas.
    Secret(Names),
    /// What is noted on the objects, separated by commas.
    #[command(name = "buildmetadata")]
    BuildMetadata(Options),
}

#[derive(Args)]
pub struct Options {
    #[arg(value_parser = options)]
    options: Listed,
}

/// Texts that are one argument.
#[derive(Clone)]
struct Listed(Vec<String>);

fn options(text: &str) -> Result<Listed, String> {
    const KNOWN: [&str; 3] = ["originAnnotations", "transformerAnnotations", "managedByLabel"];
    match text.split(',').find(|option| !KNOWN.contains(option)) {
        Some(unknown) => Err(format!("'{unknown}' is none of {}", KNOWN.join(", "))),
        None => Ok(Listed(text.split(',').map(str::to_owned).collect())),
    }
}

#[derive(Args)]
pub struct GeneratorChange {
    name: String,
    /// A key that it has, and the new value.
    #[arg(long, value_name = "KEY=VALUE")]
    from_literal: Vec<String>,
    /// Namespace that it has.
    #[arg(long, default_value = "")]
    namespace: String,
    /// Namespace that it gets.
    #[arg(long, default_value = "")]
    new_namespace: String,
}

#[derive(Args)]
pub struct Paths {
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
}

#[derive(Args)]
pub struct Pairs {
    #[arg(required = true, value_name = "KEY:VALUE", value_parser = pair)]
    pairs: Vec<(String, String)>,
}

/// As in the original: a key alone has the empty value, and quotes around the value go.
fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once(':').unwrap_or((text, ""));
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    match key {
        "" => Err("need k:v pair where v may be quoted".to_owned()),
        key => Ok((key.to_owned(), unquoted.to_owned())),
    }
}

#[derive(Args)]
pub struct Keys {
    #[arg(required = true, value_delimiter = ',', value_name = "KEYS")]
    keys: Vec<String>,
    /// Go on when there is no such key.
    #[arg(long, short)]
    ignore_non_existence: bool,
}

#[derive(Args)]
pub struct Names {
    #[arg(required = true, value_delimiter = ',', value_name = "NAMES")]
    names: Vec<String>,
    /// Of this namespace.
    #[arg(long, default_value = "")]
    namespace: String,
}

#[derive(Args)]
pub struct PatchArgs {
    /// File with the patch.
    #[arg(long, default_value = "")]
    path: String,
    /// The patch itself.
    #[arg(long, default_value = "")]
    patch: String,
    /// Of the target.
    #[arg(long, default_value = "")]
    group: String,
    /// Of the target.
    #[arg(long, default_value = "")]
    version: String,
    /// Of the target.
    #[arg(long, default_value = "")]
    kind: String,
    /// Of the target.
    #[arg(long, default_value = "")]
    name: String,
    /// Of the target.
    #[arg(long, default_value = "")]
    namespace: String,
    /// Of the target.
    #[arg(long, default_value = "")]
    annotation_selector: String,
    /// Of the target.
    #[arg(long, default_value = "")]
    label_selector: String,
}

impl From<PatchArgs> for PatchSetting {
    fn from(args: PatchArgs) -> Self {
        let target = vec![
            ("group", args.group),
            ("version", args.version),
            ("kind", args.kind),
            ("name", args.name),
            ("namespace", args.namespace),
            ("annotationSelector", args.annotation_selector),
            ("labelSelector", args.label_selector),
        ];
        Self { patch: args.patch, path: args.path, target }
    }
}

#[derive(Args)]
pub struct GeneratorArgs {
    name: String,
    /// Files, as [KEY=]PATH; patterns stand for what is there.
    #[arg(long, value_delimiter = ',', value_name = "[KEY=]PATH")]
    from_file: Vec<String>,
    /// Values, as KEY=VALUE.
    #[arg(long, value_name = "KEY=VALUE")]
    from_literal: Vec<String>,
    /// File with lines KEY=VALUE.
    #[arg(long, value_name = "FILE", default_value = "")]
    from_env_file: String,
    /// What becomes of one that a base has: create, merge or replace.
    #[arg(long, default_value = "")]
    behavior: String,
    /// Namespace of the object.
    #[arg(long, default_value = "")]
    namespace: String,
    /// Leave the hash of the content out of the name.
    #[arg(long = "disableNameSuffixHash")]
    disable_name_suffix_hash: bool,
}

impl GeneratorArgs {
    fn setting(self, kind: String) -> Result<GeneratorSetting, CliError> {
        let mut files = Vec::new();
        for source in &self.from_file {
            let (key, path) = source.split_once('=').map_or(("", source.as_str()), |(key, path)| (key, path));
            let found = glob::files(path)?;
            match (key, &found[..]) {
                (_, []) => return Err(CliError::new(format!("{path} has no match"))),
                ("", _) => files.extend(found),
                (key, [one]) => files.push(format!("{key}={one}")),
                _ => {
                    return Err(CliError::new(format!(
                        "pattern '{source}' catches files {found:?}, should catch only one"
                    )));
                }
            }
        }
        Ok(GeneratorSetting {
            name: self.name,
            namespace: self.namespace,
            literals: self.from_literal,
            files,
            env_file: self.from_env_file,
            behavior: self.behavior,
            kind,
            disable_name_suffix_hash: self.disable_name_suffix_hash,
        })
    }
}

pub fn run(command: Command, output: &Output) -> Result<ExitCode, CliError> {
    let file = file()?;
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(&file).map_err(|error| CliError::new(format!("{shown}: {error}")))?;
    let mut edit = Edit::read(&text, &shown)?;
    // What else is to be written, and what the build gave so far.
    let (mut others, mut before) = (Vec::new(), None);
    let notes = match command {
        Command::Add(add) => added(&mut edit, add, &shown)?,
        Command::Set(set) => self::set(&mut edit, set).map(|()| Vec::new())?,
        Command::Remove(remove) => removed(&mut edit, remove)?,
        Command::Fix { vars } => {
            edit.fix(|path| std::path::Path::new(path).is_file())?;
            let mut fixed = "fixed: bases, imageTags, patchesJson6902, patchesStrategicMerge, commonLabels".to_owned();
            if vars {
                fixed.push_str(", vars");
                others = edit.fix_vars(|path| std::fs::read_to_string(path).ok())?;
                before = Some(build::of_folder(".".as_ref()));
            }
            let files = others.iter().map(|(path, _)| format!("changed: {path}"));
            std::iter::once(fixed).chain(files).collect()
        }
    };
    notes.iter().for_each(|note| output.error(note));
    for (path, text) in &others {
        folder::replace(path.as_ref(), text.as_bytes())?;
    }
    let changed = edit.text();
    if changed != text {
        folder::replace(&file, changed.as_bytes())?;
    }
    if let Some(before) = before {
        compare(before, output);
    }
    Ok(ExitCode::SUCCESS)
}

/// The kustomization file of this folder.
fn file() -> Result<PathBuf, CliError> {
    let mut found = FILE_NAMES.iter().map(PathBuf::from).filter(|file| file.is_file());
    match (found.next(), found.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => Err(CliError::new(format!("Missing kustomization file '{}'.\n", FILE_NAMES[0]))),
        (Some(_), Some(_)) => {
            Err(CliError::new(format!("Found multiple kustomization files: {}", FILE_NAMES.join(", "))))
        }
    }
}

/// Says what the build gives otherwise than it did.
fn compare(before: Result<String, CliError>, output: &Output) {
    match (before, build::of_folder(".".as_ref())) {
        (_, Err(error)) => output.error(&format!("Warning: the fixed kustomization cannot be built: {error}")),
        (Ok(before), Ok(after)) if before == after => {}
        (Ok(_), Ok(_)) => {
            output.error("Warning: the fixed kustomization builds something else; look at it before you commit it");
        }
        (Err(_), Ok(_)) => {}
    }
}

/// Each says what there is to say about it, line by line.
fn added(edit: &mut Edit, add: Add, file: &str) -> Result<Vec<String>, CliError> {
    match add {
        Add::Resource { paths, no_verify: true } => return entries(edit, "resources", "resource", &paths),
        Add::Resource { paths, no_verify: false } => {
            return entries(edit, "resources", "resource", &found(&paths, file, true)?);
        }
        Add::Base { paths } => {
            let paths: Vec<String> = paths.split(',').map(str::to_owned).collect();
            if let Some(missing) = paths.iter().find(|path| !std::path::Path::new(path).exists()) {
                return Err(CliError::new(format!("{missing} does not exist")));
            }
            return refused(&entries(edit, "resources", "base", &paths)?);
        }
        Add::BuildMetadata(Options { options: Listed(options) }) => {
            return refused(&entries(edit, "buildMetadata", "buildMetadata option", &options)?);
        }
        Add::Component(Paths { paths }) => {
            return entries(edit, "components", "component", &found(&paths, file, true)?);
        }
        Add::Generator(Paths { paths }) => {
            return entries(edit, "generators", "generator", &found(&paths, file, false)?);
        }
        Add::Transformer(Paths { paths }) => {
            return entries(edit, "transformers", "transformer", &found(&paths, file, false)?);
        }
        Add::Patch(args) => {
            let known = edit.add_patch(&args.into())?.then(|| "the patch is already in kustomization file".to_owned());
            return Ok(known.into_iter().collect());
        }
        Add::Label { pairs, force, without_selector: true, include_templates } => {
            edit.add_labels(&pairs.pairs, include_templates, force)?;
        }
        Add::Label { pairs, force, .. } => edit.set_pairs("commonLabels", &pairs.pairs, force)?,
        Add::Annotation { pairs, force } => edit.set_pairs("commonAnnotations", &pairs.pairs, force)?,
        Add::Configmap(args) => edit.add_generator("configMapGenerator", &args.setting(String::new())?)?,
        Add::Secret { generator, kind } => edit.add_generator("secretGenerator", &generator.setting(kind)?)?,
    }
    Ok(Vec::new())
}

/// What is there already is an error.
fn refused(known: &[String]) -> Result<Vec<String>, CliError> {
    match known {
        [] => Ok(Vec::new()),
        [first, ..] => Err(CliError::new(first.clone())),
    }
}

fn entries(edit: &mut Edit, field: &str, what: &str, paths: &[String]) -> Result<Vec<String>, CliError> {
    let known = edit.add_entries(field, paths)?;
    Ok(known.iter().map(|entry| format!("{what} {entry} already in kustomization file")).collect())
}

/// What is there of some names and patterns, but for the kustomization file itself; repositories too, if they may be.
fn found(patterns: &[String], file: &str, may_be_remote: bool) -> Result<Vec<String>, CliError> {
    let mut all = Vec::new();
    for pattern in patterns {
        let found = glob::files(pattern)?;
        let spec = RepoSpec::parse(pattern).ok().filter(|_| may_be_remote && found.is_empty());
        if let Some(spec) = spec {
            fetch(spec)?;
            all.push(pattern.clone());
            continue;
        }
        if found.is_empty() {
            return Err(CliError::new(format!(
                "{pattern} has no match (--no-verify adds a resource that is not there)"
            )));
        }
        all.extend(found.into_iter().filter(|path| path != file));
    }
    Ok(all)
}

/// Looks whether a folder of a repository is there, which takes all of the repository.
fn fetch(spec: RepoSpec) -> Result<(), CliError> {
    let need = Need::Repository(spec.clone());
    let why = match Fetcher::with_local().fetch(&need, &Budget::standard()) {
        Answer::Repository(tree) if tree.find(&spec.folder) == Found::Folder => return Ok(()),
        Answer::Repository(_) => format!("it has no folder '{}'", spec.folder),
        Answer::Failed(why) => why,
        _ => "it is no repository".to_owned(),
    };
    Err(CliError::new(format!("{need} has no match: {why} (--no-verify adds a resource that is not there)")))
}

fn set(edit: &mut Edit, set: Set) -> Result<(), CliError> {
    match set {
        Set::Image { images } => {
            let settings = images.iter().map(|image| ImageSetting::parse(image)).collect::<Result<Vec<_>, _>>()?;
            settings.iter().try_for_each(|image| edit.set_image(image))?;
        }
        Set::Namespace { name } => edit.set_text("namespace", &name)?,
        Set::NamePrefix { prefix } => edit.set_text("namePrefix", &prefix)?,
        Set::NameSuffix { suffix } => edit.set_text("nameSuffix", &suffix)?,
        Set::Replicas { replicas } => {
            let read = |text: &String| {
                let (name, count) = text.split_once('=')?;
                Some((name.to_owned(), count.parse::<i64>().ok()?))
            };
            let wrong = "invalid format of replica, use the following format: <name>=<count>";
            let replicas: Option<Vec<(String, i64)>> = replicas.iter().map(read).collect();
            let replicas = replicas.ok_or_else(|| CliError::new(wrong))?;
            replicas.iter().try_for_each(|(name, count)| edit.set_replicas(name, *count))?;
        }
        Set::Label(Pairs { pairs }) => edit.set_pairs("commonLabels", &pairs, true)?,
        Set::Annotation(Pairs { pairs }) => edit.set_pairs("commonAnnotations", &pairs, true)?,
        Set::BuildMetadata(Options { options: Listed(options) }) => edit.set_entries("buildMetadata", &options)?,
        Set::Configmap(change) => set_generator(edit, "configMapGenerator", &change)?,
        Set::Secret(change) => set_generator(edit, "secretGenerator", &change)?,
    }
    Ok(())
}

fn set_generator(edit: &mut Edit, field: &str, change: &GeneratorChange) -> Result<(), CliError> {
    let GeneratorChange { name, from_literal, namespace, new_namespace } = change;
    Ok(edit.set_generator(field, (name, namespace), from_literal, new_namespace)?)
}

fn removed(edit: &mut Edit, remove: Remove) -> Result<Vec<String>, CliError> {
    match remove {
        Remove::Resource(args) => remove_paths(edit, "resources", &args.paths)?,
        Remove::Transformer(args) => remove_paths(edit, "transformers", &args.paths)?,
        Remove::Patch(args) => {
            let is_missing = !edit.remove_patch(&args.into())?;
            let note = is_missing.then(|| "the patch doesn't exist in kustomization file".to_owned());
            return Ok(note.into_iter().collect());
        }
        Remove::Label(keys) => remove_pairs(edit, "commonLabels", &keys)?,
        Remove::Annotation(keys) => remove_pairs(edit, "commonAnnotations", &keys)?,
        Remove::Configmap(names) => return remove_generators(edit, "configMapGenerator", "configmap", &names),
        Remove::BuildMetadata(Options { options: Listed(options) }) => {
            edit.remove_entries("buildMetadata", |entry| options.iter().any(|option| option == entry))?;
        }
        Remove::Secret(names) => return remove_generators(edit, "secretGenerator", "secret", &names),
    }
    Ok(Vec::new())
}

fn remove_paths(edit: &mut Edit, field: &str, paths: &[String]) -> Result<(), CliError> {
    let patterns = paths.iter().map(|path| glob::pattern(path)).collect::<Result<Vec<_>, _>>()?;
    edit.remove_entries(field, |entry| patterns.iter().any(|pattern| pattern.is_match(entry)))?;
    Ok(())
}

fn remove_pairs(edit: &mut Edit, field: &str, args: &Keys) -> Result<(), CliError> {
    let keys: Vec<&str> = args.keys.iter().map(String::as_str).collect();
    Ok(edit.remove_pairs(field, &keys, args.ignore_non_existence)?)
}

fn remove_generators(edit: &mut Edit, field: &str, what: &str, args: &Names) -> Result<Vec<String>, CliError> {
    let names: Vec<&str> = args.names.iter().map(String::as_str).collect();
    let missing = edit.remove_generators(field, &names, &args.namespace)?;
    Ok(missing.iter().map(|name| format!("{what} {name} doesn't exist in kustomization file")).collect())
}
