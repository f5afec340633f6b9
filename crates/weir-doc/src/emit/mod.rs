//! Printing YAML as sigs.k8s.io/yaml does (yaml.v2: keys sorted, folded at 80 columns).

mod order;
mod scalar;
mod writer;

use crate::{Node, Number, Value, yaml::resolve};
pub use scalar::{is_break, is_printable};
use writer::Writer;

/// The document as sigs.k8s.io/yaml's `Marshal` prints it, with a final newline.
pub fn to_yaml(node: &Node) -> String {
    print(node, true)
}

/// The same, but with the keys in the order that the node has.
pub fn to_yaml_in_order(node: &Node) -> String {
    print(node, false)
}

fn print(node: &Node, sort: bool) -> String {
    let mut printer = Printer { out: Writer::default(), sort };
    printer.node(node, Place { indent: -1, in_mapping: false, simple_key: false });
    printer.out.finish()
}

struct Printer {
    out: Writer,
    sort: bool,
}

/// Where a node stands.
#[derive(Clone, Copy)]
struct Place {
    indent: i32,
    /// It is the value of a key: a list is not indented below it.
    in_mapping: bool,
    simple_key: bool,
}

impl Printer {
    fn node(&mut self, node: &Node, place: Place) {
        match &node.value {
            Value::Null => self.plain("null", place),
            Value::Bool(true) => self.plain("true", place),
            Value::Bool(false) => self.plain("false", place),
            Value::Number(number) => {
                let text = number_text(*number);
                self.plain(&text, place);
            }
            Value::String(text) => self.string(text, place),
            Value::Seq(items) if items.is_empty() => self.out.indicator("[]", true, false),
            Value::Seq(items) => self.sequence(items, place),
            Value::Map(map) if map.is_empty() => self.out.indicator("{}", true, false),
            Value::Map(map) => self.mapping(map, place),
        }
    }

    fn sequence(&mut self, items: &[Node], place: Place) {
        // A list that is the value of a key stands at the key's own indentation, unless the dash of
        // an outer list is on this line.
        let indent = if place.in_mapping && !self.out.indention() { place.indent } else { deeper(place.indent) };
        for item in items {
            self.out.write_indent(indent);
            self.out.indicator("-", true, true);
            self.node(item, Place { indent, in_mapping: false, simple_key: false });
        }
    }

    fn mapping(&mut self, map: &crate::Map, place: Place) {
        let indent = deeper(place.indent);
        let mut entries: Vec<(&crate::Key, &Node)> = map.iter().collect();
        if self.sort {
            order::sort(&mut entries);
        }
        for (key, value) in entries {
            self.out.write_indent(indent);
            let text = key.as_str();
            let simple = text.len() <= 128 && !text.chars().any(scalar::is_break);
            if simple {
                self.string(text, Place { indent, in_mapping: true, simple_key: true });
                self.out.indicator(":", false, false);
            } else {
                self.out.indicator("?", true, true);
                self.string(text, Place { indent, in_mapping: true, simple_key: false });
                self.out.write_indent(indent);
                self.out.indicator(":", true, true);
            }
            self.node(value, Place { indent, in_mapping: true, simple_key: false });
        }
    }

    fn plain(&mut self, text: &str, place: Place) {
        scalar::write_plain(&mut self.out, text, !place.simple_key, continuation(place.indent));
    }

    fn string(&mut self, text: &str, place: Place) {
        let indent = continuation(place.indent);
        let may_break = !place.simple_key;
        match scalar::choose(text, resolve::needs_quotes(text), place.simple_key) {
            scalar::Form::Plain => scalar::write_plain(&mut self.out, text, may_break, indent),
            scalar::Form::Single => scalar::write_single(&mut self.out, text, may_break, indent),
            scalar::Form::Double => scalar::write_double(&mut self.out, text, may_break, indent),
            scalar::Form::Literal => scalar::write_literal(&mut self.out, text, indent),
        }
    }
}

/// Where the second line of a scalar begins; that of a whole document is indented too.
fn continuation(indent: i32) -> i32 {
    indent.max(0) + 2
}

fn deeper(indent: i32) -> i32 {
    if indent < 0 { 0 } else { indent + 2 }
}

/// A number as it comes out of JSON: a whole double is an integer as long as one can hold it.
fn number_text(number: Number) -> String {
    match number {
        Number::Int(n) => n.to_string(),
        Number::Uint(n) => n.to_string(),
        Number::Float(n) if n.fract() == 0.0 && n.abs() < 1e21 => {
            let digits = n.to_string();
            let fits = digits.parse::<i64>().is_ok() || digits.parse::<u64>().is_ok();
            if fits { digits } else { go_float(n) }
        }
        Number::Float(n) => go_float(n),
    }
}

/// Go's `strconv.FormatFloat(n, 'g', -1, 64)`: with an exponent below 1e-4 and from 1e+06 up.
pub fn go_float(n: f64) -> String {
    if n.is_nan() {
        return ".nan".to_owned();
    }
    if n.is_infinite() {
        return if n > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{n:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return n.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, yaml::parse_all};
    use weir_base::Budget;

    /// The expectations were printed by sigs.k8s.io/yaml v1.6.0.
    #[test]
    fn prints_as_sigs_yaml() {
        let long = "word ".repeat(30);
        let cases = [
            ("b: 1\na: [x, {c: d, e: [f]}]\n", "a:\n- x\n- c: d\n  e:\n  - f\nb: 1\n".to_owned()),
            ("a: []\nb: {}\nc: null\nd: ''\n", "a: []\nb: {}\nc: null\nd: \"\"\n".to_owned()),
            ("- - a\n  - b\n- c\n", "- - a\n  - b\n- c\n".to_owned()),
            (
                "a: \"x\\ny\\n\"\nb: \"x\\ny\"\nc: \" x\\n\"\n",
                "a: |\n  x\n  y\nb: |-\n  x\n  y\nc: |2\n   x\n".to_owned(),
            ),
            (
                "a: 'yes'\nb: '1'\nc: '2001-01-01'\nd: a#b\ne: 'a #b'\nf: '- x'\n",
                "a: \"yes\"\nb: \"1\"\nc: \"2001-01-01\"\nd: a#b\ne: 'a #b'\nf: '- x'\n".to_owned(),
            ),
            (
                "a: \"tab\\there\"\nb: \"\\U0001F389\"\nc: \"é\"\n",
                "a: \"tab\\there\"\nb: \"\\U0001F389\"\nc: é\n".to_owned(),
            ),
            ("a: \"x\\n\\P\"\n", "a: |+\n  x\n\u{2029}".to_owned()),
            ("a10: 1\na2: 2\nA: 3\n_: 4\n", "_: 4\nA: 3\na2: 2\na10: 1\n".to_owned()),
            (
                "a: 1e21\nb: 0.5\nc: 1e-7\nd: 100000000000000000000.0\n",
                "a: 1e+21\nb: 0.5\nc: 1e-07\nd: 1e+20\n".to_owned(),
            ),
        ];
        for (source, expect) in cases {
            let documents = parse_all(source.as_bytes(), None, Dialect::V3, &Budget::standard()).expect("valid");
            assert_eq!(to_yaml(&documents[0]), expect, "{source}");
        }
        let folded = to_yaml(&Node::new(Value::Map([("a", Node::string(long.trim_end()))].into_iter().collect())));
        let width = folded.lines().map(str::len).max().unwrap_or(0);
        assert!(folded.lines().count() == 2 && width <= 85, "{folded}");
    }
}
