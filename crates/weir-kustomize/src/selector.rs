//! Which objects a patch or a replacement is for.

use crate::KustomizeError;
use crate::config;
use crate::fields::Fields;
use crate::id::{Gvk, Id};
use crate::labels::LabelSelector;
use crate::resource::Resource;
use crate::schema::Schemas;
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;
use weir_base::{Origin, re2};

/// The longest pattern, and the size that a compiled one may have in bytes.
const MAX_PATTERN: usize = 1024;
const MAX_COMPILED: usize = 4 << 20;

pub(crate) fn pattern(text: &str, at: &Origin, field: &str) -> Result<Regex, KustomizeError> {
    if text.len() > MAX_PATTERN {
        let problem = format!("the pattern is {} bytes long, at most {MAX_PATTERN} are allowed", text.len());
        return Err(KustomizeError::field(at, field, problem));
    }
    let wrong = |why: &str| KustomizeError::field(at, field, format!("'{text}' is not a regular expression: {why}"));
    let translated = re2::translate(text).map_err(|why| wrong(&why))?;
    let mut builder = RegexBuilder::new(&translated);
    builder.size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).nest_limit(100);
    builder.build().map_err(|why| {
        let why = why.to_string();
        wrong(why.lines().last().unwrap_or_default().trim_start_matches("error: "))
    })
}

/// A pattern that must match a whole text; empty matches anything.
#[derive(Clone, Debug, Default)]
struct Anchored(Option<Regex>);

impl Anchored {
    fn new(text: &str, at: &Origin, field: &str) -> Result<Self, KustomizeError> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        Ok(Self(Some(pattern(&format!("^(?:{text})$"), at, field)?)))
    }

    fn fits(&self, text: &str) -> bool {
        self.0.as_ref().is_none_or(|pattern| pattern.is_match(text))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Selector {
    group: Anchored,
    version: Anchored,
    kind: Anchored,
    name: Anchored,
    namespace: Anchored,
    /// A mistake in one counts when an object is compared with it.
    labels: Result<LabelSelector, KustomizeError>,
    annotations: Result<LabelSelector, KustomizeError>,
    /// Whether any of group, version, kind, name and namespace is set.
    pub names_something: bool,
    pub has_name: bool,
    pub has_labels: bool,
}

impl Selector {
    pub fn read(fields: &mut Fields) -> Self {
        let at = fields.at.clone();
        let gvk = config::gvk(fields);
        let (name, namespace) = (fields.string("name"), fields.string("namespace"));
        let mistakes = fields.mistakes();
        let anchored = |text: &str, field: &str| mistakes.take(Anchored::new(text, &at, &fields.path_of(field)));
        let (group, version, kind) =
            (anchored(&gvk.group, "group"), anchored(&gvk.version, "version"), anchored(&gvk.kind, "kind"));
        let (name_pattern, namespace_pattern) = (anchored(&name, "name"), anchored(&namespace, "namespace"));
        let labels = fields.sited("labelSelector");
        let annotations = fields.sited("annotationSelector");
        Self {
            group,
            version,
            kind,
            name: name_pattern,
            namespace: namespace_pattern,
            labels: LabelSelector::parse(&labels, &fields.path_of("labelSelector")),
            annotations: LabelSelector::parse(&annotations, &fields.path_of("annotationSelector")),
            names_something: gvk != Gvk::default() || !name.is_empty() || !namespace.is_empty(),
            has_name: !name.is_empty(),
            has_labels: !labels.text.is_empty() || !annotations.text.is_empty(),
        }
    }

    fn fits_gvk(&self, gvk: &Gvk) -> bool {
        self.group.fits(&gvk.group) && self.version.fits(&gvk.version) && self.kind.fits(&gvk.kind)
    }

    /// Whether a patch with this target is for the object: by its first or its present name.
    pub fn selects(&self, resource: &Resource, schemas: &Schemas) -> Result<bool, KustomizeError> {
        let (now, first) = (resource.id(schemas), resource.original_id(schemas));
        let is_meant = (self.namespace.fits(first.effective_namespace())
            || self.namespace.fits(now.effective_namespace()))
            && (self.name.fits(&first.name) || self.name.fits(&now.name))
            && self.fits_gvk(&now.gvk);
        if is_meant && let Some(key) = ["labels", "annotations"].into_iter().find(|key| resource.is_unpaired(key)) {
            let problem = format!("metadata.{key} of {now} is a list with an odd number of elements");
            return Err(KustomizeError::object(resource.at(), problem));
        }
        Ok(is_meant && self.fits_metadata(&resource.labels(), || resource.annotations())?)
    }

    /// Whether the selectors of labels and annotations can be read.
    pub fn check(&self) -> Result<(), KustomizeError> {
        self.annotations.as_ref().and(self.labels.as_ref()).map(drop).map_err(Clone::clone)
    }

    /// Whether a replacement with this target is for an object with these labels and annotations.
    pub fn fits_target(&self, resource: &Resource) -> Result<bool, KustomizeError> {
        self.check()?;
        self.fits_metadata(&resource.labels(), || resource.annotations())
    }

    fn fits_metadata(
        &self,
        labels: &BTreeMap<String, String>,
        annotations: impl FnOnce() -> BTreeMap<String, String>,
    ) -> Result<bool, KustomizeError> {
        if !self.labels.as_ref().map_err(Clone::clone)?.fits(labels) {
            return Ok(false);
        }
        Ok(self.annotations.as_ref().map_err(Clone::clone)?.fits(&annotations()))
    }

    /// Whether an object with these names, labels and annotations is meant.
    pub fn fits(
        &self,
        gvk: &Gvk,
        (name, namespace): (&str, &str),
        (labels, annotations): (&BTreeMap<String, String>, &BTreeMap<String, String>),
    ) -> bool {
        self.fits_gvk(gvk)
            && self.name.fits(name)
            && self.namespace.fits(namespace)
            && self.fits_metadata(labels, || annotations.clone()).unwrap_or(false)
    }

    /// Whether a replacement with this target is for an object with this id.
    pub fn fits_id(&self, id: &Id) -> bool {
        self.fits_gvk(&id.gvk) && self.name.fits(&id.name) && self.namespace.fits(&id.namespace)
    }
}
