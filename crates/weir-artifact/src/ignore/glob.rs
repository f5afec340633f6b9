//! Go's `filepath.Match` for one segment of a path.

/// A pattern for a name without `/`.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    /// None: the pattern is malformed and matches nothing.
    tokens: Option<Vec<Token>>,
}

#[derive(Clone, Debug)]
enum Token {
    /// `*`: any number of characters.
    Any,
    /// `?`
    One,
    Char(char),
    /// `[a-z]` and `[^a-z]`.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    pub fn new(pattern: &str) -> Self {
        Self { tokens: tokens(pattern) }
    }

    pub fn matches(&self, name: &str) -> bool {
        let Some(tokens) = &self.tokens else { return false };
        let name: Vec<char> = name.chars().collect();
        let (mut token, mut at) = (0, 0);
        // Where the last star stands, and up to where it has eaten.
        let mut star: Option<(usize, usize)> = None;
        while at < name.len() || token < tokens.len() {
            match tokens.get(token) {
                Some(Token::Any) => {
                    star = Some((token, at));
                    token += 1;
                    continue;
                }
                Some(one) if name.get(at).is_some_and(|c| one.takes(*c)) => {
                    token += 1;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            match star {
                Some((place, eaten)) if eaten < name.len() => {
                    star = Some((place, eaten + 1));
                    token = place + 1;
                    at = eaten + 1;
                }
                _ => return false,
            }
        }
        true
    }
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Token::Any => false,
            Token::One => true,
            Token::Char(own) => *own == c,
            Token::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut rest = pattern.chars();
    let mut tokens = Vec::new();
    while let Some(c) = rest.next() {
        tokens.push(match c {
            '*' if matches!(tokens.last(), Some(Token::Any)) => continue,
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => Token::Char(rest.next()?),
            '[' => {
                let negated = rest.as_str().starts_with('^');
                if negated {
                    rest.next();
                }
                let mut ranges = Vec::new();
                while !rest.as_str().starts_with(']') || ranges.is_empty() {
                    let low = bound(&mut rest)?;
                    let high = if rest.as_str().starts_with('-') {
                        rest.next();
                        bound(&mut rest)?
                    } else {
                        low
                    };
                    ranges.push((low, high));
                }
                rest.next();
                Token::Class { negated, ranges }
            }
            c => Token::Char(c),
        });
    }
    Some(tokens)
}

/// One end of a range; a class has to be closed after it.
fn bound(rest: &mut std::str::Chars<'_>) -> Option<char> {
    let c = match rest.next()? {
        '-' | ']' => return None,
        '\\' => rest.next()?,
        c => c,
    };
    (!rest.as_str().is_empty()).then_some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_go() {
        let cases = [
            ("abc", "abc", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*b*d", "aXbYbZd", true),
            ("a*b*d", "aXbYbZ", false),
            ("?", "", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[!a]", "!", true),
            ("[a", "a", false),
            ("[]a]", "]", false),
            ("[-]", "-", false),
            ("[\\-x]", "-", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a\\", "a\\", false),
            ("ä?", "äö", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Glob::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }
}
