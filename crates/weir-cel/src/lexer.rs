//! Text to tokens, as cel-go's grammar has them.

use crate::literal::{self, Quoted};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A name; also a reserved word, which may be the name of a field.
    Ident(Box<str>),
    /// Between backticks.
    Escaped,
    /// Digits without a sign, which the parser has to see first; decimal or `0x`.
    Int(Box<str>),
    Uint(Box<str>),
    Double(Box<str>),
    String(Box<str>),
    Bytes(Vec<u8>),
    True,
    False,
    Null,
    In,
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// A token, and where it begins and ends.
#[derive(Clone, Debug)]
pub(crate) struct Lexeme {
    pub token: Token,
    pub at: usize,
    pub end: usize,
}

/// Where the text is not CEL, and what is wrong there.
pub(crate) type Mistake = (usize, String);

/// The longer ones first.
const SIGNS: [&str; 24] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":", "+", "*",
    "/", "%",
];

pub(crate) fn tokens(text: &str) -> Result<Vec<Lexeme>, Mistake> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if matches!(first, ' ' | '\t' | '\r' | '\n' | '\u{c}') {
            at += 1;
            continue;
        }
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let (token, length) = if let Some(quoted) = Quoted::begins(rest) {
            string(rest, &quoted).map_err(|message| (at, message))?
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            number(rest)
        } else if first == '_' || first.is_ascii_alphabetic() {
            word(rest)
        } else if first == '`' {
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-/ ".contains(c);
            let length = rest[1..].find(|c| !is_name(c)).filter(|length| *length > 0);
            match length.filter(|length| rest[1 + length..].starts_with('`')) {
                Some(length) => (Token::Escaped, length + 2),
                None => return Err((at, "a ` begins no name".to_owned())),
            }
        } else {
            match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                None => return Err((at, format!("unexpected character {first:?}"))),
                Some(sign) => (Token::Sign(sign), sign.len()),
            }
        };
        tokens.push(Lexeme { token, at, end: at + length });
        at += length;
    }
    tokens.push(Lexeme { token: Token::End, at, end: at });
    Ok(tokens)
}

fn string(text: &str, quoted: &Quoted) -> Result<(Token, usize), String> {
    let (body, length) = quoted.body(text)?;
    let token = if quoted.is_bytes {
        Token::Bytes(literal::bytes(body, quoted.is_raw)?)
    } else {
        Token::String(literal::string(body, quoted.is_raw)?.into())
    };
    Ok((token, length))
}

/// The longest number that the text begins with.
fn number(text: &str) -> (Token, usize) {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    if let Some(hex) = text.strip_prefix("0x") {
        let length = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
        if length > 0 {
            return whole(text, 2 + length);
        }
    }
    let mut length = digits(0);
    let mut is_double = false;
    if text[length..].starts_with('.') {
        let fraction = digits(length + 1);
        if fraction > 0 {
            length += 1 + fraction;
            is_double = true;
        }
    }
    if text[length..].starts_with(['e', 'E']) {
        let sign = usize::from(text[length + 1..].starts_with(['+', '-']));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
            is_double = true;
        }
    }
    if is_double { (Token::Double(text[..length].into()), length) } else { whole(text, length) }
}

fn whole(text: &str, length: usize) -> (Token, usize) {
    let digits = text[..length].into();
    if text[length..].starts_with(['u', 'U']) {
        (Token::Uint(digits), length + 1)
    } else {
        (Token::Int(digits), length)
    }
}

fn word(text: &str) -> (Token, usize) {
    let length = text.bytes().take_while(|c| *c == b'_' || c.is_ascii_alphanumeric()).count();
    let token = match &text[..length] {
        "true" => Token::True,
        "false" => Token::False,
        "null" => Token::Null,
        "in" => Token::In,
        name => Token::Ident(name.into()),
    };
    (token, length)
}
