//! JSON as Go's decoder reads it and as sops prints it: keys in order, equal keys kept, what follows the object not
//! looked at.

use super::Wrong;
use crate::number;
use crate::tree::{Branch, Element, Item, Key, Value};
use std::fmt::Write;
use weir_base::Budget;
use zeroize::Zeroizing;

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
}

pub(super) fn load(text: &[u8], budget: &Budget) -> Result<Branch, Wrong> {
    let mut reader = Reader { text, at: 0, line: 1 };
    reader.space();
    if reader.peek() != Some(b'{') {
        return reader.wrong("sops knows only JSON whose top level is an object");
    }
    match reader.value(budget)? {
        Value::Map(branch) => Ok(branch),
        _ => reader.wrong("sops knows only JSON whose top level is an object"),
    }
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn wrong<T>(&self, message: &str) -> Result<T, Wrong> {
        Err(Wrong::new(self.line, message))
    }

    fn space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.line += u32::from(byte == b'\n');
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Wrong> {
        self.space();
        if self.peek() != Some(byte) {
            let found = if self.peek().is_none() { "the end of the file" } else { "something else" };
            return self.wrong(&format!("'{}' was expected, not {found}", char::from(byte)));
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, budget: &Budget) -> Result<Value, Wrong> {
        self.space();
        let line = self.line;
        let exhausted = move |why: weir_base::Exhausted| Wrong::new(line, format!("the document is too large: {why}"));
        budget.spend(1).map_err(exhausted)?;
        budget.take_bytes(64).map_err(exhausted)?;
        match self.peek() {
            Some(b'{') => self.object(&budget.deeper().map_err(exhausted)?),
            Some(b'[') => self.array(&budget.deeper().map_err(exhausted)?),
            Some(b'"') => self.string().map(Value::Str),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.wrong("a value was expected"),
            None => self.wrong("the file ends where a value was expected"),
        }
    }

    fn object(&mut self, budget: &Budget) -> Result<Value, Wrong> {
        self.at += 1;
        let mut branch = Branch::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(branch));
        }
        loop {
            self.space();
            let line = self.line;
            if self.peek() != Some(b'"') {
                return self.wrong("a key in quotes was expected");
            }
            let key = String::from_utf8_lossy(&self.string()?).into_owned();
            self.expect(b':')?;
            let value = self.value(budget)?;
            branch.push(Item { key: Key::Text(key), value, line });
            self.space();
            if self.peek() == Some(b'}') {
                self.at += 1;
                return Ok(Value::Map(branch));
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, budget: &Budget) -> Result<Value, Wrong> {
        self.at += 1;
        let mut list = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Seq(list));
        }
        loop {
            self.space();
            let line = self.line;
            list.push(Element { value: self.value(budget)?, line });
            self.space();
            if self.peek() == Some(b']') {
                self.at += 1;
                return Ok(Value::Seq(list));
            }
            self.expect(b',')?;
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Wrong> {
        if !self.text[self.at..].starts_with(word.as_bytes()) {
            return self.wrong("a value was expected");
        }
        self.at += word.len();
        Ok(value)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<Value, Wrong> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let zero = self.peek() == Some(b'0');
        let whole = self.digits();
        let mut fits = whole > 0 && !(zero && whole > 1);
        if self.peek() == Some(b'.') {
            self.at += 1;
            fits &= self.digits() > 0;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            fits &= self.digits() > 0;
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        if !fits {
            return self.wrong("a number is not in the form that JSON knows");
        }
        if let Ok(n) = text.parse() {
            return Ok(Value::Int(n));
        }
        match number::float(text) {
            Some(n) => Ok(Value::Float(n)),
            None => self.wrong("a number is too large"),
        }
    }

    fn string(&mut self) -> Result<Zeroizing<Vec<u8>>, Wrong> {
        self.at += 1;
        let rest = &self.text[self.at..];
        let mut end = 0;
        // The length first, so that the text is built in one piece.
        loop {
            match rest.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(0..=0x1F) => return self.wrong("a string holds a control character"),
                Some(_) => end += 1,
                None => return self.wrong("the file ends within a string"),
            }
        }
        let Some(raw) = rest.get(..end) else { return self.wrong("the file ends within a string") };
        self.at += end + 1;
        let mut out = Zeroizing::new(Vec::with_capacity(end * 3));
        let mut at = 0;
        while at < raw.len() {
            if raw[at] != b'\\' {
                let plain = raw[at..].iter().position(|b| *b == b'\\').unwrap_or(raw.len() - at);
                for chunk in raw[at..at + plain].utf8_chunks() {
                    out.extend_from_slice(chunk.valid().as_bytes());
                    // A byte at a time, as in Go.
                    chunk.invalid().iter().for_each(|_| out.extend_from_slice("\u{FFFD}".as_bytes()));
                }
                at += plain;
                continue;
            }
            let short = match raw[at + 1] {
                b'"' => b'"',
                b'\\' => b'\\',
                b'/' => b'/',
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => 0,
                _ => return self.wrong("a string holds an escape that JSON does not know"),
            };
            if short != 0 {
                out.push(short);
                at += 2;
                continue;
            }
            let Some(first) = unit(raw, at) else { return self.wrong("a string holds a \\u without four digits") };
            at += 6;
            let mut found = char::from_u32(first);
            if (0xD800..0xDC00).contains(&first)
                && let Some(second) = unit(raw, at).filter(|unit| (0xDC00..0xE000).contains(unit))
            {
                found = char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00));
                at += 6;
            }
            let mut room = [0; 4];
            out.extend_from_slice(found.unwrap_or('\u{FFFD}').encode_utf8(&mut room).as_bytes());
        }
        Ok(out)
    }
}

