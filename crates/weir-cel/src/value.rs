use crate::error::Fault;
use crate::number;
use crate::time::Timestamp;
use indexmap::IndexMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use weir_doc::{Node, Number};

/// What an expression evaluates to. Parts of the variables are borrowed, whatever their size.
#[derive(Clone, Debug)]
pub enum Value<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Str<'v>),
    Bytes(Arc<[u8]>),
    List(List<'v>),
    Map(Map<'v>),
    Timestamp(Timestamp),
    /// In nanoseconds.
    Duration(i64),
    Type(Type),
    Optional(Option<Arc<Value<'v>>>),
}

/// What `type()` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    List,
    Map,
    Timestamp,
    Duration,
    Type,
    Optional,
}

impl Type {
    const ALL: [Type; 13] = [
        Type::Null,
        Type::Bool,
        Type::Int,
        Type::Uint,
        Type::Double,
        Type::String,
        Type::Bytes,
        Type::List,
        Type::Map,
        Type::Timestamp,
        Type::Duration,
        Type::Type,
        Type::Optional,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Type::Null => "null_type",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint => "uint",
            Type::Double => "double",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::List => "list",
            Type::Map => "map",
            Type::Timestamp => "google.protobuf.Timestamp",
            Type::Duration => "google.protobuf.Duration",
            Type::Type => "type",
            Type::Optional => "optional_type",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// Text of a variable, of the expression, or made by it.
#[derive(Clone, Debug)]
pub enum Str<'v> {
    Borrowed(&'v str),
    Shared(Arc<str>),
}

impl Deref for Str<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Str::Borrowed(text) => text,
            Str::Shared(text) => text,
        }
    }
}

