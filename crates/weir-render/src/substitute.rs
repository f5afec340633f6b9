//! Post-build substitution, object by object, on the object's YAML text.

use crate::RenderError;
use weir_base::{Budget, Origin};
use weir_doc::{Dialect, Node, Style, Value, emit, yaml};
use weir_kustomize::substitute::{Variables, substitute};
use weir_object::meta;

const MARKER: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// What is substituted, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Substitution {
    pub variables: Variables,
    /// A variable that is not set and has no default is an error.
    pub strict: bool,
    /// Also without any variable, for the sake of the defaults.
    pub always: bool,
}

pub(crate) fn object(node: &mut Node, substitution: &Substitution, budget: &Budget) -> Result<(), RenderError> {
    let is_off = [meta::label(node, MARKER), meta::annotation(node, MARKER)].contains(&Some("disabled"));
    if is_off || (substitution.variables.is_empty() && !substitution.always) {
        return Ok(());
    }
    let text = emit::to_yaml(node);
    if !text.contains('$') {
        return Ok(());
    }
    let name = meta::name(node).unwrap_or_default().to_owned();
    let result = substitute(&text, &substitution.variables, substitution.strict, budget).map_err(|source| {
        let at = place(node, substitution, budget).unwrap_or_else(|| node.meta.at.clone());
        RenderError::Substitute { object: name.clone(), at, source }
    })?;
    let malformed =
        |message: String| RenderError::Substituted { object: name.clone(), at: node.meta.at.clone(), message };
    let mut documents = yaml::parse_all(result.as_bytes(), None, Dialect::Sigs, budget)
        .map_err(|error| malformed(error.to_string()))?;
    match (documents.pop(), documents.is_empty()) {
        (Some(document), true) if document.as_map().is_some() => {
            let at = node.meta.at.clone();
            *node = keeping_places(document, node);
            node.meta.at = at;
            Ok(())
        }
        _ => Err(malformed("it is not one mapping".to_owned())),
    }
}

/// The new values, at the places of the old ones where there is one at the same path.
fn keeping_places(mut new: Node, old: &Node) -> Node {
    new.meta.at = old.meta.at.clone();
    let is_scalar = !matches!(new.value, Value::Map(_) | Value::Seq(_));
    let by = match is_scalar && new != *old {
        true => Some("spec.postBuild".into()),
        false => old.meta.note.as_ref().and_then(|note| note.set_by.clone()),
    };
    if by.is_some() {
        new.meta.note.get_or_insert_default().set_by = by;
    }
    match (&mut new.value, &old.value) {
        (Value::Map(new), Value::Map(old)) => {
            for (key, value) in new.iter_mut() {
                if let Some(old) = old.get(key.as_str()) {
                    *value = keeping_places(std::mem::take(value), old);
                }
            }
        }
        (Value::Seq(new), Value::Seq(old)) => {
            for (value, old) in new.iter_mut().zip(old) {
                *value = keeping_places(std::mem::take(value), old);
            }
        }
        _ => {}
    }
    new
}

