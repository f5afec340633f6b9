//! The dialect that sops reads and prints: go.yaml.in/yaml/v3, comments included.
//!
//! weir-doc drops comments, and prints as Kubernetes does; sops keeps comments, encrypts them, and prints as yaml.v3
//! does. So the tokens, events and nodes here follow that library step by step, since where a comment belongs is
//! decided by the order in which it looks at things.

mod comments;
mod compose;
mod emit;
mod parse;
mod resolve;
mod scalars;
mod scan;
mod store;
mod tags;
mod write;

pub(crate) use store::{branches, emit};

/// A position in the text; all three count from zero, index and column in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub index: i64,
    pub line: i64,
    pub column: i64,
}

/// Why a text is not YAML; the line counts from one.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub line: u32,
    pub message: String,
}

impl Fault {
    pub(crate) fn new(line: i64, message: impl Into<String>) -> Self {
        Self { line: u32::try_from(line + 1).unwrap_or(0), message: message.into() }
    }
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    #[default]
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
    Folded,
}

/// What can stand in the tree of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Scalar,
    Sequence,
    Mapping,
    Alias,
    Document,
}

/// A node with its comments, as yaml.v3 has it. A mapping's content is key, value, key, value...
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub kind: Kind,
    /// The short tag (`!!str`); empty for one that is to be resolved.
    pub tag: String,
    pub value: zeroize::Zeroizing<String>,
    pub style: Style,
    /// The tag was written in the text.
    pub tagged: bool,
    pub line: u32,
    pub head: String,
    pub line_comment: String,
    pub foot: String,
    pub content: Vec<Node>,
}

pub(crate) fn is_break(bytes: &[u8], at: usize) -> bool {
    let byte = |k: usize| bytes.get(at + k).copied().unwrap_or(0);
    match byte(0) {
        b'\r' | b'\n' => true,
        0xC2 => byte(1) == 0x85,
        0xE2 => byte(1) == 0x80 && matches!(byte(2), 0xA8 | 0xA9),
        _ => false,
    }
}

pub(crate) fn is_blank(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at), Some(b' ' | b'\t'))
}

pub(crate) fn is_z(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at), None | Some(0))
}

pub(crate) fn is_blankz(bytes: &[u8], at: usize) -> bool {
    is_blank(bytes, at) || is_break(bytes, at) || is_z(bytes, at)
}

pub(crate) fn is_alpha(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Length of the character that begins with a byte.
pub(crate) fn width(byte: u8) -> usize {
    match byte {
        0x00..=0x7F => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        _ => 4,
    }
}
