//! What a build depended on, so that a source that changed elsewhere need not be built again.

use crate::{Overlay, Substitution};
use sha2::{Digest as _, Sha256};
use weir_base::Tree;
use weir_base::tree::{Found, Question, Trace};
use weir_doc::{Node, to_json};

/// The overlay, and every file, folder and absence that the build looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closure {
    asked_for: [u8; 32],
    answers: Vec<(Question, [u8; 32])>,
    /// Something came from elsewhere, which may have changed.
    has_remote: bool,
}

impl Closure {
    pub(crate) fn of(tree: &Tree, trace: &Trace, path: &str, overlay: &Overlay, has_remote: bool) -> Self {
        let answers = trace.questions().into_iter().map(|question| {
            let answer = answer(tree, &question);
            (question, answer)
        });
        Self { asked_for: asked_for(path, overlay), answers: answers.collect(), has_remote }
    }

    /// Whether a build of this tree would give the same again.
    pub fn holds(&self, tree: &Tree, path: &str, overlay: &Overlay) -> bool {
        !self.has_remote
            && self.asked_for == asked_for(path, overlay)
            && self.answers.iter().all(|(question, before)| answer(tree, question) == *before)
    }

    /// What was looked at.
    pub fn questions(&self) -> impl Iterator<Item = &Question> {
        self.answers.iter().map(|(question, _)| question)
    }
}

fn answer(tree: &Tree, question: &Question) -> [u8; 32] {
    let mut hash = Sha256::new();
    match question {
        Question::Find(path) => match tree.find(path) {
            Found::File => part(&mut hash, "file", &tree.read(path).unwrap_or_default()),
            Found::Folder => part(&mut hash, "folder", &[]),
            Found::Nothing => {}
        },
        Question::Read(path) => {
            if let Some(content) = tree.read(path) {
                part(&mut hash, "file", &content);
            }
        }
        Question::List(folder) => {
            for (name, is_folder) in tree.list(folder) {
                part(&mut hash, if is_folder { "folder" } else { "file" }, name.as_bytes());
            }
        }
        Question::All => {
            for (path, content) in tree.iter() {
                part(&mut hash, path, content);
            }
        }
    }
    hash.finalize().into()
}

fn asked_for(path: &str, overlay: &Overlay) -> [u8; 32] {
    let Overlay {
        namespace,
        name_prefix,
        name_suffix,
        patches,
        images,
        components,
        ignore_missing_components,
        build_metadata,
        labels,
        annotations,
        decryption,
        substitution,
    } = overlay;
    let mut hash = Sha256::new();
    part(&mut hash, "path", path.as_bytes());
    for (name, value) in [("namespace", namespace), ("prefix", name_prefix), ("suffix", name_suffix)] {
        part(&mut hash, name, value.as_deref().unwrap_or_default().as_bytes());
    }
    let nodes = |nodes: &Vec<Node>| to_json(&Node::from(nodes.clone()));
    part(&mut hash, "patches", &nodes(patches));
    part(&mut hash, "images", &nodes(images));
    part(&mut hash, "components", components.join("\n").as_bytes());
    part(&mut hash, "metadata", build_metadata.join("\n").as_bytes());
    part(&mut hash, "ignore", &[u8::from(*ignore_missing_components)]);
    for (name, map) in [("label", labels), ("annotation", annotations)] {
        for (key, value) in map {
            part(&mut hash, name, key.as_bytes());
            part(&mut hash, "=", value.as_bytes());
        }
    }
    if let Some(decryption) = decryption {
        part(&mut hash, "decryption", decryption.fingerprint().as_bytes());
    }
    if let Some(Substitution { variables, strict, always }) = substitution {
        part(&mut hash, "substitution", &[u8::from(*strict), u8::from(*always)]);
        for (name, value) in variables.iter() {
            part(&mut hash, name, value.as_bytes());
        }
    }
    hash.finalize().into()
}

/// With lengths, so that no two lists of parts run together.
fn part(hash: &mut Sha256, name: &str, content: &[u8]) {
    for text in [name.as_bytes(), content] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render;
    use weir_base::Budget;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::new();
        for (path, text) in files {
            tree.insert(path, text.as_bytes().to_vec()).expect("a good path");
        }
        tree
    }

    const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

    #[test]
    fn only_what_a_build_looked_at_matters() {
        let base: &[(&str, &str)] = &[
            ("app/kustomization.yaml", "resources: [../base]\n"),
            ("base/kustomization.yaml", "resources: [a.yaml]\n"),
            ("base/a.yaml", OBJECT),
            ("other/b.yaml", OBJECT),
        ];
        let overlay = Overlay::default();
        let closure = render(&tree(base), "./app", &overlay, &Budget::standard()).expect("builds").closure;
        let with = |path: &str, text: &str| {
            let mut all = tree(base);
            all.insert(path, text.as_bytes().to_vec()).expect("a good path");
            closure.holds(&all, "./app", &overlay)
        };
        assert!(with("other/b.yaml", "changed") && with("other/new.yaml", OBJECT) && with("app/README.md", ""));
        assert!(!with("base/a.yaml", "changed"), "a file that was read");
        assert!(!with("app/kustomization.yml", ""), "a file that was looked for in vain");
        let overlay = Overlay { namespace: Some("x".to_owned()), ..Overlay::default() };
        assert!(!closure.holds(&tree(base), "./app", &overlay), "another wish");
        assert!(!closure.holds(&tree(base), "./base", &Overlay::default()), "another place");
    }

    #[test]
    fn a_generated_kustomization_depends_on_the_listing() {
        let files: &[(&str, &str)] = &[("app/a.yaml", OBJECT), ("readme", "x")];
        let overlay = Overlay { labels: [("a".to_owned(), "b".to_owned())].into(), ..Overlay::default() };
        let closure = render(&tree(files), "app", &overlay, &Budget::standard()).expect("builds").closure;
        assert!(closure.holds(&tree(&[files, &[("readme2", "y")]].concat()), "app", &overlay));
        let more = tree(&[files, &[("app/b.yaml", &OBJECT.replace("name: a", "name: b"))]].concat());
        assert!(!closure.holds(&more, "app", &overlay));
    }
}
