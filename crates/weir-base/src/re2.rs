//! RE2's regular expressions, which are Go's, for the crate regex.
//!
//! The two languages differ in details, so a pattern is translated: `\d`, `\w`, `\s` and `\b` mean
//! ASCII, brackets do not nest, what is not a repetition is text, and what RE2 lacks is refused.

/// RE2's bound for `{n,m}`, also for the product of those in one another.
const MOST_REPETITIONS: u32 = 1_000;
/// Classes of characters by name, of ASCII.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

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

/// The pattern in the syntax of the crate regex; groups lose their names and numbers.
pub fn translate(pattern: &str) -> Result<String, String> {
    let mut translation = Translation {
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

impl Translation<'_> {
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
                let text = escaped(text);
                if text.is_empty() {
                    return Ok(());
                }
                text
            }
            'p' | 'P' => self.property(c)?,
            'a' | 'f' | 't' | 'n' | 'r' | 'v' => format!("\\{c}"),
            'x' => self.hexadecimal()?,
            '0'..='7' => self.octal(c)?,
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => escaped(c.encode_utf8(&mut [0; 4])),
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

/// The text as it is.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => format!("\\x{{{:x}}}", u32::from(c)),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_translated_or_refused() {
        for (pattern, expect) in [
            ("^(?:web.*|api)$", Some("^(?:web.*|api)$")),
            (r"\d+\s\w", Some(r"[0-9]+[\t\n\f\r ][0-9A-Za-z_]")),
            (r"\Qa.b\E+", Some(r"a\x{2e}b+")),
            ("(?P<n>a)(b)", Some("(?:a)(?:b)")),
            ("a{,5}]", Some(r"a\{,5\}\]")),
            ("[[a]", Some(r"[\[a]")),
            (r"[\w-]", Some(r"[0-9A-Za-z_\-]")),
            ("a{1001}", None),
            ("(a{100}){100}", None),
            ("a**", None),
            ("(?x)a", None),
            ("(?=a)", None),
            (r"(a)\1", None),
            ("[[:no:]]", None),
            ("a)(b", None),
        ] {
            assert_eq!(translate(pattern).ok().as_deref(), expect, "{pattern}");
        }
    }
}
