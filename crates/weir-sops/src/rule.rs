//! Which values are encrypted.

use crate::tree::Text;
use regex::bytes::{Regex, RegexBuilder};

/// The one rule that a file may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// All but what lies below a key that ends so; what applies unless another is given, with `_unencrypted`.
    UnencryptedSuffix(String),
    EncryptedSuffix(String),
    UnencryptedRegex(String),
    EncryptedRegex(String),
    UnencryptedCommentRegex(String),
    EncryptedCommentRegex(String),
}

impl Default for Rule {
    fn default() -> Self {
        Rule::UnencryptedSuffix("_unencrypted".to_owned())
    }
}

impl Rule {
    /// The name of the field in the metadata, and its value.
    pub fn field(&self) -> (&'static str, &str) {
        match self {
            Rule::UnencryptedSuffix(text) => ("unencrypted_suffix", text),
            Rule::EncryptedSuffix(text) => ("encrypted_suffix", text),
            Rule::UnencryptedRegex(text) => ("unencrypted_regex", text),
            Rule::EncryptedRegex(text) => ("encrypted_regex", text),
            Rule::UnencryptedCommentRegex(text) => ("unencrypted_comment_regex", text),
            Rule::EncryptedCommentRegex(text) => ("encrypted_comment_regex", text),
        }
    }

    pub(crate) fn of_field(name: &str, text: &str) -> Option<Self> {
        let text = text.to_owned();
        Some(match name {
            "unencrypted_suffix" => Rule::UnencryptedSuffix(text),
            "encrypted_suffix" => Rule::EncryptedSuffix(text),
            "unencrypted_regex" => Rule::UnencryptedRegex(text),
            "encrypted_regex" => Rule::EncryptedRegex(text),
            "unencrypted_comment_regex" => Rule::UnencryptedCommentRegex(text),
            "encrypted_comment_regex" => Rule::EncryptedCommentRegex(text),
            _ => return None,
        })
    }

    pub(crate) const FIELDS: [&'static str; 6] = [
        "unencrypted_suffix",
        "encrypted_suffix",
        "unencrypted_regex",
        "encrypted_regex",
        "unencrypted_comment_regex",
        "encrypted_comment_regex",
    ];
}

/// A rule with its expression compiled. One that cannot be matches nothing, as in the original.
pub(crate) struct Matcher {
    rule: Rule,
    regex: Option<Regex>,
}

impl Matcher {
    pub fn new(rule: &Rule) -> Self {
        let regex = match rule {
            Rule::UnencryptedSuffix(_) | Rule::EncryptedSuffix(_) => None,
            _ => compile(rule.field().1),
        };
        Self { rule: rule.clone(), regex }
    }

    pub fn is_broken(&self) -> bool {
        self.regex.is_none() && !matches!(self.rule, Rule::UnencryptedSuffix(_) | Rule::EncryptedSuffix(_))
    }

    pub fn matches(&self, text: &[u8]) -> bool {
        self.regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }

    /// Whether an encrypted comment would switch encryption off when it is read again.
    pub fn takes_comment(&self, sealed: &str) -> bool {
        matches!(self.rule, Rule::UnencryptedCommentRegex(_)) && self.matches(sealed.as_bytes())
    }

    /// Whether what lies at `path`, below the comments that are active at each level, is encrypted.
    pub fn encrypts(&self, path: &[String], comments: &[Vec<Text>], is_comment: bool) -> bool {
        match &self.rule {
            Rule::UnencryptedSuffix(suffix) => suffix.is_empty() || !path.iter().any(|key| key.ends_with(suffix)),
            Rule::EncryptedSuffix(suffix) => path.iter().any(|key| key.ends_with(suffix)),
            Rule::UnencryptedRegex(_) => !path.iter().any(|key| self.matches(key.as_bytes())),
            Rule::EncryptedRegex(_) => path.iter().any(|key| self.matches(key.as_bytes())),
            Rule::UnencryptedCommentRegex(_) => !comments.iter().flatten().any(|comment| self.matches(comment)),
            Rule::EncryptedCommentRegex(_) => comments.iter().enumerate().any(|(level, active)| {
                let last = is_comment && level + 1 == comments.len();
                // The comment that matches stays readable itself; one below it does not.
                let count = if last { active.len().saturating_sub(1) } else { active.len() };
                active.iter().take(count).any(|comment| self.matches(comment))
            }),
        }
    }
}

/// Go's classes are of ASCII; the rest of RE2's syntax is the same here as far as keys need it.
pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    let mut ascii = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        if c != '\\' {
            in_class = match c {
                '[' => true,
                ']' => false,
                _ => in_class,
            };
            ascii.push(c);
            continue;
        }
        let Some(next) = chars.next() else {
            ascii.push(c);
            break;
        };
        let (inside, outside) = match next {
            'd' => ("0-9", "[0-9]"),
            'w' => ("0-9A-Za-z_", "[0-9A-Za-z_]"),
            's' => (r"\t\n\f\r ", r"[\t\n\f\r ]"),
            'D' => (r"\D", "[^0-9]"),
            'W' => (r"\W", "[^0-9A-Za-z_]"),
            'S' => (r"\S", r"[^\t\n\f\r ]"),
            'b' => (r"\b", r"(?-u:\b)"),
            'B' => (r"\B", r"(?-u:\B)"),
            _ => {
                ascii.push(c);
                ascii.push(next);
                continue;
            }
        };
        ascii.push_str(if in_class { inside } else { outside });
    }
    RegexBuilder::new(&ascii).size_limit(1 << 20).dfa_size_limit(1 << 20).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_anywhere_above_decides() {
        let path = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let decide = |rule: Rule, keys: &[&str]| Matcher::new(&rule).encrypts(&path(keys), &[], false);
        assert!(!decide(Rule::default(), &["a_unencrypted", "b"]) && decide(Rule::default(), &["a", "b"]));
        assert!(decide(Rule::EncryptedRegex("^(data|stringData)$".into()), &["data", "x"]));
        assert!(!decide(Rule::EncryptedRegex("^(data|stringData)$".into()), &["metadata", "x"]));
        assert!(!decide(Rule::EncryptedRegex("(".into()), &["("]), "what cannot be read matches nothing");
    }

    #[test]
    fn classes_are_of_ascii() {
        let regex = compile(r"^\d+[\w]\b").expect("valid");
        assert!(regex.is_match(b"12a") && !regex.is_match("١a".as_bytes()));
    }
}