/// Where in the source the mistake stands: in the text that fails alone as well.
fn place(node: &Node, substitution: &Substitution, budget: &Budget) -> Option<Origin> {
    let fails = |text: &str| substitute(text, &substitution.variables, substitution.strict, budget).err();
    let found = match &node.value {
        Value::String(text) => fails(text).map(|why| {
            let mut at = node.meta.at.clone();
            // The lines of a literal text begin below its sign.
            if let (Style::Literal, Some(line), true) = (node.meta.style, why.line(text), at.line > 0) {
                (at.line, at.col) = (at.line + line as u32, 0);
            }
            at
        }),
        Value::Seq(items) => items.iter().find_map(|item| place(item, substitution, budget)),
        Value::Map(map) => map.iter().find_map(|(key, value)| match fails(key.as_str()) {
            Some(_) => Some(Origin::new(value.meta.at.file.clone(), key.line, key.col())),
            None => place(value, substitution, budget),
        }),
        _ => None,
    };
    found.filter(Origin::is_known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_base::Diagnose;

    const MANIFEST: &str =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  one: ${one}\n  two: ${two:=2}\n";

    fn run(manifest: &str, variables: &[(&str, &str)], always: bool) -> Result<Node, RenderError> {
        let mut values = Variables::default();
        for (name, value) in variables {
            values.insert(name, value).expect("a good name");
        }
        let file = "deploy/a.yaml".into();
        let mut node = yaml::parse_all(manifest.as_bytes(), Some(&file), Dialect::V3, &Budget::standard())
            .expect("valid")
            .remove(0);
        let substitution = Substitution { variables: values, strict: true, always };
        object(&mut node, &substitution, &Budget::standard())?;
        Ok(node)
    }

    #[test]
    fn values_become_typed_and_keep_their_place() {
        let node = run(MANIFEST, &[("one", "1")], false).expect("substitutes");
        assert_eq!(node.path(&["data", "one"]).and_then(Node::as_i64), Some(1));
        assert_eq!(node.path(&["data", "two"]).and_then(Node::as_i64), Some(2));
        assert_eq!(node.path(&["data", "one"]).map(|n| n.meta.at.to_string()).as_deref(), Some("deploy/a.yaml:6"));
    }

    #[test]
    fn what_is_not_set_is_named_with_its_line() {
        let error = run(MANIFEST, &[("other", "1")], false).expect_err("not set");
        assert_eq!(
            error.report().to_string(),
            "deploy/a.yaml:6: post build failed for 'a': envsubst error: variable substitution failed: variable not set \
             (strict mode): \"one\" (set one in spec.postBuild, give it a default as ${one:=value}, or write $${one} for the text itself)"
        );
    }

    #[test]
    fn the_line_is_that_of_the_variable_and_not_of_one_like_it() {
        let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: ${one_more}\n  b: ${one:=x}\n  \
                        c: |\n    first\n    ${one}\n  ${key}: x\n";
        let at = |variables: &[(&str, &str)]| run(manifest, variables, false).expect_err("not set").at();
        let line = |variables: &[(&str, &str)]| at(variables).map(|at| at.to_string());
        assert_eq!(line(&[("one_more", "1"), ("key", "k")]).as_deref(), Some("deploy/a.yaml:9"));
        assert_eq!(line(&[("one", "1"), ("key", "k")]).as_deref(), Some("deploy/a.yaml:5"));
        assert_eq!(line(&[("one", "1"), ("one_more", "1")]).as_deref(), Some("deploy/a.yaml:10"));
        let broken = run("kind: A\nmetadata: {name: a}\nx: ${a\n", &[("b", "1")], false).expect_err("broken");
        assert_eq!(broken.at().map(|at| at.line), Some(3));
    }

    #[test]
    fn nothing_happens_without_variables_or_where_it_is_switched_off() {
        let untouched = run(MANIFEST, &[], false).expect("untouched");
        assert_eq!(untouched.str_at(&["data", "one"]), Some("${one}"));
        let off = MANIFEST
            .replace("  name: a\n", "  name: a\n  labels: {kustomize.toolkit.fluxcd.io/substitute: disabled}\n");
        assert_eq!(run(&off, &[("one", "1")], true).expect("untouched").str_at(&["data", "one"]), Some("${one}"));
        assert!(
            run(&MANIFEST.replace("${one}", "${one:=x}"), &[], true).expect("defaults").str_at(&["data", "one"])
                == Some("x")
        );
    }

    #[test]
    fn a_value_that_breaks_the_manifest_is_an_error() {
        let error = run(MANIFEST, &[("one", "a: b: c")], false).expect_err("no manifest");
        assert!(error.report().to_string().starts_with("deploy/a.yaml:1: post build failed for 'a'"), "{error}");
    }
}
