//! The arguments of transformers and generators, as they stand in lists of a kustomization.

use crate::config;
use crate::fields::Fields;
use crate::fieldspec::FieldSpec;
use crate::generate::{GeneratorOptions, Sources};
use crate::id::Gvk;
use crate::loader::Sited;
use crate::resource::Behavior;
use crate::selector::Selector;
use std::collections::BTreeMap;
use weir_base::Origin;

#[derive(Clone, Debug, Default)]
pub(crate) struct Label {
    pub at: Origin,
    pub pairs: BTreeMap<String, String>,
    pub include_selectors: bool,
    pub include_templates: bool,
    pub fields: Vec<FieldSpec>,
}

impl Label {
    pub fn read(fields: &mut Fields) -> Self {
        Self {
            at: fields.at.clone(),
            pairs: fields.map("pairs"),
            include_selectors: fields.bool("includeSelectors"),
            include_templates: fields.bool("includeTemplates"),
            fields: fields.items("fields", config::spec),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Patch {
    pub at: Origin,
    pub field: String,
    pub path: Sited,
    pub patch: Sited,
    pub target: Option<Selector>,
    pub allow_name_change: bool,
    pub allow_kind_change: bool,
}

impl Patch {
    pub fn read(fields: &mut Fields) -> Self {
        let options =
            fields.nested("options", |options| (options.bool("allowNameChange"), options.bool("allowKindChange")));
        let (allow_name_change, allow_kind_change) = options.unwrap_or_default();
        Self {
            at: fields.at.clone(),
            field: if fields.path().is_empty() { "patch".to_owned() } else { fields.path().to_owned() },
            path: fields.sited("path"),
            patch: fields.sited("patch"),
            target: fields.nested("target", Selector::read),
            allow_name_change,
            allow_kind_change,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    pub at: Origin,
    pub name: String,
    pub new_name: String,
    pub new_tag: String,
    pub tag_suffix: String,
    pub digest: String,
}

impl Image {
    pub fn read(fields: &mut Fields) -> Self {
        Self {
            at: fields.at.clone(),
            name: fields.string("name"),
            new_name: fields.string("newName"),
            new_tag: fields.string("newTag"),
            tag_suffix: fields.string("tagSuffix"),
            digest: fields.string("digest"),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Replica {
    pub at: Origin,
    pub name: String,
    pub count: i64,
}

impl Replica {
    pub fn read(fields: &mut Fields) -> Self {
        Self { at: fields.at.clone(), name: fields.string("name"), count: fields.int("count").unwrap_or_default() }
    }
}

/// A value of one object that is put wherever `$(NAME)` stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Var {
    pub at: Origin,
    pub name: String,
    pub gvk: Gvk,
    pub object: String,
    pub namespace: String,
    pub field_path: String,
}

impl Var {
    pub fn read(fields: &mut Fields) -> Self {
        let name = fields.string("name");
        let object = fields.nested("objref", |object| {
            let api_version = object.string("apiVersion");
            let mut gvk = config::gvk(object);
            match api_version.split('/').collect::<Vec<_>>().as_slice() {
                [""] => {}
                [version] => gvk.version = (*version).to_owned(),
                [group, version] => (gvk.group, gvk.version) = ((*group).to_owned(), (*version).to_owned()),
                _ => {}
            }
            (gvk, object.string("name"), object.string("namespace"))
        });
        let field_path = fields.nested("fieldref", |field| field.string("fieldPath"));
        let (gvk, object, namespace) = object.unwrap_or_default();
        let field_path = field_path.filter(|path| !path.is_empty()).unwrap_or_else(|| "metadata.name".to_owned());
        Self { at: fields.at.clone(), name, gvk, object, namespace, field_path }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct SortOptions {
    pub at: Origin,
    pub order: String,
    /// The kinds to put first and last.
    pub legacy: Option<(Vec<String>, Vec<String>)>,
}

impl SortOptions {
    pub fn read(fields: &mut Fields) -> Self {
        let texts = |list: Vec<Sited>| list.into_iter().map(|sited| sited.text).collect();
        Self {
            at: fields.at.clone(),
            order: fields.string("order"),
            legacy: fields.nested("legacySortOptions", |legacy| {
                (texts(legacy.strings("orderFirst")), texts(legacy.strings("orderLast")))
            }),
        }
    }
}

/// What a ConfigMap or Secret is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Generator {
    pub at: Origin,
    pub is_secret: bool,
    pub name: String,
    pub namespace: String,
    pub behavior: Behavior,
    pub kind: String,
    pub sources: Sources,
    pub options: Option<GeneratorOptions>,
}

impl Generator {
    pub fn read(fields: &mut Fields, is_secret: bool) -> Self {
        let mut envs = fields.strings("envs");
        let env = fields.sited("env");
        if !env.text.is_empty() {
            envs.push(env);
        }
        let behavior = match fields.string("behavior").as_str() {
            "create" => Behavior::Create,
            "replace" => Behavior::Replace,
            "merge" => Behavior::Merge,
            _ => Behavior::Unspecified,
        };
        Self {
            at: fields.at.clone(),
            is_secret,
            name: fields.string("name"),
            namespace: fields.string("namespace"),
            behavior,
            kind: if is_secret { fields.string("type") } else { String::new() },
            sources: Sources { envs, literals: fields.strings("literals"), files: fields.strings("files") },
            options: fields.nested("options", GeneratorOptions::read),
        }
    }
}
