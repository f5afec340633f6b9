//! `kustomize edit fix --vars`: the files that the original changes.

use crate::copy;
use std::process::Command;
use weir_base::tree::join;
use weir_conformance::{cases, root, tree};

/// Writes the files of each case as the original leaves them.
pub fn edits(program: &str) -> anyhow::Result<()> {
    let all = cases(&root("kustomize-edit"))?;
    for case in &all {
        let (input, expect) = (case.folder.join("input"), case.folder.join("expect"));
        let home = tempfile::tempdir()?;
        copy(&input, home.path(), &str::to_owned)?;
        let folder = home.path().join(&case.path);
        let output = Command::new(program).args(["edit", "fix", "--vars"]).current_dir(&folder).output()?;
        if expect.is_dir() {
            std::fs::remove_dir_all(&expect)?;
        }
        if !output.status.success() {
            continue;
        }
        let changed_always = join(&case.path, "kustomization.yaml")?;
        let (before, after) = (tree(&input)?, tree(home.path())?);
        for (path, content) in after.iter() {
            if **path == *changed_always || before.read(path).as_ref() != Some(content) {
                let file = expect.join(&**path);
                std::fs::create_dir_all(file.parent().unwrap_or(&expect))?;
                std::fs::write(file, content)?;
            }
        }
    }
    println!("{} edits of vars", all.len());
    Ok(())
}
