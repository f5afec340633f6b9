use super::{Dialect, ParseError, colon, resolve, tabs};
use crate::emit::is_break;
use crate::{Key, Map, Meta, Node, Note, Style, Value};
use libyaml_safer::{EventData, MappingStyle, Mark, Parser, ScalarStyle, SequenceStyle};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use weir_base::{Budget, Exhausted, Origin};

/// Bytes of memory that one node stands for, when an alias copies it.
const NODE_BYTES: u64 = 128;

/// Reads every document of a stream. An empty document is a null node.
pub fn parse_all(
    text: &[u8],
    file: Option<&Arc<str>>,
    dialect: Dialect,
    budget: &Budget,
) -> Result<Vec<Node>, ParseError> {
    parse(text, file, dialect, (0, usize::MAX), budget)
}

/// Reads the first document of a stream, as Go's decoders do; what follows it is not looked at. The
/// stream stands `lines` lines below the beginning of its file. `None` when there is no document.
pub fn parse_first(
    text: &[u8],
    file: Option<&Arc<str>>,
    lines: u32,
    dialect: Dialect,
    budget: &Budget,
) -> Result<Option<Node>, ParseError> {
    Ok(parse(text, file, dialect, (lines, 1), budget)?.pop())
}

fn parse(
    text: &[u8],
    file: Option<&Arc<str>>,
    dialect: Dialect,
    (lines, most): (u32, usize),
    budget: &Budget,
) -> Result<Vec<Node>, ParseError> {
    let mut text = Cow::Borrowed(text);
    loop {
        let error = match parse_strictly(&text, file, dialect, (lines, most), budget) {
            Err(error) if dialect == Dialect::V3 && error.message.contains(NO_TOKEN) => error,
            result => return result,
        };
        match tabs::replaced(&text, error.at.line.saturating_sub(lines + 1) as usize) {
            Some(replaced) => text = Cow::Owned(replaced),
            None => return Err(error),
        }
    }
}

/// What the parser says of a tab, among others.
const NO_TOKEN: &str = "cannot start any token";

fn parse_strictly(
    text: &[u8],
    file: Option<&Arc<str>>,
    dialect: Dialect,
    (lines, most): (u32, usize),
    budget: &Budget,
) -> Result<Vec<Node>, ParseError> {
    budget.take_bytes(text.len() as u64).map_err(|why| ParseError::exhausted(origin_of(file, None, lines), why))?;
    let decoded = decode(text);
    let (unhidden, colon) = colon::hide(&decoded);
    let unhidden = marked(&unhidden);
    let text = unhidden.as_ref();
    // The parser panics where a block scalar ends without a line break, so there always is one.
    let added = added_break(text);
    let terminated = match added {
        Some(added) => Cow::Owned([text, added.encode_utf8(&mut [0; 4]).as_bytes()].concat()),
        None => Cow::Borrowed(text),
    };
    let mut input = terminated.as_ref();
    let mut parser = Parser::new();
    parser.set_input_string(&mut input);
    let mut reader = Reader {
        parser,
        file: file.cloned(),
        lines,
        dialect,
        anchors: HashMap::new(),
        added,
        end: Mark::default(),
        flow: 0,
        colon,
    };
    let mut documents = Vec::new();
    loop {
        let (data, mark) = reader.next()?;
        match data {
            EventData::StreamStart { .. } => {}
            EventData::DocumentEnd { .. } if documents.len() >= most => return Ok(documents),
            EventData::DocumentEnd { .. } => {}
            EventData::DocumentStart { version_directive, .. } => {
                if version_directive.is_some_and(|version| (version.major, version.minor) != (1, 1)) {
                    return Err(reader.error(Some(mark), "only YAML 1.1 is known: remove the %YAML line"));
                }
                reader.anchors.clear();
                let (data, mark) = reader.next()?;
                documents.push(reader.node(data, mark, budget)?.0);
            }
            EventData::StreamEnd => return Ok(documents),
            _ => return Err(reader.error(Some(mark), "unexpected content between documents")),
        }
    }
}

/// UTF-16 that begins with a byte order mark, as UTF-8.
fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    let read: fn([u8; 2]) -> u16 = match text {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return Cow::Borrowed(text),
    };
    let units = text[2..].chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
    let decoded: Result<String, _> = char::decode_utf16(units).collect();
    decoded.map_or(Cow::Borrowed(text), |text| Cow::Owned(text.into_bytes()))
}

/// What ends the last line of a text that does not: a break that the text has nowhere else, so that it is known again.
fn added_break(text: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let is_open = text.chars().next_back().is_some_and(|c| !is_break(c));
    is_open.then(|| if text.contains('\u{2028}') { '\u{2029}' } else { '\u{2028}' })
}

