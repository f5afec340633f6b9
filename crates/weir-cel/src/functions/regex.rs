//! `matches`: RE2's patterns, by the crate regex, which takes time linear in the text as well.
//!
//! The two languages differ in details, so a pattern is translated: `\d`, `\w`, `\s` and `\b` mean
//! ASCII, brackets do not nest, what is not a repetition is text, and what RE2 lacks is refused.

use crate::error::Fault;
use crate::value::Value;
use regex::{Regex, RegexBuilder};
use weir_base::Budget;

/// How large a compiled pattern may be; the first size that is enough says what a match costs.
const SIZES: [usize; 5] = [16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20];
/// The same for the tables that are made while matching.
const CACHE: usize = 1 << 20;
/// RE2's bound for `{n,m}`, also for the product of those in one another.
const MOST_REPETITIONS: u32 = 1_000;
/// Classes of characters by name, of ASCII.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// Steps for a byte of text.
    weight: u64,
}

impl Pattern {
    /// Takes a step for every 16 bytes of the compiled pattern.
    pub fn new(pattern: &str, budget: &Budget) -> Result<Self, Fault> {
        let translated =
            Translation::of(pattern).map_err(|why| Fault::new(format!("'{pattern}' is no pattern: {why}")))?;
        for size in SIZES {
            budget.spend(size as u64 / 16)?;
            match RegexBuilder::new(&translated).size_limit(size).dfa_size_limit(CACHE).nest_limit(100).build() {
                Ok(regex) => return Ok(Self { regex, weight: size as u64 / (4 << 10) }),
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(error) => return Err(Fault::new(format!("'{pattern}' is no pattern: {error}"))),
            }
        }
        Err(Fault::new(format!("'{pattern}' is too large a pattern")))
    }

    fn is_match(&self, text: &str, budget: &Budget) -> Result<bool, Fault> {
        budget.spend((text.len() as u64 + 1).saturating_mul(self.weight))?;
        Ok(self.regex.is_match(text))
    }
}

pub(super) fn matches<'v>(
    args: &[Value<'v>],
    pattern: Option<&Pattern>,
    budget: &Budget,
) -> Result<Option<Value<'v>>, Fault> {
    let [Value::String(text), Value::String(given)] = args else { return Ok(None) };
    let found = match pattern {
        Some(pattern) => pattern.is_match(text, budget)?,
        None => Pattern::new(given, budget)?.is_match(text, budget)?,
    };
    Ok(Some(Value::Bool(found)))
}

/// From RE2's syntax to that of the crate.
struct Translation<'p> {
    rest: &'p str,
    made: String,
    /// Whether a repetition may follow, and what the last piece was.
    last: Last,
    /// How often the last piece repeats what is deepest in it.
    repeated: u32,
    /// The same for the groups that are open, and outside of all.
    groups: Vec<u32>,
    outermost: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing to repeat.
    Nothing,
    Piece,
    /// A repetition, which may be made lazy and not be repeated.
    Repetition,
}

impl<'p> Translation<'p> {
    fn of(pattern: &'p str) -> Result<String, String> {
        let mut translation = Self {
            rest: pattern,
            made: String::with_capacity(pattern.len()),
            last: Last::Nothing,
            repeated: 1,
            groups: Vec::new(),
            outermost: 1,
        };
        while let Some(c) = translation.take() {
            translation.piece(c)?;
        }
        Ok(translation.made)
    }