#[derive(Clone, Debug)]
pub enum List<'v> {
    Nodes(&'v [Node]),
    Values(Arc<[Value<'v>]>),
}

impl<'v> List<'v> {
    pub fn len(&self) -> usize {
        match self {
            List::Nodes(nodes) => nodes.len(),
            List::Values(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, index: usize) -> Option<Value<'v>> {
        match self {
            List::Nodes(nodes) => nodes.get(index).map(Value::of),
            List::Values(values) => values.get(index).cloned(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Value<'v>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

#[derive(Clone, Debug)]
pub enum Map<'v> {
    Node(&'v weir_doc::Map),
    Values(Arc<IndexMap<Key<'v>, Value<'v>>>),
}

impl<'v> Map<'v> {
    pub fn len(&self) -> usize {
        match self {
            Map::Node(map) => map.len(),
            Map::Values(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key. Numbers find an equal number of another type, but for doubles among the keys.
    pub fn find(&self, key: &Value<'v>) -> Option<Value<'v>> {
        match self {
            Map::Node(map) => match key {
                Value::String(text) => map.get(text).map(Value::of),
                _ => None,
            },
            Map::Values(values) => {
                let get = |key: Key<'v>| values.get(&key).cloned();
                let found = Key::of(key).ok().and_then(get);
                found.or_else(|| match key {
                    Value::Double(key) => number::to_int_exactly(*key)
                        .and_then(|key| get(Key::Int(key)))
                        .or_else(|| number::to_uint_exactly(*key).and_then(|key| get(Key::Uint(key)))),
                    Value::Int(key) => u64::try_from(*key).ok().and_then(|key| get(Key::Uint(key))),
                    Value::Uint(key) => i64::try_from(*key).ok().and_then(|key| get(Key::Int(key))),
                    _ => None,
                })
            }
        }
    }

    /// In the order of the document or the literal; cel-go has none.
    pub fn entries(&self) -> Vec<(Value<'v>, Value<'v>)> {
        match self {
            Map::Node(map) => {
                map.iter().map(|(key, value)| (Value::String(Str::Borrowed(key.as_str())), Value::of(value))).collect()
            }
            Map::Values(values) => values.iter().map(|(key, value)| (key.value(), value.clone())).collect(),
        }
    }
}

/// A key of a map that an expression made. Numbers of different types are different keys.
#[derive(Clone, Debug)]
pub enum Key<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Str<'v>),
    Timestamp(Timestamp),
    Duration(i64),
    Type(Type),
}

impl<'v> Key<'v> {
    pub(crate) fn of(value: &Value<'v>) -> Result<Self, Fault> {
        Ok(match value {
            Value::Null => Key::Null,
            Value::Bool(value) => Key::Bool(*value),
            Value::Int(value) => Key::Int(*value),
            Value::Uint(value) => Key::Uint(*value),
            Value::Double(value) => Key::Double(*value),
            Value::String(value) => Key::String(value.clone()),
            Value::Timestamp(value) => Key::Timestamp(*value),
            Value::Duration(value) => Key::Duration(*value),
            Value::Type(value) => Key::Type(*value),
            Value::Bytes(_) | Value::List(_) | Value::Map(_) | Value::Optional(_) => {
                return Err(Fault::new(format!("a value of type {} is no key of a map", value.kind().name())));
            }
        })
    }

    fn value(&self) -> Value<'v> {
        match self {
            Key::Null => Value::Null,
            Key::Bool(value) => Value::Bool(*value),
            Key::Int(value) => Value::Int(*value),
            Key::Uint(value) => Value::Uint(*value),
            Key::Double(value) => Value::Double(*value),
            Key::String(value) => Value::String(value.clone()),
            Key::Timestamp(value) => Value::Timestamp(*value),
            Key::Duration(value) => Value::Duration(*value),
            Key::Type(value) => Value::Type(*value),
        }
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Key::Null, Key::Null) => true,
            (Key::Bool(one), Key::Bool(other)) => one == other,
            (Key::Int(one), Key::Int(other)) | (Key::Duration(one), Key::Duration(other)) => one == other,
            (Key::Uint(one), Key::Uint(other)) => one == other,
            (Key::Double(one), Key::Double(other)) => one == other,
            (Key::String(one), Key::String(other)) => **one == **other,
            (Key::Timestamp(one), Key::Timestamp(other)) => one.is_same(other),
            (Key::Type(one), Key::Type(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Key<'_> {}

impl std::hash::Hash for Key<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Key::Null => {}
            Key::Bool(value) => value.hash(state),
            Key::Int(value) | Key::Duration(value) => value.hash(state),
            Key::Uint(value) => value.hash(state),
            // Both zeros are one key.
            Key::Double(value) => (value + 0.0).to_bits().hash(state),
            Key::String(value) => value.hash(state),
            Key::Timestamp(value) => value.seconds.hash(state),
            Key::Type(value) => value.hash(state),
        }
    }
}

impl<'v> Value<'v> {
    /// A part of a document, numbers as Kubernetes has them: int if they fit, else double.
    pub fn of(node: &'v Node) -> Self {
        match &node.value {
            weir_doc::Value::Null => Value::Null,
            weir_doc::Value::Bool(value) => Value::Bool(*value),
            weir_doc::Value::Number(Number::Int(value)) => Value::Int(*value),
            weir_doc::Value::Number(number) => Value::Double(number.as_f64()),
            weir_doc::Value::String(text) => Value::String(Str::Borrowed(text)),
            weir_doc::Value::Seq(items) => Value::List(List::Nodes(items)),
            weir_doc::Value::Map(map) => Value::Map(Map::Node(map)),
        }
    }

    pub fn kind(&self) -> Type {
        match self {
            Value::Null => Type::Null,
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int,
            Value::Uint(_) => Type::Uint,
            Value::Double(_) => Type::Double,
            Value::String(_) => Type::String,
            Value::Bytes(_) => Type::Bytes,
            Value::List(_) => Type::List,
            Value::Map(_) => Type::Map,
            Value::Timestamp(_) => Type::Timestamp,
            Value::Duration(_) => Type::Duration,
            Value::Type(_) => Type::Type,
            Value::Optional(_) => Type::Optional,
        }
    }

    pub(crate) fn text(text: impl Into<Arc<str>>) -> Self {
        Value::String(Str::Shared(text.into()))
    }

    pub(crate) fn list(values: Vec<Value<'v>>) -> Self {
        Value::List(List::Values(values.into()))
    }

    pub(crate) fn some(value: Value<'v>) -> Self {
        Value::Optional(Some(Arc::new(value)))
    }

    /// What cel-go makes of a value that passes through a variable or a branch of `?:`: an optional in an optional is
    /// one, and a type in an optional is its name.
    pub(crate) fn settled(self) -> Self {
        match self {
            Value::Optional(Some(inner)) if matches!(*inner, Value::Optional(_) | Value::Type(_)) => {
                Value::some(inner.unwrapped())
            }
            other => other,
        }
    }

    /// What is in all the optionals.
    pub(crate) fn unwrapped(&self) -> Self {
        match self {
            Value::Optional(Some(inner)) => inner.unwrapped(),
            Value::Optional(None) => Value::Null,
            Value::Type(named) => Value::text(named.name()),
            other => other.clone(),
        }
    }

    /// Whether it is the value that a field has when nothing set it.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Int(value) | Value::Duration(value) => *value == 0,
            Value::Uint(value) => *value == 0,
            Value::Double(value) => *value == 0.0,
            Value::String(text) => text.is_empty(),
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::List(list) => list.is_empty(),
            Value::Map(map) => map.is_empty(),
            Value::Timestamp(time) => time.is_first(),
            Value::Type(_) | Value::Optional(_) => false,
        }
    }
}

/// As CEL would write it, so that types can be told apart: `2u`, `1.0`, `b"\001"`.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Uint(value) => write!(f, "{value}u"),
            Value::Double(value) if value.is_finite() => {
                let text = value.to_string();
                write!(f, "{text}{}", if text.contains('.') { "" } else { ".0" })
            }
            Value::Double(value) => write!(f, "double(\"{}\")", number::plain(*value)),
            Value::String(text) => quoted(text, f),
            Value::Bytes(bytes) => {
                f.write_str("b\"")?;
                bytes.iter().try_for_each(|byte| write!(f, "\\{byte:03o}"))?;
                f.write_str("\"")
            }
            Value::List(list) => {
                f.write_str("[")?;
                for (at, value) in list.iter().enumerate() {
                    write!(f, "{}{value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Value::Map(map) => {
                let mut entries: Vec<(String, String)> =
                    map.entries().iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
                entries.sort();
                f.write_str("{")?;
                for (at, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Value::Timestamp(time) => write!(f, "timestamp(\"{}\")", time.in_utc()),
            Value::Duration(nanos) => write!(f, "duration(\"{}\")", number::seconds(*nanos)),
            Value::Type(kind) => f.write_str(kind.name()),
            Value::Optional(Some(value)) => write!(f, "optional.of({value})"),
            Value::Optional(None) => f.write_str("optional.none()"),
        }
    }
}

/// As JSON has it.
fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\u{8}' => f.write_str("\\b")?,
            '\u{c}' => f.write_str("\\f")?,
            c if c < ' ' || matches!(c, '\u{2028}' | '\u{2029}') => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}