/// The parser takes the first byte of a byte order mark for one, so a text that begins so gets a whole one.
fn marked(text: &[u8]) -> Cow<'_, [u8]> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    match text.first() == MARK.first() && !text.starts_with(MARK) {
        true => Cow::Owned([MARK, text].concat()),
        false => Cow::Borrowed(text),
    }
}

fn origin_of(file: Option<&Arc<str>>, mark: Option<Mark>, lines: u32) -> Origin {
    match mark {
        Some(mark) => Origin::new(file.cloned(), lines + mark.line as u32 + 1, mark.column as u32 + 1),
        None => Origin::new(file.cloned(), lines, 0),
    }
}

struct Reader<'r> {
    parser: Parser<&'r mut &'r [u8]>,
    file: Option<Arc<str>>,
    /// The lines of the file before the stream.
    lines: u32,
    dialect: Dialect,
    anchors: HashMap<String, Node>,
    /// The line break that the text did not end with.
    added: Option<char>,
    /// Where the last event ends.
    end: Mark,
    /// How many brackets are open.
    flow: u32,
    /// What stands for some of the colons.
    colon: Option<char>,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<(EventData, Mark), ParseError> {
        // A few inputs (`[!a,b]`) meet a panic in the parser.
        let parsed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.parser.parse()));
        match parsed {
            Ok(Ok(event)) => {
                self.end = event.end_mark;
                self.count_brackets(&event.data);
                Ok((colon::shown(event.data, self.colon), event.start_mark))
            }
            Ok(Err(error)) => Err(ParseError::new(
                origin_of(self.file.as_ref(), error.problem_mark(), self.lines),
                format!("not valid YAML: {}", problem(&error)),
            )),
            Err(_) => Err(self.error(Some(self.end), "not valid YAML: the parser gave up after this place")),
        }
    }

    fn count_brackets(&mut self, event: &EventData) {
        match event {
            EventData::SequenceStart { style: SequenceStyle::Flow, .. }
            | EventData::MappingStart { style: MappingStyle::Flow, .. } => self.flow += 1,
            EventData::SequenceEnd | EventData::MappingEnd => self.flow = self.flow.saturating_sub(1),
            _ => {}
        }
    }

    fn error(&self, mark: Option<Mark>, message: impl Into<String>) -> ParseError {
        ParseError::new(origin_of(self.file.as_ref(), mark, self.lines), message)
    }

    /// The node that starts with this event; the second value says whether it is a merge key.
    ///
    /// Each kind of node has a function of its own, so that a level of nesting takes little stack.
    fn node(&mut self, data: EventData, mark: Mark, budget: &Budget) -> Result<(Node, bool), ParseError> {
        budget.spend(1).map_err(|why| self.exhausted(mark, why))?;
        match data {
            EventData::Alias { anchor } => self.alias(&anchor, mark, budget).map(|node| (node, false)),
            EventData::Scalar { anchor, tag, value, style, .. } => self.scalar_node(anchor, tag, value, style, mark),
            EventData::SequenceStart { anchor, tag, style, .. } => {
                let style = if style == SequenceStyle::Flow { Style::Flow } else { Style::Plain };
                let meta = self.meta(mark, style, None, tag);
                self.sequence(anchor, meta, mark, budget).map(|node| (node, false))
            }
            EventData::MappingStart { anchor, tag, style, .. } => {
                let style = if style == MappingStyle::Flow { Style::Flow } else { Style::Plain };
                let meta = self.meta(mark, style, None, tag);
                self.mapping(anchor, meta, mark, budget).map(|node| (node, false))
            }
            _ => Err(self.error(Some(mark), "unexpected end of a list or mapping")),
        }
    }

    fn exhausted(&self, mark: Mark, why: Exhausted) -> ParseError {
        ParseError::exhausted(origin_of(self.file.as_ref(), Some(mark), self.lines), why)
    }

    fn alias(&self, anchor: &str, mark: Mark, budget: &Budget) -> Result<Node, ParseError> {
        let Some(node) = self.anchors.get(anchor) else {
            return Err(self.error(Some(mark), format!("unknown anchor '{anchor}' referenced")));
        };
        budget.take_bytes(node.count() * NODE_BYTES).map_err(|why| self.exhausted(mark, why))?;
        Ok(node.clone())
    }

    fn scalar_node(
        &mut self,
        anchor: Option<String>,
        tag: Option<String>,
        mut value: String,
        style: ScalarStyle,
        mark: Mark,
    ) -> Result<(Node, bool), ParseError> {
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) && value.ends_with(|c| Some(c) == self.added) {
            value.pop();
        }
        if style == ScalarStyle::Plain && self.flow > 0 && value.contains('?') {
            // To Go's parsers the character ends the text.
            return Err(
                self.error(Some(mark), format!("not valid YAML: a '?' within brackets; put '{value}' in quotes"))
            );
        }
        let node = self.scalar(tag, value, style, mark)?;
        let is_merge = style == ScalarStyle::Plain && node.as_str() == Some("<<");
        self.remember(anchor, &node);
        Ok((node, is_merge))
    }

    fn sequence(
        &mut self,
        anchor: Option<String>,
        meta: Meta,
        mark: Mark,
        budget: &Budget,
    ) -> Result<Node, ParseError> {
        let deeper = budget.deeper().map_err(|why| self.exhausted(mark, why))?;
        let mut items = Vec::new();
        loop {
            let (data, mark) = self.next()?;
            if matches!(data, EventData::SequenceEnd) {
                break;
            }
            items.push(self.node(data, mark, &deeper)?.0);
        }
        items.shrink_to_fit();
        let node = Node { value: Value::Seq(items), meta };
        self.remember(anchor, &node);
        Ok(node)
    }

    fn mapping(&mut self, anchor: Option<String>, meta: Meta, mark: Mark, budget: &Budget) -> Result<Node, ParseError> {
        let deeper = budget.deeper().map_err(|why| self.exhausted(mark, why))?;
        let mut map = Map::new();
        let mut merges = Vec::new();
        loop {
            let (data, mark) = self.next()?;
            if matches!(data, EventData::MappingEnd) {
                break;
            }
            let (key, is_merge) = self.node(data, mark, &deeper)?;
            let (data, value_mark) = self.next()?;
            let (value, _) = self.node(data, value_mark, &deeper)?;
            if is_merge {
                merges.push((value, value_mark));
            } else {
                self.add(&mut map, &key, value, mark)?;
            }
        }
        for (value, mark) in merges {
            self.merge(&mut map, value, mark)?;
        }
        map.shrink();
        let node = Node { value: Value::Map(map), meta };
        self.remember(anchor, &node);
        Ok(node)
    }

    fn add(&self, map: &mut Map, key: &Node, value: Node, mark: Mark) -> Result<(), ParseError> {
        let Some(text) = key_text(key, self.dialect) else {
            return Err(self.error(Some(mark), format!("{} cannot be a key", key.kind_name())));
        };
        if self.dialect == Dialect::V3 && key.is_null() {
            let message = format!("the key {text} is null, expected a string; put it in quotes");
            return Err(self.error(Some(mark), message));
        }
        if self.dialect == Dialect::V3
            && let Some(first) = map.key(&text)
        {
            let message = format!("mapping key \"{text}\" already defined at line {}", first.line);
            return Err(self.error(Some(mark), message));
        }
        let mut place = Key::new(text, self.lines + mark.line as u32 + 1, mark.column as u32 + 1);
        // kyaml reads such a mapping, but fails to print it.
        let is_time = || key.meta.style == Style::Plain && resolve::is_timestamp(place.as_str());
        if self.dialect == Dialect::V3 && (key.as_str().is_none() || is_time()) {
            place = place.not_a_string();
        }
        map.insert(place, value);
        Ok(())
    }

    /// `<<`: the keys of a mapping, or of a list of mappings, that are not set already.
    fn merge(&self, map: &mut Map, value: Node, mark: Mark) -> Result<(), ParseError> {
        match value.value {
            Value::Map(source) => {
                for (key, node) in source {
                    if !map.contains(key.as_str()) {
                        map.insert(key, node);
                    }
                }
                Ok(())
            }
            Value::Seq(items) if items.iter().all(|item| matches!(item.value, Value::Map(_))) => {
                items.into_iter().try_for_each(|item| self.merge(map, item, mark))
            }
            _ => Err(self.error(Some(mark), "map merge requires map or sequence of maps as the value")),
        }
    }

    fn scalar(&self, tag: Option<String>, text: String, style: ScalarStyle, mark: Mark) -> Result<Node, ParseError> {
        let plain = style == ScalarStyle::Plain;
        let value = match tag.as_deref() {
            None if plain => resolve::plain(&text, self.dialect),
            None | Some("!" | "tag:yaml.org,2002:str" | "tag:yaml.org,2002:binary") => Value::String(text.clone()),
            Some("tag:yaml.org,2002:null") => Value::Null,
            Some(tag @ ("tag:yaml.org,2002:int" | "tag:yaml.org,2002:float" | "tag:yaml.org,2002:bool")) => {
                let value = resolve::plain(&text, self.dialect);
                let fits = match tag {
                    "tag:yaml.org,2002:bool" => matches!(value, Value::Bool(_)),
                    _ => matches!(value, Value::Number(_)),
                };
                if !fits {
                    let short = tag.trim_start_matches("tag:yaml.org,2002:");
                    return Err(self.error(Some(mark), format!("cannot decode `{text}` as a !!{short}")));
                }
                value
            }
            Some(_) => Value::String(text.clone()),
        };
        let source = match &value {
            Value::String(_) => None,
            _ => Some(text),
        };
        Ok(Node { value, meta: self.meta(mark, style_of(style), source, tag) })
    }

    fn meta(&self, mark: Mark, style: Style, source: Option<String>, tag: Option<String>) -> Meta {
        let canonical = matches!(source.as_deref(), None | Some("true" | "false" | "null" | "0"));
        let note = (!canonical || tag.is_some()).then(|| Box::new(Note { source, tag, set_by: None }));
        Meta { at: origin_of(self.file.as_ref(), Some(mark), self.lines), style, note }
    }

    fn remember(&mut self, anchor: Option<String>, node: &Node) {
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, node.clone());
        }
    }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
        _ => Style::Plain,
    }
}

