//! Documents that can be made smaller piece by piece, and how they are written.

#[derive(Clone, Debug, PartialEq)]
pub enum Yaml {
    Map(Vec<(String, Yaml)>),
    List(Vec<Yaml>),
    Scalar(Style, String),
    /// In brackets, with all that is in it.
    Flow(Box<Yaml>),
    /// A text that holds documents.
    Text(Vec<Yaml>),
    /// A whole file as it is.
    Raw(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Style {
    /// The text as it is.
    Plain,
    Single,
    Double,
    Literal,
    Folded,
}

pub fn plain(text: impl Into<String>) -> Yaml {
    Yaml::Scalar(Style::Plain, text.into())
}

pub fn quoted(text: impl Into<String>) -> Yaml {
    Yaml::Scalar(Style::Double, text.into())
}

pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Yaml)>) -> Yaml {
    Yaml::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

pub fn list(items: impl IntoIterator<Item = Yaml>) -> Yaml {
    Yaml::List(items.into_iter().collect())
}

impl Yaml {
    pub fn set(&mut self, key: &str, value: Yaml) {
        match self {
            Yaml::Map(entries) => entries.push((key.to_owned(), value)),
            Yaml::Flow(inner) => inner.set(key, value),
            _ => {}
        }
    }

    pub fn get(&self, key: &str) -> Option<&Yaml> {
        match self {
            Yaml::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            Yaml::Flow(inner) => inner.get(key),
            _ => None,
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Yaml::Scalar(_, text) => text,
            _ => "",
        }
    }

    /// The document with a final line break.
    pub fn print(&self) -> String {
        if let Yaml::Raw(text) = self {
            return text.clone();
        }
        let mut out = String::new();
        self.block(0, &mut out);
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out.trim_start_matches('\n').to_owned()
    }

    /// What follows `key:` or `-`, with the space or line break before it.
    fn block(&self, indent: usize, out: &mut String) {
        match self {
            Yaml::Map(entries) if entries.is_empty() => out.push_str(" {}"),
            Yaml::List(items) if items.is_empty() => out.push_str(" []"),
            Yaml::Map(entries) => {
                for (key, value) in entries {
                    line(indent, out);
                    out.push_str(&format!("{}:", key_text(key)));
                    value.block(indent + 2, out);
                }
            }
            Yaml::List(items) => {
                for item in items {
                    line(indent, out);
                    out.push('-');
                    item.block(indent + 2, out);
                }
            }
            Yaml::Scalar(Style::Literal, text) => block_text('|', text, indent, out),
            Yaml::Scalar(Style::Folded, text) => block_text('>', text, indent, out),
            Yaml::Text(documents) => block_text('|', &print_all(documents), indent, out),
            _ => {
                out.push(' ');
                self.flow(out);
            }
        }
    }

    fn flow(&self, out: &mut String) {
        match self {
            Yaml::Map(entries) => {
                out.push('{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    out.push_str(&format!("{}: ", key_text(key)));
                    value.flow(out);
                }
                out.push('}');
            }
            Yaml::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    item.flow(out);
                }
                out.push(']');
            }
            Yaml::Flow(inner) => inner.flow(out),
            Yaml::Scalar(Style::Plain, text) | Yaml::Raw(text) => out.push_str(text),
            Yaml::Scalar(Style::Single, text) => out.push_str(&format!("'{}'", text.replace('\'', "''"))),
            Yaml::Scalar(_, text) => out.push_str(&double(text)),
            Yaml::Text(documents) => out.push_str(&double(&print_all(documents))),
        }
    }
}

pub fn print_all(documents: &[Yaml]) -> String {
    documents.iter().map(Yaml::print).collect::<Vec<_>>().join("---\n")
}

fn line(indent: usize, out: &mut String) {
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&" ".repeat(indent));
}

fn key_text(key: &str) -> String {
    let simple = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-' | '$');
    if !key.is_empty() && key.chars().all(simple) && !key.starts_with('-') { key.to_owned() } else { double(key) }
}

fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{feff}' => out.push_str("\\ufeff"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn block_text(sign: char, text: &str, indent: usize, out: &mut String) {
    let usable = text.chars().all(|c| c == '\n' || (' '..'\u{7f}').contains(&c) || c > '\u{2029}');
    if !usable || text.trim().is_empty() {
        out.push(' ');
        out.push_str(&double(text));
        return;
    }
    let indent = indent.max(2);
    out.push_str(&format!(" {sign}"));
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    let ends = text.len() - text.trim_end_matches('\n').len();
    out.push_str(match ends {
        0 => "-",
        1 => "",
        _ => "+",
    });
    for part in text.trim_end_matches('\n').split('\n') {
        out.push('\n');
        if !part.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(part);
        }
    }
    for _ in 1..ends {
        out.push('\n');
    }
    if ends > 1 {
        out.push('\n');
    }
}
