//! What a request asks for: its path, its query, the forms it accepts.

pub(crate) mod body;
mod negotiate;
mod path;
mod protobuf;
mod query;
pub(crate) mod selector;

pub(crate) use negotiate::{Accept, Form, Format, negotiate};
pub(crate) use path::{RequestInfo, Target, parse};
pub(crate) use query::{FieldValidation, Query};

/// Decodes `%XX`; `+` stands for a space in a query only.
pub(crate) fn percent_decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
        match bytes[at] {
            b'%' => match (hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
                (Some(high), Some(low)) => {
                    out.push((high * 16 + low) as u8);
                    at += 2;
                }
                _ => out.push(b'%'),
            },
            b'+' if plus => out.push(b' '),
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
