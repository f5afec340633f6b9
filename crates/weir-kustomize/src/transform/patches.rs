//! `patches`, `patchesStrategicMerge` and `patchesJson6902`.

use super::{Context, json_patch};
use crate::KustomizeError;
use crate::args::Patch;
use crate::loader::{Loader, Sited};
use crate::read;
use crate::resource::Resource;
use std::sync::Arc;
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Node, from_json, yaml};

/// The text of a patch and where it begins.
pub(crate) struct Source<'s> {
    text: Vec<u8>,
    file: Arc<str>,
    /// Where an inline text stands.
    inline: Option<&'s Sited>,
}

impl<'s> Source<'s> {
    pub fn inline(text: &'s Sited) -> Self {
        let file = text.at.file.clone().unwrap_or_else(|| "kustomization".into());
        Self { text: text.text.clone().into_bytes(), file, inline: Some(text) }
    }

    pub fn file(path: &Sited, field: &str, loader: &Loader) -> Result<Self, KustomizeError> {
        let (content, file) = loader.load(path, field)?;
        Ok(Self { text: content.to_vec(), file, inline: None })
    }

    fn at(&self) -> Origin {
        self.inline.map(|text| text.at.clone()).unwrap_or_else(|| Origin::file(self.file.clone()))
    }

    fn objects(&self, budget: &Budget) -> Result<Vec<Resource>, KustomizeError> {
        match self.inline {
            Some(text) => read::inline(text, "patch", budget),
            None => read::objects(&self.text, &self.file, budget),
        }
    }

    /// The operations, when the text is a JSON patch.
    fn operations(&self, budget: &Budget) -> Result<Option<Node>, KustomizeError> {
        // What begins as JSON has to be JSON.
        if self.text.starts_with(b"[")
            && let Err(why) = from_json(&self.text)
        {
            let problem = format!("begins with '[' and is no JSON: {why}");
            return Err(KustomizeError::target(&self.at(), "the JSON patch", problem)
                .with_remedy("begin each operation with '-', or put the names and texts in quotes"));
        }
        let first = yaml::parse_first(&self.text, Some(&self.file), 0, Dialect::Sigs, budget)?.unwrap_or_default();
        Ok(json_patch::is_json_patch(&first).then_some(first))
    }
}

/// One entry of `patches`.
pub(crate) fn apply_patch(cx: &mut Context, patch: &Patch, loader: &Loader) -> Result<(), KustomizeError> {
    let field = |name: &str| format!("{}.{name}", patch.field);
    let trimmed = Sited { text: patch.patch.text.trim().to_owned(), at: patch.patch.at.clone() };
    let source = match (trimmed.text.is_empty(), patch.path.text.is_empty()) {
        (true, true) => return Err(KustomizeError::field(&patch.at, &patch.field, "has neither patch nor path")),
        (false, false) => return Err(KustomizeError::field(&patch.at, &patch.field, "has both patch and path")),
        (false, true) => Source::inline(&trimmed),
        (true, false) => Source::file(&patch.path, &field("path"), loader)?,
    };
    let strategic = source.objects(cx.budget);
    let operations = source.operations(cx.budget);
    match (strategic, operations) {
        (Ok(patches), _) => apply_strategic(cx, patch, patches),
        (Err(_), Ok(Some(operations))) => {
            let Some(target) = &patch.target else {
                return Err(KustomizeError::field(&patch.at, &patch.field, "a JSON patch has no target")
                    .with_remedy("add a target with the kind and name of the object"));
            };
            for index in cx.resources.select(target, cx.schemas)? {
                cx.resources.list[index].store_id(cx.schemas);
                json_patch::apply(cx, index, &operations, &source.at())?;
            }
            Ok(())
        }
        (Err(_), Err(why @ KustomizeError::Target { .. })) => Err(why),
        (Err(why), _) => Err(match why {
            KustomizeError::Object { problem, .. } if source.inline.is_some() => KustomizeError::field(
                &patch.patch.at,
                field("patch"),
                format!("neither a merge patch nor a JSON patch: {problem}"),
            ),
            KustomizeError::Syntax(error) if source.inline.is_some() => {
                KustomizeError::field(&patch.patch.at, field("patch"), format!("{}: {}", error.at, error.message))
            }
            other => other,
        }),
    }
}

