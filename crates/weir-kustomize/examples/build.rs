//! Builds a folder of the disk and prints it: `build FOLDER`.
#![allow(clippy::print_stdout, reason = "a tool of the command line")]

use std::path::{Path, PathBuf};
use weir_base::{Budget, Diagnose, Tree};
use weir_kustomize::{Options, build, to_yaml};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: build FOLDER")?;
    let mut tree = Tree::new();
    let mut queue: Vec<PathBuf> = vec![folder.clone().into()];
    while let Some(next) = queue.pop() {
        for entry in std::fs::read_dir(next)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let name = path.strip_prefix(Path::new(&folder))?.to_string_lossy().into_owned();
            if kind.is_dir() {
                queue.push(path);
            } else if kind.is_file() {
                tree.insert(&name, std::fs::read(&path)?)?;
            } else if kind.is_symlink() {
                tree.note_link(&name);
            }
        }
    }
    let start = std::env::args().nth(2).unwrap_or_else(|| ".".to_owned());
    match build(&tree, &start, &Options::default(), &Budget::standard()) {
        Ok(built) => print!("{}", to_yaml(&built.objects)),
        Err(error) => return Err(error.report().to_string().into()),
    }
    Ok(())
}
