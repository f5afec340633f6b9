//! Scalars as yaml.v3 nodes have them: a text, perhaps a tag, and a style that outlives the value.
//!
//! kyaml changes the text of a node and keeps its style, then prints and reads the document again. So
//! a number that is set over a quoted string becomes a string, and an untagged text is resolved anew.

use crate::KustomizeError;
use crate::shared;
use crate::timestamp;
use base64::Engine;
use std::borrow::Cow;
use weir_base::{Budget, Origin};
use weir_doc::emit::{self, is_break, is_printable};
use weir_doc::{Dialect, Map, Node, Note, Number, Style, Value, yaml};

/// The tag that marks a plain scalar which yaml.v3 reads as a time.
const TIMESTAMP: &str = "tag:yaml.org,2002:timestamp";
/// The tag of a value that was made from a text alone: another text may make it another type.
const UNTYPED: &str = "";
const BINARY: &str = "tag:yaml.org,2002:binary";

/// What is known of the type of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// Nothing: a plain text means what YAML says.
    None,
    String,
}

/// The text of a scalar; empty for a list or mapping.
pub(crate) fn text(node: &Node) -> Cow<'_, str> {
    let source = || node.meta.note.as_ref().and_then(|note| note.source.as_deref());
    match &node.value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Seq(_) | Value::Map(_) => Cow::Borrowed(""),
        Value::Null => Cow::Borrowed(source().unwrap_or("null")),
        Value::Bool(value) => Cow::Borrowed(source().unwrap_or(if *value { "true" } else { "false" })),
        Value::Number(number) => match (source(), number) {
            (Some(source), _) => Cow::Borrowed(source),
            (None, Number::Int(n)) => Cow::Owned(n.to_string()),
            (None, Number::Uint(n)) => Cow::Owned(n.to_string()),
            (None, Number::Float(n)) => Cow::Owned(n.to_string()),
        },
    }
}

pub(crate) fn is_scalar(node: &Node) -> bool {
    !matches!(node.value, Value::Seq(_) | Value::Map(_) | Value::Null)
}

