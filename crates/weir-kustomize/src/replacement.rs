//! `replacements`: a field of one object, or a fixed value, copied into fields of others.

mod comments;
mod fill;
mod reprint;

use crate::KustomizeError;
use crate::config;
use crate::fields::{self, Fields};
use crate::id::Id;
use crate::loader::{Loader, Sited};
use crate::path;
use crate::resource::Resource;
use crate::scalar;
use crate::selector::Selector;
use crate::transform::{Context, failed};
use fill::Filled;
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Node, yaml};

const DEFAULT_PATH: &str = "metadata.name";

/// An entry of `replacements`: inline, or a file with one or more.
#[derive(Clone, Debug)]
pub(crate) struct ReplacementField {
    path: Sited,
    inline: Replacement,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Replacement {
    at: Origin,
    source: Option<Source>,
    source_value: Option<String>,
    targets: Option<Vec<Target>>,
}

#[derive(Clone, Debug)]
struct Source {
    id: Id,
    field_path: String,
    options: FieldOptions,
}

#[derive(Clone, Debug)]
struct Target {
    at: Origin,
    select: Option<Selector>,
    reject: Vec<Selector>,
    field_paths: Vec<Sited>,
    options: FieldOptions,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FieldOptions {
    delimiter: String,
    index: i64,
    create: bool,
}

impl ReplacementField {
    pub fn read(fields: &mut Fields) -> Self {
        Self { path: fields.sited("path"), inline: Replacement::read(fields) }
    }

    /// kustomize drops an empty list of targets from its own file, though not from others.
    pub fn unless_empty(mut self) -> Self {
        self.inline.targets = self.inline.targets.filter(|targets| !targets.is_empty());
        self
    }

    pub fn path(&self) -> &Sited {
        &self.path
    }
}

impl Replacement {
    fn read(fields: &mut Fields) -> Self {
        Self {
            at: fields.at.clone(),
            source: fields.nested("source", |fields| {
                let gvk = config::gvk(fields);
                let (name, namespace) = (fields.string("name"), fields.string("namespace"));
                Source {
                    id: Id::new(gvk, &name, &namespace),
                    field_path: fields.string("fieldPath"),
                    options: fields.nested("options", FieldOptions::read).unwrap_or_default(),
                }
            }),
            source_value: fields.has("sourceValue").then(|| fields.string("sourceValue")),
            targets: fields.has("targets").then(|| fields.items("targets", Target::read)),
        }
    }
}

impl Target {
    fn read(fields: &mut Fields) -> Self {
        Self {
            at: fields.at.clone(),
            select: fields.nested("select", Selector::read),
            reject: fields.items("reject", Selector::read),
            field_paths: fields.strings("fieldPaths"),
            options: fields.nested("options", FieldOptions::read).unwrap_or_default(),
        }
    }

    /// Whether the target is for the object, which has these ids, the present one first.
    fn is_for(&self, select: &Selector, resource: &Resource, ids: &[Id]) -> Result<bool, KustomizeError> {
        if !select.fits_target(resource)? {
            return Ok(false);
        }
        for reject in self.reject.iter().filter(|reject| reject.has_labels) {
            if reject.fits_target(resource)? {
                return Ok(false);
            }
        }
        let fits = |selector: &Selector| ids.iter().any(|id| selector.fits_id(id));
        Ok(!self.reject.iter().any(|reject| reject.names_something && fits(reject)) && fits(select))
    }
}

impl FieldOptions {
    fn read(fields: &mut Fields) -> Self {
        let options = Self {
            delimiter: fields.string("delimiter"),
            index: fields.int("index").unwrap_or_default(),
            create: fields.bool("create"),
        };
        // kustomize knows this field and does nothing with it.
        fields.string("encoding");
        options
    }
}

/// The replacements of a list, with those of files in their place.
pub(crate) fn load(
    list: &[ReplacementField],
    loader: &Loader,
    budget: &Budget,
) -> Result<Vec<Replacement>, KustomizeError> {
    let mut found = Vec::new();
    for entry in list {
        if entry.path.text.is_empty() {
            found.push(entry.inline.clone());
            continue;
        }
        if entry.inline.source.is_some() || entry.inline.targets.as_ref().is_some_and(|targets| !targets.is_empty()) {
            let problem = "has both a path and an inline replacement";
            return Err(KustomizeError::field(&entry.path.at, "replacements", problem));
        }
        let (content, file) = loader.load(&entry.path, "replacements.path")?;
        let document = yaml::parse_first(&content, Some(&file), 0, Dialect::Sigs, budget)?.unwrap_or_default();
        let read = |node: &Node| {
            fields::read(node, "replacement", |fields| {
                fields.set_lenient();
                Replacement::read(fields)
            })
        };
        match document.as_seq() {
            Some(items) => {
                for item in items {
                    found.push(read(item)?);
                }
            }
            None => found.push(read(&document)?),
        }
    }
    Ok(found)
}

pub(crate) fn apply(cx: &mut Context, replacements: &[Replacement]) -> Result<(), KustomizeError> {
    for replacement in replacements {
        let refuse = |problem: &str| Err(KustomizeError::field(&replacement.at, "replacements", problem));
        if replacement.source.is_none() && replacement.source_value.is_none() || replacement.targets.is_none() {
            return refuse("must specify a source and at least one target");
        }
        let mut value = match (&replacement.source, &replacement.source_value) {
            (Some(_), Some(_)) => return refuse("has both source and sourceValue"),
            (None, Some(text)) => Sourced { value: scalar::untyped(text), from: None },
            (Some(source), None) => source_value(cx, source, &replacement.at)?,
            (None, None) => return refuse("has no source"),
        };
        for target in replacement.targets.iter().flatten() {
            for index in 0..cx.resources.list.len() {
                cx.budget.spend(1)?;
                fill_one(cx, index, target, &mut value)?;
            }
        }
    }
    spread(&mut cx.resources.list);
    Ok(())
}

/// A value of a wrong type may have gone on to other objects: they have the first place in the message.
fn spread(list: &mut [Resource]) {
    let Some(first) = list.iter().find_map(|resource| resource.mistyped.clone()) else { return };
    for resource in list.iter_mut().filter(|resource| scalar::is_mistyped(&resource.node)) {
        resource.mistyped.get_or_insert_with(|| first.clone());
    }
}

/// Writes the value into one object, if the target is for it.
fn fill_one(cx: &mut Context, index: usize, target: &Target, value: &mut Sourced) -> Result<(), KustomizeError> {
    let Some(select) = &target.select else {
        return Err(KustomizeError::field(&target.at, "replacements.targets", "has no select"));
    };
    let resource = &cx.resources.list[index];
    if !target.is_for(select, resource, &all_ids(resource))? {
        return Ok(());
    }
    let default = [Sited { text: DEFAULT_PATH.to_owned(), at: target.at.clone() }];
    let paths = if target.field_paths.is_empty() { &default[..] } else { &target.field_paths };
    for path in paths {
        value.look_again(&cx.resources.list);
        if value.is_within(index) && target.options.create {
            // What is made for the target is part of the value when that is what it stands in.
            let node = &mut cx.resources.list[index].node;
            fill::make(node, &path.text, &value.value, cx.budget)?;
            value.look_again(&cx.resources.list);
        }
        let resource = &mut cx.resources.list[index];
        let filled = fill::fill(&mut resource.node, &path.text, &value.value, &target.options, cx.budget)?;
        let wrong = |why| failed(resource, "a replacement", &path.at, cx.schemas, why);
        match filled {
            Filled::Not(why) => return Err(wrong(why)),
            Filled::Mistyped(why) => {
                let why = Box::new(wrong(why));
                resource.mistyped.get_or_insert(why);
            }
            Filled::Fully => {}
        }
        resource.settle();
    }
    Ok(())
}

/// The value of a replacement. One that is a field of an object changes when that does.
struct Sourced {
    value: Node,
    from: Option<(usize, Vec<String>)>,
}

impl Sourced {
    fn look_again(&mut self, list: &[Resource]) {
        let Some((index, parts)) = &self.from else { return };
        if let Ok(Some(now)) = path::lookup(&list[*index].node, parts) {
            self.value = now.clone();
        }
    }

