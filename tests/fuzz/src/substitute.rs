//! Substitution: lines `NAME=VALUE`, then the text.

use crate::{budget, halves};
use weir_base::Tree;
use weir_kustomize::substitute::substitute;
use weir_render::{Overlay, Substitution, Variables, render};

pub fn run(data: &[u8]) {
    let (names, text) = halves(data);
    let (names, text) = (String::from_utf8_lossy(names), String::from_utf8_lossy(text));
    let mut variables = Variables::default();
    for (name, value) in names.lines().filter_map(|line| line.split_once('=')) {
        let _ = variables.insert(name, value);
    }
    let lax = substitute(&text, &variables, false, &budget());
    match (substitute(&text, &variables, true, &budget()), &lax) {
        (Ok(strict), Ok(lax)) => assert_eq!(&strict, lax, "what is set is the same"),
        (Ok(_), Err(why)) => panic!("only strictly: {why}"),
        (Err(why), _) => {
            let lines = text.lines().count().max(1) + 1;
            assert!(why.line(&text).is_none_or(|line| line <= lines), "{why} is in a line that is not there");
        }
    }
    if !text.contains("${") && !text.contains("$$") {
        assert_eq!(lax.as_deref(), Ok(text.as_ref()), "nothing to do");
    }
    rendered(&text, &variables);
}

/// The same within a build: the text is a value, and the file.
fn rendered(text: &str, variables: &Variables) {
    let mut tree = Tree::new();
    let value = weir_doc::to_json(&weir_doc::Node::string(text));
    let object = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{x: {}}}\n",
        String::from_utf8_lossy(&value)
    );
    for (name, content) in [("a.yaml", object.as_str()), ("b/b.yaml", text)] {
        tree.insert(name, content.as_bytes()).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    for path in ["", "b"] {
        let substitution = Substitution { variables: variables.clone(), strict: false, always: true };
        let overlay = Overlay { substitution: Some(substitution), ..Overlay::default() };
        let _ = render(&tree, path, &overlay, &budget());
    }
}