    fn take(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn put(&mut self, text: &str) {
        self.made.push_str(text);
        self.last = Last::Piece;
        self.repeated = 1;
    }

    fn piece(&mut self, c: char) -> Result<(), String> {
        match c {
            '\\' => self.escape(false),
            '[' => self.class(),
            '(' => self.group(),
            ')' => self.close(),
            '|' => {
                self.made.push('|');
                self.last = Last::Nothing;
                Ok(())
            }
            '*' | '+' | '?' => self.repeat(&c.to_string()),
            '{' => match self.bounds()? {
                Some((bounds, most)) => {
                    if most >= 2 {
                        self.repeated = self.repeated.saturating_mul(most);
                        if self.repeated > MOST_REPETITIONS {
                            return Err(format!("{bounds} repeats what is repeated already"));
                        }
                        self.count();
                    }
                    self.repeat(&bounds)
                }
                None => {
                    self.put("\\{");
                    Ok(())
                }
            },
            // Text in RE2, special in the crate when it stands alone.
            '}' | ']' => {
                self.put(&format!("\\{c}"));
                Ok(())
            }
            c => {
                self.put(c.encode_utf8(&mut [0; 4]));
                Ok(())
            }
        }
    }

    fn repeat(&mut self, operator: &str) -> Result<(), String> {
        match self.last {
            Last::Nothing => return Err(format!("there is nothing for {operator} to repeat")),
            Last::Repetition => return Err(format!("{operator} repeats a repetition")),
            Last::Piece => {}
        }
        self.made.push_str(operator);
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
            self.made.push('?');
        }
        self.last = Last::Repetition;
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}` after the brace; anything else is text.
    fn bounds(&mut self) -> Result<Option<(String, u32)>, String> {
        let Some((inner, rest)) = self.rest.split_once('}') else { return Ok(None) };
        let (least, most) = inner
            .split_once(',')
            .map_or((inner, Some(inner)), |(least, most)| (least, (!most.is_empty()).then_some(most)));
        let is_number = |text: &str| {
            !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'))
        };
        if !is_number(least) || most.is_some_and(|most| !is_number(most)) {
            return Ok(None);
        }
        let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
        let (low, high) = (number(least), most.map(number));
        if low > MOST_REPETITIONS || high.is_some_and(|high| high > MOST_REPETITIONS || high < low) {
            return Err(format!("{{{inner}}} is no repetition"));
        }
        self.rest = rest;
        Ok(Some((format!("{{{inner}}}"), high.unwrap_or(low))))
    }

    fn group(&mut self) -> Result<(), String> {
        if let Some(rest) = self.rest.strip_prefix('?') {
            let name = rest.strip_prefix("P<").or_else(|| rest.strip_prefix('<'));
            if let Some((name, after)) = name.and_then(|name| name.split_once('>')) {
                let is_name = |c: char| c == '_' || c.is_alphanumeric();
                if name.is_empty() || !name.chars().all(is_name) {
                    return Err(format!("'{name}' is no name of a group"));
                }
                self.rest = after;
            } else {
                let end = rest.find([':', ')']).ok_or("a group has no end")?;
                let flags = &rest[..end];
                let is_flags = flags.chars().all(|c| "imsU-".contains(c)) && flags.matches('-').count() < 2;
                if !is_flags || flags.ends_with('-') {
                    return Err(format!("(?{flags} begins no group"));
                }
                self.rest = &rest[end + 1..];
                let is_group = rest[end..].starts_with(':');
                if is_group {
                    self.open(&format!("(?{flags}:"));
                } else if !flags.is_empty() {
                    self.made.push_str(&format!("(?{flags})"));
                }
                self.last = Last::Nothing;
                return Ok(());
            }
        }
        // Nobody asks for a group by its name or number.
        self.open("(?:");
        Ok(())
    }

    fn open(&mut self, begin: &str) {
        self.made.push_str(begin);
        self.groups.push(1);
        self.last = Last::Nothing;
    }

    fn close(&mut self) -> Result<(), String> {
        self.repeated = self.groups.pop().ok_or("a ) closes no group")?;
        self.made.push(')');
        self.last = Last::Piece;
        self.count();
        Ok(())
    }

    /// Notes how often the last piece is repeated in the group around it.
    fn count(&mut self) {
        let within = self.groups.last_mut().unwrap_or(&mut self.outermost);
        *within = self.repeated.max(*within);
    }

    /// After a backslash. In a class, sets are written without brackets of their own.
    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let c = self.take().ok_or("a \\ ends the pattern")?;
        let set = |set: &str| if in_class { set.to_owned() } else { format!("[{set}]") };
        let made = match c {
            'd' => set("0-9"),
            'w' => set("0-9A-Za-z_"),
            's' => set("\\t\\n\\f\\r "),
            'D' => "[^0-9]".to_owned(),
            'W' => "[^0-9A-Za-z_]".to_owned(),
            'S' => "[^\\t\\n\\f\\r ]".to_owned(),
            'b' if !in_class => "(?-u:\\b)".to_owned(),
            // The crate has the ASCII one for bytes only.
            'B' if !in_class => "\\B".to_owned(),
            'A' | 'z' if !in_class => format!("\\{c}"),
            'Q' if !in_class => {
                let (text, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.rest = rest;
                let text = regex::escape(text);
                if text.is_empty() {
                    return Ok(());
                }
                text
            }
            'p' | 'P' => self.property(c)?,
            'a' | 'f' | 't' | 'n' | 'r' | 'v' => format!("\\{c}"),
            'x' => self.hexadecimal()?,
            '0'..='7' => self.octal(c)?,
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => format!("\\x{{{:x}}}", u32::from(c)),
            c => return Err(format!("\\{c} is no escape")),
        };
        self.put(&made);
        Ok(())
    }

    fn property(&mut self, letter: char) -> Result<String, String> {
        if let Some((name, rest)) = self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            self.rest = rest;
            let (letter, name) = match (letter, name.strip_prefix('^')) {
                ('p', Some(name)) => ('P', name),
                (_, Some(name)) => ('p', name),
                (letter, None) => (letter, name),
            };
            if name.is_empty() || !name.chars().all(|c| c == '_' || c.is_ascii_alphabetic()) {
                return Err(format!("'{name}' is no class of characters"));
            }
            return Ok(format!("\\{letter}{{{name}}}"));
        }
        let name = self.take().filter(char::is_ascii_alphabetic).ok_or("\\p has no name")?;
        Ok(format!("\\{letter}{name}"))
    }

    fn hexadecimal(&mut self) -> Result<String, String> {
        let digits = match self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((digits, rest)) => {
                self.rest = rest;
                digits
            }
            None => {
                let digits = self.rest.get(..2).ok_or("\\x has no digits")?;
                self.rest = &self.rest[2..];
                digits
            }
        };
        let is_code = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_hexdigit());
        if is_code { Ok(format!("\\x{{{digits}}}")) } else { Err(format!("\\x{digits} is no character")) }
    }

    /// `\0`, or a digit from 1 on with another one after it: `\1` alone would refer to a group.
    fn octal(&mut self, first: char) -> Result<String, String> {
        let digit = |c: char| c.to_digit(8);
        if first != '0' && !self.rest.starts_with(|c| digit(c).is_some()) {
            return Err(format!("\\{first} would refer to a group"));
        }
        let mut code = digit(first).unwrap_or_default();
        for _ in 0..2 {
            let Some(next) = self.rest.chars().next().and_then(digit) else { break };
            self.take();
            code = code * 8 + next;
        }
        Ok(format!("\\x{{{code:x}}}"))
    }

    /// After an opening bracket.
    fn class(&mut self) -> Result<(), String> {
        self.made.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.made.push('^');
        }
        let mut is_first = true;
        loop {
            let named = self.rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]"));
            if let Some((name, rest)) = named {
                if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                    return Err(format!("[:{name}:] is no class of characters"));
                }
                self.made.push_str(&format!("[:{name}:]"));
                self.rest = rest;
                is_first = false;
                continue;
            }
            match self.take().ok_or("a [ has no end")? {
                ']' if !is_first => break,
                '\\' => self.escape(true)?,
                // A range needs its minus; everything else that the crate may read as an operator is text.
                '-' if !is_first && !self.rest.starts_with(']') && !self.rest.starts_with('-') => self.made.push('-'),
                c if "[]&~-^".contains(c) => self.made.push_str(&format!("\\{c}")),
                c => self.made.push(c),
            }
            is_first = false;
        }
        self.put("]");
        Ok(())
    }
}