    /// Whether the value is a mapping or list of the object.
    fn is_within(&self, index: usize) -> bool {
        let from = self.from.as_ref().is_some_and(|(from, _)| *from == index);
        from && (self.value.as_map().is_some() || self.value.as_seq().is_some())
    }
}

/// The ids of an object as replacements compare them: never cluster-wide.
fn all_ids(resource: &Resource) -> Vec<Id> {
    let now = Id::new(resource.gvk(), &resource.name(), &resource.namespace());
    std::iter::once(now).chain(resource.previous_ids()).collect()
}

fn source_value(cx: &Context, source: &Source, at: &Origin) -> Result<Sourced, KustomizeError> {
    let wanted = &source.id;
    let selects = |id: &Id| {
        (wanted.name.is_empty() || wanted.name == id.name)
            && (wanted.namespace.is_empty() || wanted.same_namespace(id))
            && id.gvk.is_selected(&wanted.gvk)
    };
    let list = &cx.resources.list;
    let found: Vec<usize> = (0..list.len()).filter(|at| all_ids(&list[*at]).iter().any(selects)).collect();
    let what = format!("the source {wanted} of a replacement");
    let index = match found.as_slice() {
        [one] => *one,
        [] => return Err(KustomizeError::target(at, what, "fits no object")),
        many => {
            let places: Vec<String> = many.iter().map(|at| list[*at].at().to_string()).collect();
            return Err(KustomizeError::target(at, what, format!("fits more than one object: {}", places.join(", "))));
        }
    };
    let path = if source.field_path.is_empty() { DEFAULT_PATH } else { &source.field_path };
    let parts = path::split(path);
    let value = path::lookup(&list[index].node, &parts);
    let value = value.map_err(|why| KustomizeError::target(at, &what, format!("cannot be read: {why}")))?;
    let Some(value) = value.filter(|value| !scalar::is_nil_or_empty(value)) else {
        return Err(KustomizeError::target(at, what, format!("has no field '{path}'")));
    };
    if source.options.delimiter.is_empty() {
        return Ok(Sourced { value: value.clone(), from: Some((index, parts)) });
    }
    let value = refined(value, &source.options).map_err(|why| KustomizeError::target(at, what, why))?;
    Ok(Sourced { value, from: None })
}

/// The part of a text that the options choose.
fn refined(value: &Node, options: &FieldOptions) -> Result<Node, String> {
    if !scalar::is_scalar(value) {
        return Err("is no scalar, so that the option delimiter cannot be used".to_owned());
    }
    let text = scalar::text(value).into_owned();
    let part = usize::try_from(options.index).ok().and_then(|at| text.split(&options.delimiter).nth(at));
    let Some(part) = part else {
        return Err(format!("has no part {} in '{text}'", options.index));
    };
    let mut value = value.clone();
    if scalar::set_text(&mut value, part).is_err() {
        value = scalar::plain_string(part);
    }
    Ok(value)
}
