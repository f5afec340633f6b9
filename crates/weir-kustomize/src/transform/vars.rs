//! `vars`: values of objects put in place of `$(NAME)`, after all names are final.

use super::{Context, failed};
use crate::KustomizeError;
use crate::args::Var;
use crate::fieldspec::FieldSpec;
use crate::id::Id;
use crate::path;
use crate::scalar;
use crate::shared;
use std::collections::HashMap;
use weir_doc::{Node, Number, Value};

/// Notes on each var's object that the var takes its value from there.
pub(crate) fn claim(cx: &mut Context, vars: &[Var]) -> Result<(), KustomizeError> {
    for var in vars {
        let wanted = Id::new(var.gvk.clone(), &var.object, &var.namespace);
        let any_namespace = var.namespace.is_empty();
        let found = cx
            .resources
            .with_any_id(cx.schemas, |id| wanted.same_gvk_and_name(id) && (any_namespace || wanted.same_namespace(id)));
        match found.as_slice() {
            [] => {}
            [at] => cx.resources.list[*at].vars.push(var.name.clone()),
            many => {
                let problem = format!("fits {} objects, {wanted} is ambiguous", many.len());
                return Err(KustomizeError::target(&var.at, format!("the var '{}'", var.name), problem));
            }
        }
    }
    Ok(())
}

/// Adds vars to those of other kustomizations; each name may be used once.
pub(crate) fn merge(vars: &mut Vec<Var>, incoming: &[Var]) -> Result<(), KustomizeError> {
    for var in incoming {
        if let Some(known) = vars.iter().find(|known| known.name == var.name) {
            let problem = format!("is defined twice, the other time at {}", known.at);
            return Err(KustomizeError::target(&var.at, format!("the var '{}'", var.name), problem));
        }
        vars.push(var.clone());
    }
    Ok(())
}

pub(crate) fn resolve(cx: &mut Context, vars: &[Var], specs: &[FieldSpec]) -> Result<(), KustomizeError> {
    let mut values: HashMap<String, Option<Node>> = HashMap::new();
    for var in vars {
        let what = || format!("the var '{}'", var.name);
        let Some(source) = cx.resources.list.iter().find(|resource| resource.vars.contains(&var.name)) else {
            let wanted = Id::new(var.gvk.clone(), &var.object, &var.namespace);
            return Err(KustomizeError::target(
                &var.at,
                what(),
                format!("takes its value from {wanted}, which is not there"),
            ));
        };
        let parts = path::with_indexes(&path::split(&var.field_path));
        let found = path::lookup(&source.node, &parts).ok().flatten();
        let Some(found) = found else {
            let problem =
                format!("takes its value from the field '{}', which {} lacks", var.field_path, source.id(cx.schemas));
            return Err(KustomizeError::target(&var.at, what(), problem));
        };
        let usable = scalar::is_scalar(found) || found.is_null();
        let value = usable.then(|| decimal(found)).transpose().map_err(|why| {
            KustomizeError::target(&var.at, what(), format!("takes its value from '{}': {why}", var.field_path))
        })?;
        values.insert(var.name.clone(), value);
    }
    if values.is_empty() {
        return Ok(());
    }
    for resource in &mut cx.resources.list {
        for spec in specs {
            cx.budget.spend(1)?;
            let replaced = spec.apply(&mut resource.node, None, &mut |node| replace_in(node, &values));
            if let Err(why) = replaced {
                let at = resource.at().clone();
                return Err(failed(resource, "a var", &at, cx.schemas, why));
            }
            resource.settle();
        }
    }
    Ok(())
}

/// A value as kustomize reads it, which looks at the tag: an integer by its decimal digits, though YAML takes `010`
/// for eight, and a null or a text without a tag as it is written.
fn decimal(found: &Node) -> Result<Node, String> {
    let mut value = found.clone();
    let text = || scalar::text(found).into_owned();
    value.value = match found.value {
        _ if scalar::is_untyped(found) || found.is_null() => Value::String(text()),
        Value::Number(Number::Int(_) | Number::Uint(_)) => {
            let digits = text().parse().map_err(|_| format!("'{}' is no decimal number", text()))?;
            Value::Number(Number::Int(digits))
        }
        Value::Bool(flag) => Value::Bool(flag),
        _ => return Ok(value),
    };
    value.meta.note = None;
    Ok(value)
}

fn replace_in(node: &mut Node, values: &HashMap<String, Option<Node>>) -> Result<(), String> {
    decide_type(node);
    match &mut node.value {
        Value::String(_) => replace(node, values),
        Value::Map(map) => map.values_mut().for_each(|value| {
            decide_type(value);
            replace(value, values);
        }),
        Value::Seq(items) => {
            for item in items {
                decide_type(item);
                if !matches!(item.value, Value::String(_)) {
                    return Err(format!("expected a string, found {}", item.kind_name()));
                }
                if scalar::is_merge_key(item) {
                    return Err("expected a string, found '<<' without quotes, which is a merge key to YAML".to_owned());
                }
                replace(item, values);
            }
            return Ok(());
        }
        _ => {}
    }
    Ok(())
}

/// A value that was made from a text alone is a string from here on.
fn decide_type(node: &mut Node) {
    if scalar::is_untyped(node) {
        node.value = Value::String(scalar::text(node).into_owned());
        node.meta.note = None;
    }
}

fn replace(node: &mut Node, values: &HashMap<String, Option<Node>>) {
    let Some(text) = node.as_str().map(str::to_owned) else { return };
    let at = node.meta.at.clone();
    let mut new = match expand(&text, values) {
        Expanded::Value(value) => Node::new(value.value),
        Expanded::Text(text) => scalar::plain_string(&text),
    }
    .at(at);
    shared::pass_on(node, &mut new);
    *node = new;
}

enum Expanded {
    /// The text was one variable: its type stays.
    Value(Node),
    Text(String),
}

fn expand(text: &str, values: &HashMap<String, Option<Node>>) -> Expanded {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let Some(next) = after.chars().next() else {
            rest = &rest[at..];
            break;
        };
        match (next, after.find(')')) {
            ('(', Some(end)) => {
                let name = &after[1..end];
                let whole = text.len() == end + 2;
                match values.get(name) {
                    Some(Some(value)) if whole => return Expanded::Value(value.clone()),
                    Some(Some(value)) => out.push_str(&shown(value)),
                    _ => {
                        out.push_str("$(");
                        out.push_str(name);
                        out.push(')');
                    }
                }
                rest = &after[end + 1..];
            }
            ('$', _) => {
                out.push('$');
                rest = &after[1..];
            }
            (other, _) => {
                out.push('$');
                out.push(other);
                rest = &after[other.len_utf8()..];
            }
        }
    }
    out.push_str(rest);
    Expanded::Text(out)
}

/// A value as Go's `%v` prints it.
fn shown(value: &Node) -> String {
    match &value.value {
        Value::Number(Number::Float(_) | Number::Int(_) | Number::Uint(_)) => {
            let mut plain = value.clone();
            plain.meta.note = None;
            scalar::text(&plain).into_owned()
        }
        _ => scalar::text(value).into_owned(),
    }
}
