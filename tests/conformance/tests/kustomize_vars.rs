//! `kustomize edit fix --vars`: the files as the original leaves them.
//!
//! A case has `input/`, perhaps `path` (the folder of the kustomization), and `expect/` with the files that the original
//! changed; none where it refuses. What a kustomization file says is compared, other files byte for byte.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use std::collections::BTreeMap;
use std::path::Path;
use weir_base::Budget;
use weir_base::tree::join;
use weir_conformance::{cases, root, tree};
use weir_doc::{Dialect, Node, yaml};
use weir_kustomize::edit::{Edit, EditError};

const FILE: &str = "kustomization.yaml";

fn fixed(input: &Path, folder: &str) -> Result<BTreeMap<String, String>, EditError> {
    let folder = &join("", folder).expect("a path of the input");
    let tree = tree(input).expect("a readable input");
    let read = |path: &str| {
        let content = tree.read(&join(folder, path).ok()?)?;
        Some(String::from_utf8_lossy(&content).into_owned())
    };
    let mut edit = Edit::read(&read(FILE).expect("a kustomization"), FILE)?;
    edit.fix(|path| read(path).is_some())?;
    let changed = edit.fix_vars(read)?;
    let full = |path: &str| join(folder, path).expect("a path of the input");
    let mut files: BTreeMap<String, String> = changed.into_iter().map(|(path, text)| (full(&path), text)).collect();
    files.insert(full(FILE), edit.text());
    Ok(files)
}

fn said(text: &str) -> Node {
    let mut said = yaml::parse_first(text.as_bytes(), None, 0, Dialect::Sigs, &Budget::standard()).unwrap().unwrap();
    ["apiVersion", "kind"].iter().for_each(|field| drop(said.remove(field)));
    said
}

#[test]
fn vars_become_replacements_as_the_original_makes_them() {
    let mut differences = 0;
    let cases: Vec<_> = cases(&root("kustomize-edit")).expect("readable cases");
    for case in &cases {
        let expect = case.folder.join("expect");
        let ours = fixed(&case.folder.join("input"), &case.path);
        let is_same = match (&ours, expect.is_dir()) {
            (Err(_), false) => true,
            (Ok(ours), true) => {
                let theirs = tree(&expect).expect("a readable folder");
                let same = |path: &str, text: &str| {
                    let theirs = theirs.read(path).map(|text| String::from_utf8_lossy(&text).into_owned());
                    match path.ends_with(FILE) {
                        true => theirs.is_some_and(|theirs| said(&theirs) == said(text)),
                        false => theirs.as_deref() == Some(text),
                    }
                };
                ours.len() == theirs.len() && ours.iter().all(|(path, text)| same(path, text))
            }
            _ => false,
        };
        if !is_same {
            differences += 1;
            println!("{}: {ours:#?}", case.name);
        }
    }
    assert!(cases.len() >= 15 && differences == 0, "{differences} differences in {} cases", cases.len());
}