pub(crate) fn is_nil_or_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Seq(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

fn is_quoted(style: Style) -> bool {
    !matches!(style, Style::Plain | Style::Flow)
}

/// Whether YAML 1.1 would read the text as anything but a string.
fn is_ambiguous(text: &str) -> bool {
    !text.is_empty() && !matches!(yaml::resolve_plain(text, Dialect::Sigs), Value::String(_))
}

/// A new scalar that does not replace one.
pub(crate) fn new(text: &str, tag: Tag) -> Node {
    let style = if is_ambiguous(text) { Style::DoubleQuoted } else { Style::Plain };
    styled(text, tag, style)
}

/// Sets a field to a text without a tag: it means what the text and the style of the old value say.
pub(crate) fn set_untyped_field(map: &mut Map, key: &str, text: &str) {
    match map.get_mut(key) {
        Some(old) => set(old, text, Tag::None),
        None => {
            map.insert(key, new(text, Tag::None));
        }
    }
}

/// kustomize writes keys without quotes, and cannot print a mapping once it reads one as a number.
pub(crate) fn check_key(key: &str) -> Result<(), String> {
    match Node::new(yaml::resolve_plain(key, Dialect::V3)) {
        node if node.as_str().is_some() => Ok(()),
        node => Err(format!(
            "the key '{key}' is {} to YAML, expected one that is a string without quotes",
            node.kind_name()
        )),
    }
}

/// A text without a tag or quotes, which means what it says.
pub(crate) fn untyped(text: &str) -> Node {
    styled(text, Tag::None, Style::Plain)
}

/// A string in plain style.
pub(crate) fn plain_string(text: &str) -> Node {
    styled(text, Tag::String, Style::Plain)
}

/// A string for `data` of a ConfigMap or Secret.
pub(crate) fn new_data(text: &str) -> Node {
    let mut node = new(text, Tag::String);
    if text.contains('\n') {
        node.meta.style = Style::Literal;
    }
    node
}

fn styled(text: &str, tag: Tag, style: Style) -> Node {
    let value = if tag == Tag::String || is_quoted(style) {
        Value::String(text.to_owned())
    } else {
        yaml::resolve_plain(text, Dialect::V3)
    };
    let mut node = Node::new(value);
    node.meta.style = style;
    if !matches!(node.value, Value::String(_)) {
        let tag = (tag == Tag::None).then(|| UNTYPED.to_owned());
        node.meta.note = Some(Box::new(Note { source: Some(text.to_owned()), tag, set_by: None }));
    } else if tag == Tag::None {
        node.meta.note.get_or_insert_default().tag = Some(UNTYPED.to_owned());
    }
    node
}

/// Sets the text of a node in place, as kyaml's `FieldSetter` without a name does: the style stays.
pub(crate) fn set(node: &mut Node, text: &str, tag: Tag) {
    let mut new = styled(text, tag, node.meta.style);
    new.meta.at = node.meta.at.clone();
    shared::pass_on(node, &mut new);
    *node = new;
}

/// Changes the text only. A node keeps its tag: a string stays a string, and a number, boolean or
/// null refuses a text of another type.
pub(crate) fn set_text(node: &mut Node, text: &str) -> Result<(), String> {
    let fits = |new: &Value| match (&node.value, new) {
        (Value::Null, Value::Null) | (Value::Bool(_), Value::Bool(_)) => true,
        (Value::Number(Number::Float(_)), Value::Number(_)) => true,
        (Value::Number(_), Value::Number(new)) => !matches!(new, Number::Float(_)),
        _ => false,
    };
    match &node.value {
        _ if is_untyped(node) => set(node, text, Tag::None),
        Value::String(_) => set(node, text, Tag::String),
        _ if fits(&yaml::resolve_plain(text, Dialect::V3)) => set_typed(node, text),
        _ => return Err(format!("'{text}' cannot replace {}", node.kind_name())),
    }
    Ok(())
}

/// Sets a text whose type stays what it is.
fn set_typed(node: &mut Node, text: &str) {
    set(node, text, Tag::None);
    if let Some(note) = &mut node.meta.note {
        note.tag = None;
    }
}

/// The same, but a text of another type is taken nonetheless; see [`is_mistyped`].
pub(crate) fn force_text(node: &mut Node, text: &str) -> Result<(), String> {
    let old = tag_name(&node.value);
    set_text(node, text).inspect_err(|_| mistype(node, text, old))
}

fn mistype(node: &mut Node, text: &str, tag: &str) {
    node.value = Value::String(text.to_owned());
    node.meta.note = Some(Box::new(Note { source: None, tag: Some(tag.to_owned()), set_by: None }));
}

/// Changes the text only, in a document that is printed with the tags that the texts do not tell.
pub(crate) fn set_tagged(node: &mut Node, text: &str) {
    if let Some(tag) = written_tag(node) {
        let resolved = yaml::resolve_plain(text, Dialect::V3);
        let found = tag_name(&resolved);
        let is_typed = ["!!null", "!!bool", "!!int", "!!float"].contains(&tag.as_str());
        let fits = tag == found || (tag == "!!float" && found == "!!int");
        // One that does not fit has the short form, which says so.
        let long = node.meta.note.as_ref().and_then(|note| note.tag.clone());
        node.value = if is_typed && fits { resolved } else { Value::String(text.to_owned()) };
        let source = (is_typed && fits).then(|| text.to_owned());
        let tag = if is_typed && !fits { Some(tag) } else { long };
        node.meta.note = Some(Box::new(Note { source, tag, set_by: None }));
        return;
    }
    let is_kept = node.as_str().is_some() || is_untyped(node);
    let (old, new) = (tag_name(&node.value), tag_name(&yaml::resolve_plain(text, Dialect::V3)));
    if is_kept || old == new {
        set(node, text, if node.as_str().is_some() { Tag::String } else { Tag::None });
        return;
    }
    mistype(node, text, old);
}

/// Whether [`set_tagged`] or [`force_text`] gave any scalar a text that is not of its type.
pub(crate) fn is_mistyped(node: &Node) -> bool {
    match &node.value {
        Value::Map(map) => map.values().any(is_mistyped),
        Value::Seq(items) => items.iter().any(is_mistyped),
        _ => node.meta.note.as_ref().and_then(|note| note.tag.as_deref()).is_some_and(|tag| tag.starts_with("!!")),
    }
}

fn tag_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "!!null",
        Value::Bool(_) => "!!bool",
        Value::Number(Number::Float(_)) => "!!float",
        Value::Number(_) => "!!int",
        Value::String(_) => "!!str",
        Value::Seq(_) => "!!seq",
        Value::Map(_) => "!!map",
    }
}