fn apply_strategic(cx: &mut Context, patch: &Patch, patches: Vec<Resource>) -> Result<(), KustomizeError> {
    let mut patches: Vec<Resource> = patches;
    for resource in &mut patches {
        resource.allow_name_change = patch.allow_name_change;
        resource.allow_kind_change = patch.allow_kind_change;
    }
    let Some(target) = &patch.target else {
        for resource in &patches {
            let at = find_one(cx, resource)?;
            if !cx.resources.patch(at, resource, cx.schemas, cx.budget)? {
                cx.resources.list.remove(at);
            }
        }
        return Ok(());
    };
    let first = match patches.as_slice() {
        [] => return Ok(()),
        [first] => first,
        _ => {
            let problem = "has a target, so that it may hold only one patch";
            return Err(KustomizeError::field(&patch.at, &patch.field, problem)
                .with_remedy("give each patch an entry of its own, or leave out the target"));
        }
    };
    let selected = cx.resources.select(target, cx.schemas)?;
    patch_all(cx, &selected, first)
}

/// Applies a patch to chosen objects; the patch takes their version.
fn patch_all(cx: &mut Context, selected: &[usize], patch: &Resource) -> Result<(), KustomizeError> {
    let mut emptied = Vec::new();
    for at in selected {
        let mut copy = patch.clone();
        copy.inherit_metadata(patch);
        let kind = patch.kind();
        copy.set_api_version(&cx.resources.list[*at].api_version());
        copy.set_kind(&kind);
        if !cx.resources.patch(*at, &copy, cx.schemas, cx.budget)? {
            emptied.push(*at);
        }
    }
    for at in emptied.into_iter().rev() {
        cx.resources.list.remove(at);
    }
    cx.resources.check_unique(cx.schemas)
}

/// The one object that a patch names.
fn find_one(cx: &Context, patch: &Resource) -> Result<usize, KustomizeError> {
    let id = patch.id(cx.schemas);
    let found = cx.resources.with_any_id(cx.schemas, |known| id.is_same(known));
    let what = format!("the patch for {id}");
    match found.as_slice() {
        [at] => Ok(*at),
        [] => Err(KustomizeError::target(patch.at(), what, "fits no object").with_remedy(near(cx, patch))),
        many => {
            let places: Vec<String> = many.iter().map(|at| cx.resources.list[*at].at().to_string()).collect();
            let problem = format!("fits more than one object: those at {}", places.join(", "));
            Err(KustomizeError::target(patch.at(), what, problem))
        }
    }
}

fn near(cx: &Context, patch: &Resource) -> String {
    let same_name = cx.resources.list.iter().find(|known| known.any_id(cx.schemas, |id| id.name == patch.name()));
    let same_kind = cx.resources.list.iter().find(|known| known.kind() == patch.kind());
    match same_name.or(same_kind) {
        Some(known) => format!("the nearest object is {}", known.id(cx.schemas)),
        None => "apiVersion, kind, name and namespace must be those of a resource".to_owned(),
    }
}

/// `patchesStrategicMerge`: each a file, or the text of a patch.
pub(crate) fn strategic_patches(cx: &mut Context, paths: &[Sited], loader: &Loader) -> Result<(), KustomizeError> {
    let mut patches = Vec::new();
    for path in paths {
        match Source::inline(path).objects(cx.budget) {
            Ok(found) => patches.extend(found),
            Err(_) => patches.extend(Source::file(path, "patchesStrategicMerge", loader)?.objects(cx.budget)?),
        }
    }
    if let (true, Some(first)) = (patches.is_empty(), paths.first()) {
        return Err(KustomizeError::field(&first.at, "patchesStrategicMerge", "the patches are empty"));
    }
    for patch in &patches {
        let at = find_one(cx, patch)?;
        patch_all(cx, &[at], patch)?;
    }
    Ok(())
}

/// One entry of `patchesJson6902`.
pub(crate) fn json_patches(cx: &mut Context, patch: &Patch, loader: &Loader) -> Result<(), KustomizeError> {
    let refuse = |problem: &str| Err(KustomizeError::field(&patch.at, &patch.field, problem));
    let Some(target) = patch.target.as_ref().filter(|target| target.has_name) else {
        return refuse("has no name of a target");
    };
    let source = match (patch.patch.text.is_empty(), patch.path.text.is_empty()) {
        (true, true) => return refuse("has neither patch nor path"),
        (false, false) => return refuse("has both patch and path"),
        (false, true) => Source::inline(&patch.patch),
        (true, false) => Source::file(&patch.path, &format!("{}.path", patch.field), loader)?,
    };
    let operations = source.operations(cx.budget)?;
    let Some(operations) = operations.filter(|list| list.as_seq().is_some_and(|list| !list.is_empty())) else {
        return refuse("is no list of JSON patch operations");
    };
    for index in cx.resources.select(target, cx.schemas)? {
        json_patch::apply(cx, index, &operations, &source.at())?;
    }
    Ok(())
}
