//! Random values for fields of one kind, on fixed objects: more of the odd ones than overlays have.

mod files;
mod generators;
mod labels;
mod names;
mod patches;
mod replacements;
mod selectors;

use crate::random::Random;
use crate::shrink::Files;
use crate::yaml::Yaml;

type Make = fn(&mut Random) -> Texts;

/// What there is, by the name that `--fields` takes.
pub const KINDS: [(&str, Make); 11] = [
    ("generators", generators::sources),
    ("images", generators::images),
    ("selectors", selectors::selectors),
    ("replacements", replacements::replacements),
    ("strategic", patches::strategic),
    ("json", patches::json),
    ("labels", labels::labels),
    ("namespaces", names::namespaces),
    ("vars", names::vars),
    ("resources", files::resources),
    ("kustomizations", files::kustomizations),
];

/// Files by their path below the top.
pub type Texts = Vec<(String, String)>;

/// The files of a case: those of one kind, or of each in turn.
pub fn files(only: Option<Make>, case: u64, random: &mut Random) -> Files {
    let make = only.unwrap_or(KINDS[(case % KINDS.len() as u64) as usize].1);
    make(random).into_iter().map(|(path, text)| (format!("{}/{path}", crate::TOP), vec![Yaml::Raw(text)])).collect()
}

fn file(path: &str, text: impl Into<String>) -> (String, String) {
    (path.to_owned(), text.into())
}

/// A field, its chance in a hundred, and its value.
type Field<'f> = (&'f str, usize, &'f mut dyn FnMut(&mut Random) -> String);

/// `key: value` for some of the fields.
fn some_fields(random: &mut Random, fields: &mut [Field]) -> Vec<String> {
    let mut found = Vec::new();
    for (key, chance, value) in fields {
        if random.below(100) < *chance {
            found.push(format!("{key}: {}", value(random)));
        }
    }
    found
}

fn flow_map(fields: &[String]) -> String {
    format!("{{{}}}", fields.join(", "))
}

fn flow_list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

/// The text in double quotes.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