/// A tag that is written out in a text, in its short form.
pub(crate) fn written_tag(node: &Node) -> Option<String> {
    let tag = node.meta.note.as_ref()?.tag.as_deref()?;
    // In a file the tag of times is a mark of ours.
    if tag == TIMESTAMP && node.meta.at.file.is_some() {
        return None;
    }
    match tag.strip_prefix("tag:yaml.org,2002:") {
        Some(kind) => Some(format!("!!{kind}")),
        None if tag.starts_with("!!") || tag == "!" || tag == UNTYPED => None,
        None if tag.starts_with('!') => Some(tag.to_owned()),
        None => Some(format!("!<{tag}>")),
    }
}

/// A scalar with a tag in its text.
pub(crate) fn is_tagged(node: &Node) -> bool {
    let tag = node.meta.note.as_ref().and_then(|note| note.tag.as_deref());
    tag.is_some_and(|tag| tag != UNTYPED && tag != TIMESTAMP)
}

/// A text that yaml.v3 gives a tag of its own, also where it is no key.
pub(crate) fn is_merge_key(node: &Node) -> bool {
    node.as_str() == Some("<<") && node.meta.style == Style::Plain && !is_tagged(node)
}

/// A scalar that was made without a tag.
pub(crate) fn is_untyped(node: &Node) -> bool {
    let tag = node.meta.note.as_ref().and_then(|note| note.tag.as_deref());
    tag == Some(UNTYPED)
}

/// Sets an integer in place; over a quoted text it becomes a text.
pub(crate) fn set_int(node: &mut Node, value: i64) {
    set_typed(node, &value.to_string());
}

/// What a merge does to a field that it keeps: a string, or a text without a type, that YAML 1.1 would take for
/// something else becomes a string in quotes.
pub(crate) fn settle_type(node: &mut Node) {
    let is_string = node.as_str().is_some() && node.meta.note.as_ref().is_none_or(|note| note.tag.is_none());
    if node.meta.style == Style::Plain && (is_untyped(node) || is_string) {
        let text = text(node).into_owned();
        if !text.contains('\n') && is_ambiguous(&text) {
            set(node, &text, Tag::String);
            node.meta.style = Style::DoubleQuoted;
        }
    }
}

/// Sets a field as kyaml's `FieldSetter` does: null removes it, an old value's style stays.
pub(crate) fn set_field(map: &mut Map, key: &str, mut value: Node) {
    if value.is_null() {
        map.remove(key);
        return;
    }
    if let Some(old) = map.get_mut(key) {
        inherit_style(&mut value, old.meta.style);
        shared::pass_on(old, &mut value);
        *old = value;
    } else {
        map.insert(key, value);
    }
}

/// Gives a scalar the style of the one it replaces.
pub(crate) fn inherit_style(value: &mut Node, style: Style) {
    if is_untyped(value) {
        let at = std::mem::take(&mut value.meta.at);
        *value = styled(&text(value), Tag::None, style).at(at);
        return;
    }
    if !is_scalar(value) {
        return;
    }
    if is_quoted(style) {
        let text = text(value).into_owned();
        value.value = Value::String(text);
        value.meta.note = None;
    }
    value.meta.style = style;
}

/// Marks the plain scalars that yaml.v3 reads as times, so that [`finish`] prints them as Go does.
pub(crate) fn mark_timestamps(node: &mut Node) {
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(mark_timestamps),
        Value::Map(map) => map.values_mut().for_each(mark_timestamps),
        Value::String(text) => {
            let plain = node.meta.style == Style::Plain && node.meta.note.as_ref().is_none_or(|n| n.tag.is_none());
            if plain && text.as_bytes().first().is_some_and(u8::is_ascii_digit) && timestamp::parse(text).is_some() {
                mark_timestamp(node);
            }
        }
        _ => {}
    }
}

fn mark_timestamp(node: &mut Node) {
    node.meta.note.get_or_insert_default().tag = Some(TIMESTAMP.to_owned());
}

