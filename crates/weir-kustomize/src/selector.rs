//! Which objects a patch or a replacement is for.

use crate::KustomizeError;
use crate::config;
use crate::fields::{Fields, Mistakes};
use crate::id::{Gvk, Id};
use crate::labels::LabelSelector;
use crate::resource::Resource;
use crate::schema::Schemas;
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;
use weir_base::{Origin, re2};

/// The longest pattern in bytes.
const MAX_PATTERN: usize = 1024;
/// How large a compiled one may be in bytes; the first size that is enough counts for [`MAX_COMPILED`].
const SIZES: [usize; 6] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20];
/// The same for all patterns of a file.
pub(crate) const MAX_COMPILED: usize = 32 << 20;
/// What may be kept while a pattern is compared.
const MAX_CACHE: usize = 256 << 10;

fn check_length(text: &str, at: &Origin, field: &str) -> Result<(), KustomizeError> {
    if text.len() <= MAX_PATTERN {
        return Ok(());
    }
    let problem = format!("the pattern is {} bytes long, at most {MAX_PATTERN} are allowed", text.len());
    Err(KustomizeError::field(at, field, problem))
}

/// Go's regular expression, compiled, and the size that was enough.
fn compiled(text: &str, at: &Origin, field: &str) -> Result<(Regex, usize), KustomizeError> {
    check_length(text, at, field)?;
    let wrong = |why: &str| KustomizeError::field(at, field, format!("'{text}' is not a regular expression: {why}"));
    let translated = re2::translate(text).map_err(|why| wrong(&why))?;
    let mut builder = RegexBuilder::new(&translated);
    builder.dfa_size_limit(MAX_CACHE).nest_limit(100);
    for size in SIZES {
        match builder.size_limit(size).build() {
            Ok(regex) => return Ok((regex, size)),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(why) => {
                let why = why.to_string();
                return Err(wrong(why.lines().last().unwrap_or_default().trim_start_matches("error: ")));
            }
        }
    }
    Err(wrong("it is too large"))
}

pub(crate) fn pattern(text: &str, at: &Origin, field: &str) -> Result<Regex, KustomizeError> {
    compiled(text, at, field).map(|(regex, _)| regex)
}

/// A pattern that must match a whole text.
#[derive(Clone, Debug, Default)]
enum Anchored {
    #[default]
    Any,
    /// A pattern of letters is the text itself.
    Text(Box<str>),
    Pattern(Regex),
}

impl Anchored {
    fn new(text: &str, at: &Origin, field: &str, mistakes: &Mistakes) -> Result<Self, KustomizeError> {
        if text.is_empty() {
            return Ok(Self::Any);
        }
        check_length(text, at, field)?;
        if text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | ':')) {
            return Ok(Self::Text(text.into()));
        }
        mistakes.keep(0, at, field)?;
        let (regex, size) = compiled(&format!("^(?:{text})$"), at, field)?;
        mistakes.keep(size, at, field)?;
        Ok(Self::Pattern(regex))
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(wanted) => **wanted == *text,
            Self::Pattern(pattern) => pattern.is_match(text),
        }
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
        let anchored =
            |text: &str, field: &str| mistakes.take(Anchored::new(text, &at, &fields.path_of(field), mistakes));
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