/// A key as JSON has it: numbers and booleans become their text. yaml.v3 keeps them as they were written.
fn key_text(key: &Node, dialect: Dialect) -> Option<String> {
    let source = key.meta.note.as_ref().and_then(|note| note.source.clone());
    match &key.value {
        Value::Bool(_) | Value::Number(_) if dialect == Dialect::V3 && source.is_some() => source,
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null => Some("null".to_owned()),
        Value::Number(_) => Some(String::from_utf8_lossy(&crate::to_json(key)).into_owned()),
        Value::Seq(_) | Value::Map(_) => None,
    }
}

/// What is wrong, without the place, which the origin says already.
fn problem(error: &libyaml_safer::Error) -> String {
    match error.context() {
        Some(context) => format!("{} {context}", error.problem()),
        None => error.problem().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, dialect: Dialect) -> Result<Vec<Node>, ParseError> {
        parse_all(text.as_bytes(), Some(&"f.yaml".into()), dialect, &Budget::standard())
    }

    fn json(text: &str, dialect: Dialect) -> String {
        let documents = parse(text, dialect).expect("valid");
        documents.iter().map(|d| String::from_utf8(crate::to_json(d)).expect("utf-8")).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn documents_and_dialects() {
        let cases = [
            ("a: yes\n", Dialect::Sigs, r#"{"a":true}"#),
            ("a: yes\n", Dialect::V3, r#"{"a":"yes"}"#),
            ("n: 1\n", Dialect::Sigs, r#"{"false":1}"#),
            ("a: 1\na: 2\n", Dialect::Sigs, r#"{"a":2}"#),
            (
                "a: 1\n---\n# only a comment\n---\nb: [1, 'x', \"y\"]\n",
                Dialect::V3,
                r#"{"a":1}|null|{"b":[1,"x","y"]}"#,
            ),
            (
                "x: &a {k: v}\ny: *a\nz:\n  <<: *a\n  l: w\n",
                Dialect::V3,
                r#"{"x":{"k":"v"},"y":{"k":"v"},"z":{"l":"w","k":"v"}}"#,
            ),
            ("a: |\n  x\n  y\nb: >\n  x\n  y\n", Dialect::V3, r#"{"a":"x\ny\n","b":"x y\n"}"#),
            ("1: a\ntrue: b\n1.5: c\n", Dialect::Sigs, r#"{"1":"a","true":"b","1.5":"c"}"#),
            ("a: !!str 1\nb: !!int '2'\n", Dialect::V3, r#"{"a":"1","b":2}"#),
            ("\u{feff}a: 1\r\nb: 2\r\n", Dialect::V3, r#"{"a":1,"b":2}"#),
            ("\u{ff41}: 1\n", Dialect::V3, "{\"\u{ff41}\":1}"),
        ];
        for (text, dialect, expect) in cases {
            assert_eq!(json(text, dialect), expect, "{text:?}");
        }
    }

    /// The expectations are yaml.v3's.
    #[test]
    fn block_scalars_may_end_with_the_text() {
        let cases = [
            ("a: |\n  x", r#"{"a":"x"}"#),
            ("a: |\n  x\n", r#"{"a":"x\n"}"#),
            ("a: |+\n  x", r#"{"a":"x"}"#),
            ("a: |\n  x\n  ", r#"{"a":"x\n"}"#),
            ("a: |+\n  x\n  ", r#"{"a":"x\n"}"#),
            ("a: >\n  x\n  y", r#"{"a":"x y"}"#),
            ("a: |-\n  x", r#"{"a":"x"}"#),
            ("a: |", r#"{"a":""}"#),
            ("a: |\n  x\n     ", r#"{"a":"x\n   "}"#),
            ("a: |+\n   ", r#"{"a":""}"#),
            ("a: |+\n  x\u{2029}  ", "{\"a\":\"x\u{2029}\"}"),
            ("a: |\n  x\u{2028}   ", "{\"a\":\"x\u{2028} \"}"),
            ("a: |+\n  x\n\n---\na: |+\n  x\n\u{2029}", "{\"a\":\"x\\n\\n\"}|{\"a\":\"x\\n\u{2029}\"}"),
        ];
        for (text, expect) in cases {
            assert_eq!(json(text, Dialect::V3), expect, "{text:?}");
        }
        assert!(parse("[!a,b]", Dialect::V3).is_err());
    }

    /// The verdicts are yaml.v3's; yaml.v2 refuses all of them.
    #[test]
    fn tabs_may_stand_between_comments() {
        let cases = [
            ("# c\n\t# d\na: 1\n", Some(r#"{"a":1}"#)),
            ("a: 1\n# c\n\t \n \t# d\n\n\t# e\nb: 1\n# f\n\t# g\n", Some(r#"{"a":1,"b":1}"#)),
            ("a: |\n  x\n  \t# y\n# c\n\t# d\nb: 1\n", Some(r##"{"a":"x\n\t# y\n","b":1}"##)),
            ("- # c\n\t# d\n  x\n", Some(r#"["x"]"#)),
            ("--- # c\n\t# d\na: 1\n", Some(r#"{"a":1}"#)),
            ("\t# c\na: 1\n", None),
            ("a: 1 # c\n\t# d\nb: 2\n", None),
            ("b: # c\n\t# d\n  x: 1\n", None),
            ("# a\n\tb: 1\n", None),
            ("# a\n\t\n", None),
        ];
        for (text, expect) in cases {
            assert!(parse(text, Dialect::Sigs).is_err(), "{text:?}");
            match expect {
                Some(expect) => assert_eq!(json(text, Dialect::V3), expect, "{text:?}"),
                None => assert!(parse(text, Dialect::V3).is_err(), "{text:?}"),
            }
        }
        let far = |blanks: usize| parse(&format!("# c\n{}\t# d\na: 1\n", " ".repeat(blanks)), Dialect::V3);
        assert!(far(509).is_ok() && far(510).is_err());
    }

    #[test]
    fn mistakes_name_the_line() {
        let cases = [
            ("a: 1\nb: [1\nc: 2\n", 3, "not valid YAML"),
            ("a: 1\na: 2\n", 2, "already defined at line 1"),
            ("a: *b\n", 1, "unknown anchor 'b'"),
            ("a:\n\tb: 1\n", 2, "not valid YAML"),
            ("a:\n  ~: b\n", 2, "the key null is null"),
            ("%YAML 1.2\n---\na: b\n", 1, "only YAML 1.1"),
        ];
        for (text, line, message) in cases {
            let error = parse(text, Dialect::V3).expect_err("invalid");
            assert_eq!(error.at.line, line, "{text:?}: {error}");
            assert!(error.message.contains(message), "{error}");
        }
    }

    #[test]
    fn places_are_kept() {
        let documents = parse("a:\n  b: 1\n---\nc: x\n", Dialect::V3).expect("valid");
        assert_eq!(documents[0].path(&["a", "b"]).map(|n| n.meta.at.to_string()).as_deref(), Some("f.yaml:2"));
        assert_eq!(documents[1].get("c").map(|n| n.meta.at.line), Some(4));
    }

    #[test]
    fn aliases_that_multiply_are_stopped() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let refs = vec![format!("*a{}", level - 1); 10].join(", ");
            text += &format!("a{level}: &a{level} [{refs}]\n");
        }
        let budget = Budget::new(1_000_000, 1 << 20);
        let error = parse_all(text.as_bytes(), None, Dialect::V3, &budget).expect_err("too large");
        assert!(error.message.contains("bytes"), "{error}");
    }

    #[test]
    fn deep_nesting_is_stopped() {
        let error = parse(&"[".repeat(5000), Dialect::V3).expect_err("too deep");
        assert!(error.message.contains("256 levels"), "{error}");
    }
}