/// What printing with yaml.v3 and reading that again does to scalars.
pub(crate) fn finish(node: &mut Node) {
    reread(node, false);
}

fn reread(node: &mut Node, in_flow: bool) {
    let in_flow = in_flow || node.meta.style == Style::Flow;
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(|item| reread(item, in_flow)),
        Value::Map(map) => map.values_mut().for_each(|value| reread(value, in_flow)),
        // Within brackets an empty text is printed with quotes.
        Value::Null if in_flow && node.meta.note.as_ref().is_some_and(|note| note.source.as_deref() == Some("")) => {
            node.value = Value::String(String::new());
        }
        Value::String(text) => {
            let tag = node.meta.note.as_ref().and_then(|note| note.tag.as_deref());
            let may_be_time = match tag {
                Some(UNTYPED) => node.meta.style == Style::Plain && text.starts_with(|c: char| c.is_ascii_digit()),
                tag => tag == Some(TIMESTAMP),
            };
            if may_be_time
                && !(in_flow && text.contains(':'))
                && let Some(time) = timestamp::parse(text)
            {
                *text = time;
            } else if node.meta.style == Style::Folded && !in_flow {
                *text = folded(text);
            } else if tag == Some(BINARY) {
                decode_binary(node);
            }
        }
        _ => {}
    }
}

/// Texts with the tag `!!binary` become what they encode.
pub(crate) fn decode_binary(node: &mut Node) {
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(decode_binary),
        Value::Map(map) => map.values_mut().for_each(decode_binary),
        Value::String(text) if node.meta.note.as_ref().and_then(|note| note.tag.as_deref()) == Some(BINARY) => {
            let encoded: String = text.split_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap_or_default();
            *text = String::from_utf8_lossy(&bytes).into_owned();
            node.meta.note = None;
        }
        _ => {}
    }
}

/// A folded text as yaml.v3 prints it and reads it again: where it has more than one line it may gain empty ones.
fn folded(text: &str) -> String {
    let first = text.trim_start_matches(is_break).chars().next();
    let doubles = first.is_some_and(|c| !matches!(c, ' ' | '\t'));
    let space_before_break = text.chars().zip(text.chars().skip(1)).any(|(c, next)| c == ' ' && is_break(next));
    let is_printable = text.chars().all(|c| c == '\t' || is_printable(c));
    let is_block = !text.is_empty() && !text.ends_with(' ') && !space_before_break && is_printable;
    if !is_block || !doubles || !text.contains('\n') {
        return text.to_owned();
    }
    let mut out = String::from(">");
    out.push_str(if text.starts_with(is_break) { "2" } else { "" });
    let mut last = text.chars().rev().map(is_break);
    out.push_str(match (last.next(), last.next()) {
        (Some(true), Some(false)) => "",
        (Some(true), _) => "+",
        _ => "-",
    });
    out.push('\n');
    let (mut breaks, mut leading) = (true, true);
    for c in text.chars() {
        if is_break(c) {
            out.push_str(if c == '\n' && !breaks && !leading { "\n" } else { "" });
            out.push(c);
            breaks = true;
        } else {
            if breaks {
                out.push_str("  ");
                leading = matches!(c, ' ' | '\t');
            }
            out.push(c);
            breaks = false;
        }
    }
    let parsed = yaml::parse_first(out.as_bytes(), None, 0, Dialect::V3, &Budget::standard());
    let parsed = parsed.ok().flatten().and_then(|node| node.as_str().map(str::to_owned));
    parsed.unwrap_or_else(|| text.to_owned())
}

/// What writing a kustomization as JSON and reading that as YAML, as kustomize hands it to its steps, does to texts:
/// JSON does not escape what is a line break to YAML.
pub(crate) fn fold_next_lines(node: &mut Node) {
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(fold_next_lines),
        Value::Map(map) => map.values_mut().for_each(fold_next_lines),
        Value::String(text) if text.contains(NEXT_LINE) => *text = joined_lines(text),
        _ => {}
    }
}

