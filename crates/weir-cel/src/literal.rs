//! Strings and bytes between quotes: prefixes, raw and triple-quoted forms, escapes.

/// What a literal begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted {
    pub is_bytes: bool,
    pub is_raw: bool,
    prefix: usize,
    quote: char,
}

impl Quoted {
    /// `"`, `'`, with `b`, `r` or `br` before it.
    pub fn begins(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut taken = |one: [char; 2]| {
            let left = rest.strip_prefix(one);
            rest = left.unwrap_or(rest);
            left.is_some()
        };
        let is_bytes = taken(['b', 'B']);
        let is_raw = taken(['r', 'R']);
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        Some(Self { is_bytes, is_raw, prefix: text.len() - rest.len(), quote })
    }

    /// What stands between the quotes, and the length of the whole literal.
    pub fn body<'t>(&self, text: &'t str) -> Result<(&'t str, usize), String> {
        let triple: String = std::iter::repeat_n(self.quote, 3).collect();
        let begin = &text[self.prefix..];
        if let Some(inner) = begin.strip_prefix(&triple)
            && let Some(length) = self.end(inner, &triple)
        {
            return Ok((&inner[..length], self.prefix + 3 + length + 3));
        }
        let inner = &begin[1..];
        let single = self.quote.to_string();
        let length = self.end(inner, &single).ok_or("the string has no end")?;
        if inner[..length].contains(['\n', '\r']) {
            return Err("the string has no end on its line; use three quotes for several lines".to_owned());
        }
        Ok((&inner[..length], self.prefix + 1 + length + 1))
    }

    fn end(&self, inner: &str, quotes: &str) -> Option<usize> {
        let mut at = 0;
        while !inner.get(at..)?.starts_with(quotes) {
            let c = inner[at..].chars().next()?;
            at += c.len_utf8();
            if c == '\\' && !self.is_raw {
                at += inner[at..].chars().next()?.len_utf8();
            }
        }
        Some(at)
    }
}

pub(crate) fn string(body: &str, is_raw: bool) -> Result<String, String> {
    let body = one_newline(body);
    if is_raw || !body.contains('\\') {
        return Ok(body);
    }
    let mut text = String::with_capacity(body.len());
    unescape(&body, false, |unit| match unit {
        Unit::Char(c) => text.push(c),
        Unit::Byte(byte) => text.push(char::from(byte)),
    })?;
    Ok(text)
}

pub(crate) fn bytes(body: &str, is_raw: bool) -> Result<Vec<u8>, String> {
    let body = one_newline(body);
    if is_raw || !body.contains('\\') {
        return Ok(body.into_bytes());
    }
    let mut bytes = Vec::with_capacity(body.len());
    unescape(&body, true, |unit| match unit {
        Unit::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        Unit::Byte(byte) => bytes.push(byte),
    })?;
    Ok(bytes)
}

fn one_newline(body: &str) -> String {
    if body.contains('\r') { body.replace("\r\n", "\n").replace('\r', "\n") } else { body.to_owned() }
}

enum Unit {
    Char(char),
    /// Given by its number in a bytes literal.
    Byte(u8),
}

fn unescape(body: &str, is_bytes: bool, mut put: impl FnMut(Unit)) -> Result<(), String> {
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            put(Unit::Char(c));
            continue;
        }
        let escape = chars.next().ok_or("a \\ ends the string")?;
        let wrong = || format!("\\{escape} is not an escape sequence");
        let mut code = |first: u32, digits: usize, radix: u32| {
            (0..digits).try_fold(first, |code, _| {
                let digit = chars.next().and_then(|c| c.to_digit(radix)).ok_or_else(wrong)?;
                Ok::<_, String>(code * radix + digit)
            })
        };
        let number = match escape {
            'a' => 0x07,
            'b' => 0x08,
            'f' => 0x0c,
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            'v' => 0x0b,
            '\\' | '\'' | '"' | '`' | '?' => u32::from(escape),
            'x' | 'X' => code(0, 2, 16)?,
            'u' if !is_bytes => code(0, 4, 16)?,
            'U' if !is_bytes => code(0, 8, 16)?,
            '0'..='3' => code(u32::from(escape) - u32::from('0'), 2, 8)?,
            _ => return Err(wrong()),
        };
        match (is_bytes, u8::try_from(number), char::from_u32(number)) {
            (true, Ok(byte), _) => put(Unit::Byte(byte)),
            (false, _, Some(c)) => put(Unit::Char(c)),
            _ => return Err(format!("\\{escape} names no character")),
        }
    }
    Ok(())
}
