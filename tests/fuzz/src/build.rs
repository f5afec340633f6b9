//! A tree of files: each is a separator, its name, a line break and its content. The first has no separator.

use crate::{SEPARATOR, budget};
use weir_base::{Diagnose, Tree};
use weir_doc::{Dialect, yaml};
use weir_kustomize::{LoadRestrictor, Options, build, to_yaml};

pub fn run(data: &[u8]) {
    let mut tree = Tree::new();
    for file in files(data) {
        let line = file.iter().position(|byte| *byte == b'\n').unwrap_or(file.len());
        let name = String::from_utf8_lossy(&file[..line]);
        // A name that is taken, or leads out, is none.
        let _ = tree.insert(&name, file.get(line + 1..).unwrap_or_default());
    }
    let options = Options { load_restrictor: LoadRestrictor::None, ..Options::default() };
    for path in ["", "top", "over"] {
        match build(&tree, path, &options, &budget()) {
            Ok(built) => {
                let text = to_yaml(&built.objects);
                let read = yaml::parse_all(text.as_bytes(), None, Dialect::Sigs, &budget());
                let read = read.unwrap_or_else(|why| panic!("{why}: {text:?}"));
                assert!(built.objects.is_empty() || read == built.objects, "what is printed reads the same: {text:?}");
                assert!(built.objects.iter().all(|object| object.meta.at.is_known()), "each object has a place");
            }
            Err(error) => {
                let _ = error.report().to_string();
            }
        }
    }
}

fn files(mut data: &[u8]) -> Vec<&[u8]> {
    let separator = SEPARATOR.as_bytes();
    let mut found = Vec::new();
    while let Some(at) = data.windows(separator.len()).position(|window| window == separator) {
        found.push(&data[..at]);
        data = &data[at + separator.len()..];
    }
    found.push(data);
    found
}
