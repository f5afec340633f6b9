//! A small writer of block YAML for JSON values, made for stable generated files.

use serde_json::Value;

/// Words that some YAML reader takes for a boolean or null.
const RESERVED: &[&str] = &["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

/// The value as a YAML document: sorted keys, lists at the indent of their key, no folded lines.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut out),
        Value::Array(items) if !items.is_empty() => block(value, 0, &mut out),
        _ => {
            out.push_str(&inline(value));
            out.push('\n');
        }
    }
    out
}

/// Writes a non-empty map or list; the cursor is at the start of a line or behind a list dash.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 || !out.ends_with("- ") {
                    pad(indent, out);
                }
                out.push_str(&string(key));
                out.push(':');
                let child = &map[key];
                if is_block(child) {
                    out.push('\n');
                    block(child, if child.is_array() { indent } else { indent + 2 }, out);
                } else {
                    out.push(' ');
                    out.push_str(&inline(child));
                    out.push('\n');
                }
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                if i > 0 || !out.ends_with("- ") {
                    pad(indent, out);
                }
                out.push_str("- ");
                if is_block(item) {
                    block(item, indent + 2, out);
                } else {
                    out.push_str(&inline(item));
                    out.push('\n');
                }
            }
        }
        _ => {}
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => string(text),
        Value::Array(_) => "[]".into(),
        Value::Object(_) => "{}".into(),
    }
}

/// Plain where every YAML reader agrees on the meaning, else in double quotes.
fn string(text: &str) -> String {
    if is_plain(text) { text.to_string() } else { quoted(text) }
}

fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str())
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            _ if u32::from(c) <= 0xff => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            _ if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strings_are_plain_only_when_safe() {
        for plain in
            ["string", "int64", "source.toolkit.fluxcd.io/v1", "date-time", "x-kubernetes-validations", "v1beta2"]
        {
            assert_eq!(string(plain), plain);
        }
        for (text, expect) in [
            ("", r#""""#),
            ("True", r#""True""#),
            ("off", r#""off""#),
            ("1", r#""1""#),
            ("10m", r#""10m""#),
            ("*", r#""*""#),
            ("- a: b # c", r#""- a: b # c""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\nb\tc\rd", r#""a\nb\tc\rd""#),
            ("\u{7}\u{85}\u{2028}\u{1f600}", r#""\x07\x85\u2028\U0001f600""#),
        ] {
            assert_eq!(string(text), expect);
        }
    }

    #[test]
    fn blocks() {
        let value = json!({
            "b": [{ "y": 1, "x": [[1, [2]], []] }, "s", {}, [{ "k": "v" }]],
            "a": { "n": null, "t": true, "f": -1.5, "e": {} },
        });
        let expect = "\
a:
  e: {}
  f: -1.5
  \"n\": null
  t: true
b:
- x:
  - - 1
    - - 2
  - []
  \"y\": 1
- s
- {}
- - k: v
";
        assert_eq!(write(&value), expect);
        assert_eq!(write(&json!({})), "{}\n");
        assert_eq!(write(&json!("a b")), "\"a b\"\n");
    }
}
