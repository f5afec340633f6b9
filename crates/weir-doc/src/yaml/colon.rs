//! Colons before a bracket or comma: `{a:}`, `[b:, c]`.
//!
//! To Go's parsers such a colon is part of the text before it, to ours it is a mistake. So it is hidden behind a
//! character that the text does not have. Where it stands in quotes, a block or a comment this changes nothing.

use libyaml_safer::EventData;
use std::borrow::Cow;

/// The text with another character in the place of these colons, and which one that is.
pub(super) fn hide(text: &[u8]) -> (Cow<'_, [u8]>, Option<char>) {
    let Some(first) = (0..text.len()).find(|at| is_text(text, *at)) else { return (Cow::Borrowed(text), None) };
    let free = ('\u{e000}'..='\u{f8ff}').find(|c| !contains(text, c.encode_utf8(&mut [0; 4]).as_bytes()));
    let Some(stand_in) = free else { return (Cow::Borrowed(text), None) };
    let mut out = text[..first].to_vec();
    for at in first..text.len() {
        if is_text(text, at) {
            out.extend_from_slice(stand_in.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            out.push(text[at]);
        }
    }
    (Cow::Owned(out), Some(stand_in))
}

/// The event with the colons that were hidden.
pub(super) fn shown(mut event: EventData, stand_in: Option<char>) -> EventData {
    let Some(stand_in) = stand_in else { return event };
    let show = |text: &mut String| {
        if text.contains(stand_in) {
            *text = text.replace(stand_in, ":");
        }
    };
    match &mut event {
        EventData::Scalar { anchor, tag, value, .. } => {
            show(value);
            anchor.iter_mut().chain(tag).for_each(show);
        }
        EventData::Alias { anchor } => show(anchor),
        EventData::SequenceStart { anchor, tag, .. } | EventData::MappingStart { anchor, tag, .. } => {
            anchor.iter_mut().chain(tag).for_each(show);
        }
        _ => {}
    }
    event
}

/// Whether a colon is there that follows a text without quotes and goes before a bracket or comma.
fn is_text(text: &[u8], at: usize) -> bool {
    text[at] == b':'
        && matches!(text.get(at + 1), Some(b',' | b'[' | b']' | b'{' | b'}'))
        && at > 0
        && !matches!(text[at - 1], b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b']' | b'{' | b'}' | b'\'' | b'"')
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use crate::{Dialect, to_json, yaml::parse_first};
    use weir_base::Budget;

    /// The expectations are those of both yaml.v2 and yaml.v3.
    #[test]
    fn a_colon_before_a_bracket_is_text() {
        let cases = [
            ("{a:}", r#"{"a:":null}"#),
            ("{a: b:, c: [d:, e:], f: g:}", r#"{"a":"b:","c":["d:","e:"],"f":"g:"}"#),
            ("{\"a\":[b], 'c':{d: e}}", r#"{"a":["b"],"c":{"d":"e"}}"#),
            ("a: 'x:]'\nb: x:,y\nc: |\n  {x:}\n", r#"{"a":"x:]","b":"x:,y","c":"{x:}\n"}"#),
            ("{a: '\u{e000}', b: c:}", "{\"a\":\"\u{e000}\",\"b\":\"c:\"}"),
        ];
        for (text, expect) in cases {
            for dialect in [Dialect::Sigs, Dialect::V3] {
                let node = parse_first(text.as_bytes(), None, 0, dialect, &Budget::standard());
                let node = node.expect("valid").expect("a document");
                assert_eq!(String::from_utf8_lossy(&to_json(&node)), expect, "{text}");
            }
        }
        assert!(parse_first(b"{a:[b]}", None, 0, Dialect::V3, &Budget::standard()).is_err());
    }
}