/// The four digits of `\uXXXX`.
fn unit(raw: &[u8], at: usize) -> Option<u32> {
    let digits = raw.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

/// Prints with tabs, and a line break at the end.
pub(super) fn emit(branch: &Branch, room: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut out = Zeroizing::new(String::with_capacity(room * 2));
    object(branch, 0, &mut out)?;
    out.push('\n');
    Ok(Zeroizing::new(std::mem::take(&mut *out).into_bytes()))
}

fn line(depth: usize, out: &mut String) {
    out.push('\n');
    (0..depth).for_each(|_| out.push('\t'));
}

fn object(branch: &Branch, depth: usize, out: &mut String) -> Result<(), String> {
    let mut open = false;
    for item in branch {
        let name = match &item.key {
            Key::Comment(_) => continue,
            Key::Text(name) => name,
            Key::Odd(what) => return Err(format!("a key is {what}")),
        };
        out.push(if open { ',' } else { '{' });
        open = true;
        line(depth + 1, out);
        string(name.as_bytes(), out);
        out.push_str(": ");
        value(&item.value, depth + 1, out)?;
    }
    close(open, "{}", depth, out);
    Ok(())
}

fn close(open: bool, brackets: &str, depth: usize, out: &mut String) {
    if open {
        line(depth, out);
        out.push_str(&brackets[1..]);
    } else {
        out.push_str(brackets);
    }
}

fn value(value_of: &Value, depth: usize, out: &mut String) -> Result<(), String> {
    match value_of {
        Value::Map(branch) => return object(branch, depth, out),
        Value::Seq(list) => {
            let mut open = false;
            for element in list.iter().filter(|element| !matches!(element.value, Value::Comment(_))) {
                out.push(if open { ',' } else { '[' });
                open = true;
                line(depth + 1, out);
                value(&element.value, depth + 1, out)?;
            }
            close(open, "[]", depth, out);
        }
        Value::Str(text) => string(text, out),
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(n) => out.push_str(&n.to_string()),
        Value::Uint(n) => out.push_str(&n.to_string()),
        Value::Float(n) if !n.is_finite() => return Err(format!("{} has no form in JSON", number::fixed(*n))),
        Value::Float(n) => out.push_str(&number::json(*n)),
        Value::Time(time) => string(time.nanos().as_bytes(), out),
        Value::Comment(_) => return Err("a comment stands where a value should".to_owned()),
    }
    Ok(())
}

/// As `encoding/json`, which also escapes what would end a script in HTML.
fn string(text: &[u8], out: &mut String) {
    out.push('"');
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\u{8}' => out.push_str("\\b"),
                '\u{C}' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\0'..='\u{1F}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string cannot fail");
                }
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|_| out.push_str("\\ufffd"));
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> Result<String, String> {
        let branch =
            load(text.as_bytes(), &Budget::standard()).map_err(|wrong| format!("{}: {}", wrong.line, wrong.message))?;
        Ok(String::from_utf8(emit(&branch, 64)?.to_vec()).expect("JSON is UTF-8"))
    }

    #[test]
    fn what_is_read_is_printed_as_go_does() {
        let text = r#"{"b": [1, 2.0, 1e3, -0, 12345678901234567890, []], "a": {"x": "\u00e9\ud83d\ude00<\u0001\/"}, "b": null} tail"#;
        let expected = "{\n\t\"b\": [\n\t\t1,\n\t\t2,\n\t\t1000,\n\t\t0,\n\t\t12345678901234567000,\n\t\t[]\n\t],\n\t\"a\": {\n\t\t\"x\": \"é😀\\u003c\\u0001/\"\n\t},\n\t\"b\": null\n}\n";
        assert_eq!(round(text).as_deref(), Ok(expected));
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        for (text, line) in
            [("[1]", "1"), ("{\n\"a\": }", "2"), ("{\"a\": 01}", "1"), ("{\n\n\"a\": \"x", "3"), ("{\"a\": 1", "1")]
        {
            assert!(round(text).expect_err(text).starts_with(line), "{text}");
        }
    }
}
