//! What the fuzzers begin with: the golden cases, in the form of each target.

use crate::SEPARATOR;
use anyhow::Context;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use weir_conformance::{cases, root, tree};

/// Inputs longer than that slow a fuzzer down more than they show it.
const LONGEST: usize = 8 << 10;

/// The inputs of a target.
pub fn of(target: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut found = if target == "substitute" { expressions()? } else { Vec::new() };
    for case in cases(&root("kustomize"))? {
        let tree = tree(&case.folder.join("input"))?;
        let files: Vec<(String, Vec<u8>)> =
            tree.iter().map(|(path, content)| (path.to_string(), content.to_vec())).collect();
        let is_object = |name: &str| !name.contains("kustomization") && name.ends_with(".yaml");
        match target {
            "yaml" => found.extend(files.into_iter().map(|(_, content)| content)),
            "build" => {
                let parts = files.iter().map(|(path, content)| [path.as_bytes(), b"\n", content].concat());
                found.push(parts.collect::<Vec<_>>().join(SEPARATOR.as_bytes()));
            }
            "merge" => {
                let object = files.iter().find(|(name, _)| is_object(name) && !name.contains("patch"));
                let patch = files.iter().find(|(name, _)| name.contains("patch"));
                if let (Some((_, object)), Some((_, patch))) = (object, patch) {
                    found.push([object, SEPARATOR.as_bytes(), patch].concat());
                }
                found.extend(inline_patches(&files));
            }
            _ => {}
        }
    }
    found.retain(|input| input.len() <= LONGEST);
    Ok(found)
}

/// Each object with each patch that stands in a kustomization.
fn inline_patches(files: &[(String, Vec<u8>)]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for (_, content) in files.iter().filter(|(name, _)| name.ends_with("kustomization.yaml")) {
        let budget = weir_base::Budget::standard();
        let read = weir_doc::yaml::parse_first(content, None, 0, weir_doc::Dialect::Sigs, &budget);
        let Some(document) = read.ok().flatten() else { continue };
        let patches = document.get("patches").and_then(weir_doc::Node::as_seq).into_iter().flatten();
        for patch in patches.filter_map(|patch| patch.str_at(&["patch"])) {
            let objects = files.iter().filter(|(name, _)| !name.contains("kustomization") && name.ends_with(".yaml"));
            found.extend(objects.map(|(_, object)| [object, SEPARATOR.as_bytes(), patch.as_bytes()].concat()));
        }
    }
    found
}

/// The golden cases of substitution.
fn expressions() -> anyhow::Result<Vec<Vec<u8>>> {
    let file = repository().join("crates/weir-kustomize/src/substitute/cases.json");
    let cases: Vec<(String, Option<String>)> = serde_json::from_slice(&std::fs::read(file)?)?;
    Ok(cases.into_iter().map(|(text, _)| format!("a=abcdef\ne=\nu=Äb\nb=B{SEPARATOR}{text}").into_bytes()).collect())
}

/// Writes the inputs of a target into a folder, beside what was found.
pub fn write(target: &str, folder: &Path) -> anyhow::Result<usize> {
    std::fs::create_dir_all(folder)?;
    let mut inputs = of(target)?;
    inputs.extend(found(target)?.into_iter().map(|(_, content)| content));
    for (at, input) in inputs.iter().enumerate() {
        let mut name = String::from("golden-");
        write!(name, "{at}")?;
        std::fs::write(folder.join(&name), input).with_context(|| name.clone())?;
    }
    Ok(inputs.len())
}

/// What the fuzzers found, by file name.
pub fn found(target: &str) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let folder = repository().join("fuzz/found").join(target);
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        found.push((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?));
    }
    found.sort();
    Ok(found)
}

fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    tests.canonicalize().unwrap_or(tests)
}