/// What the last step, which prints through JSON and reads that as YAML 1.1, does to a document; it
/// refuses what JSON cannot hold or YAML does not allow.
pub(crate) fn print_as_json(node: &mut Node) -> Result<(), String> {
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().try_for_each(print_as_json),
        Value::Map(map) => {
            if map.keys().any(|key| key.contains(is_control)) {
                return Err("a key has control characters, which YAML does not allow".to_owned());
            }
            map.values_mut().try_for_each(print_as_json)
        }
        // As an integer it has no sign.
        Value::Number(Number::Float(0.0)) => {
            node.value = Value::Number(Number::Int(0));
            Ok(())
        }
        Value::Number(Number::Float(n)) if !n.is_finite() => Err(format!("JSON has no number for {n}")),
        Value::String(text) if text.contains(is_control) => {
            Err("a text has control characters, which YAML does not allow".to_owned())
        }
        Value::String(text) if text.contains(NEXT_LINE) => {
            *text = joined_lines(text);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A line break to YAML, and nothing special to JSON.
const NEXT_LINE: char = '\u{85}';

fn is_control(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// Folds the lines of a quoted text: a break is a space, and several are one less, each of the usual kind.
fn joined_lines(text: &str) -> String {
    let lines: Vec<&str> = text.split(NEXT_LINE).collect();
    let mut out = String::new();
    let mut breaks = 0;
    for (at, line) in lines.iter().enumerate() {
        let line = if at > 0 { line.trim_start_matches(' ') } else { line };
        let line = if at + 1 < lines.len() { line.trim_end_matches(' ') } else { line };
        if at > 0 {
            breaks += 1;
        }
        if line.is_empty() && at > 0 && at + 1 < lines.len() {
            continue;
        }
        match breaks {
            0 => {}
            1 => out.push(' '),
            more => out.extend(std::iter::repeat_n('\n', more - 1)),
        }
        breaks = 0;
        out.push_str(line);
    }
    out
}

/// The same for an object, whose own keys become strings.
pub(crate) fn check_object(node: &Node) -> Result<(), KustomizeError> {
    node.as_map().into_iter().flat_map(Map::values).try_for_each(check_keys)
}

/// What goes through Go's maps has strings for keys, or it fails.
pub(crate) fn check_keys(node: &Node) -> Result<(), KustomizeError> {
    match &node.value {
        Value::Seq(items) => items.iter().try_for_each(check_keys),
        Value::Map(map) => map.iter().try_for_each(|(key, value)| {
            if key.is_string() {
                return check_keys(value);
            }
            let at = Origin::new(node.meta.at.file.clone(), key.line, key.col());
            Err(KustomizeError::object(&at, format!("the key {key} is no string to YAML; put it in quotes")))
        }),
        _ => Ok(()),
    }
}

/// What writing a document as JSON and reading it as YAML leaves: every string is quoted.
pub(crate) fn quote_strings(node: &mut Node) {
    finish(node);
    restyle(node, &|_| Style::DoubleQuoted);
}

/// What printing through Go's maps leaves: doubles for numbers, styles as yaml.v3 chooses them.
pub(crate) fn through_go_maps(node: &mut Node) {
    restyle(node, &|text| {
        if text.contains('\n') {
            Style::Literal
        } else if is_ambiguous(text) || !matches!(yaml::resolve_plain(text, Dialect::V3), Value::String(_)) {
            Style::DoubleQuoted
        } else {
            Style::Plain
        }
    });
    round_numbers(node);
}

fn restyle(node: &mut Node, style: &impl Fn(&str) -> Style) {
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(|item| restyle(item, style)),
        Value::Map(map) => map.values_mut().for_each(|value| restyle(value, style)),
        Value::String(text) => {
            node.meta.style = style(text);
            node.meta.note = None;
        }
        _ => {
            node.meta.style = Style::Plain;
            node.meta.note = None;
        }
    }
}

fn round_numbers(node: &mut Node) {
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(round_numbers),
        Value::Map(map) => map.values_mut().for_each(round_numbers),
        Value::Number(number) => {
            let double = number.as_f64();
            let text = emit::go_float(double);
            *number = text.parse().map_or(Number::Float(double), Number::Int);
            // From a million up there is an exponent, which those see who take the number as a text.
            let source = text.contains('e').then_some(text);
            node.meta.note = source.map(|source| Box::new(Note { source: Some(source), ..Note::default() }));
        }
        _ => {}
    }
}
