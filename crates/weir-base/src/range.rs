//! Version constraints as Masterminds/semver reads them, which Flux's ranges are written in.
//!
//! They differ from Cargo's and npm's: terms are joined by spaces or commas, `1.2` means `1.2.x`,
//! a missing part widens each operator in its own way, and pre-releases take part in a group of
//! terms only if one of its terms names one.

use semver::{Prerelease, Version};

/// Longest constraint, and most groups of it, as in the original.
const LENGTH_LIMIT: usize = 512;
const GROUP_LIMIT: usize = 32;

/// A constraint: any of its groups, each all of its terms.
#[derive(Clone, Debug)]
pub struct Range(Vec<Group>);

#[derive(Clone, Debug)]
struct Group {
    terms: Vec<Term>,
    admits_pre: bool,
}

#[derive(Clone, Debug)]
struct Term {
    operator: Operator,
    version: Version,
    given: Given,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

/// How much of a version was written; what was not is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Nothing,
    Major,
    Minor,
    All,
}

/// Longest first, so that none hides another.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterEqual),
    ("=>", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("=<", Operator::LessEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

impl Range {
    /// The error says where reading stopped.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LENGTH_LIMIT {
            return Err(format!("it is longer than {LENGTH_LIMIT} bytes"));
        }
        if text.split("||").count() > GROUP_LIMIT {
            return Err(format!("it has more than {GROUP_LIMIT} groups"));
        }
        text.split("||").map(group).collect::<Result<_, _>>().map(Self)
    }

    pub fn admits(&self, version: &Version) -> bool {
        self.0.iter().any(|group| {
            (group.admits_pre || version.pre.is_empty()) && group.terms.iter().all(|term| term.admits(version))
        })
    }
}

/// A tag as a version: an optional `v`, then all three numbers, which may begin with zeros.
pub fn version_of(tag: &str) -> Option<Version> {
    let text = tag.strip_prefix('v').unwrap_or(tag);
    let (core, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let trimmed = core.split('.').map(|number| match number.trim_start_matches('0') {
        "" if !number.is_empty() => "0",
        trimmed => trimmed,
    });
    let core = trimmed.collect::<Vec<_>>().join(".");
    Version::parse(&format!("{core}{rest}")).ok()
}

impl Term {
    fn admits(&self, v: &Version) -> bool {
        let c = &self.version;
        let at_least = !v.cmp_precedence(c).is_lt();
        let same_major = v.major == c.major;
        let same_minor = v.minor == c.minor;
        match (self.operator, self.given) {
            (Operator::Equal, Given::All) => v.cmp_precedence(c).is_eq(),
            (Operator::NotEqual, Given::All) => v.cmp_precedence(c).is_ne(),
            (Operator::NotEqual, Given::Nothing) => !(same_major && same_minor && v.patch == c.patch),
            (Operator::NotEqual, Given::Major) => !same_major,
            (Operator::NotEqual, Given::Minor) => !(same_major && same_minor) || v.pre != c.pre,
            (Operator::Greater, Given::All | Given::Nothing) => v.cmp_precedence(c).is_gt(),
            (Operator::Greater, Given::Major) => v.major > c.major,
            (Operator::Greater, Given::Minor) => (v.major, v.minor) > (c.major, c.minor),
            (Operator::Less, _) => v.cmp_precedence(c).is_lt(),
            (Operator::GreaterEqual, _) => at_least,
            (Operator::LessEqual, Given::All) => v.cmp_precedence(c).is_le(),
            (Operator::LessEqual, Given::Major) => v.major <= c.major,
            (Operator::LessEqual, _) => (v.major, v.minor) <= (c.major, c.minor),
            (Operator::Equal | Operator::Tilde, Given::Major) => at_least && same_major,
            (Operator::Equal | Operator::Tilde, Given::Minor) => at_least && same_major && same_minor,
            (Operator::Equal | Operator::Tilde, _) => {
                // `~0.0.0` and `*` take everything.
                let is_zero = (c.major, c.minor, c.patch) == (0, 0, 0);
                at_least && (is_zero || (same_major && same_minor))
            }
            (Operator::Caret, given) => at_least && self.is_compatible(v, given),
        }
    }

    /// The leftmost number that is not zero stays.
    fn is_compatible(&self, v: &Version, given: Given) -> bool {
        let c = &self.version;
        if c.major > 0 || given == Given::Major {
            return v.major == c.major;
        }
        if c.minor > 0 || given == Given::Minor {
            return (v.major, v.minor) == (c.major, c.minor);
        }
        (v.major, v.minor, v.patch) == (c.major, c.minor, c.patch)
    }
}

fn group(text: &str) -> Result<Group, String> {
    let mut rest = text.trim_start();
    let mut terms = Vec::new();
    // The original rewrites `a - b` as text, so a term right before it runs into it.
    let mut may_span = true;
    loop {
        let (operator, after) = operator(rest);
        let (low, after) = term(operator.unwrap_or(Operator::Equal), after.trim_start())?;
        terms.push(low);
        let span = operator.is_none().then(|| hyphen(after)).flatten().filter(|_| may_span);
        rest = match span {
            Some(high) => {
                let (high, after) = term(Operator::LessEqual, high)?;
                if let Some(low) = terms.last_mut() {
                    low.operator = Operator::GreaterEqual;
                }
                terms.push(high);
                after
            }
            None => after,
        };
        let trimmed = rest.trim_start();
        if trimmed.is_empty() {
            break;
        }
        may_span = span.is_some();
        let separated = trimmed.len() < rest.len() || span.is_some();
        rest = match trimmed.strip_prefix(',') {
            Some(next) => {
                may_span = true;
                next.trim_start()
            }
            None if separated => trimmed,
            None => return Err(format!("'{trimmed}' is not understood")),
        };
    }
    let admits_pre = terms.iter().any(|term| !term.version.pre.is_empty());
    Ok(Group { terms, admits_pre })
}

/// What follows a hyphen between spaces.
fn hyphen(text: &str) -> Option<&str> {
    let spaced = text.trim_start();
    let after = spaced.strip_prefix('-')?;
    let high = after.trim_start();
    (spaced.len() < text.len() && high.len() < after.len()).then_some(high)
}

fn operator(text: &str) -> (Option<Operator>, &str) {
    for (sign, operator) in OPERATORS {
        if let Some(rest) = text.strip_prefix(sign) {
            return (Some(operator), rest);
        }
    }
    (None, text)
}

fn term(operator: Operator, text: &str) -> Result<(Term, &str), String> {
    let is_core = |c: char| c.is_ascii_digit() || matches!(c, 'x' | 'X' | '*' | '.');
    let is_label = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let unprefixed = text.strip_prefix('v').unwrap_or(text);
    let (core, mut rest) = split(unprefixed, is_core);
    let mut pre = "";
    if let Some(after) = rest.strip_prefix('-') {
        (pre, rest) = split(after, is_label);
        if pre.is_empty() {
            return Err(format!("'{text}' has an empty pre-release"));
        }
    }
    if let Some(after) = rest.strip_prefix('+') {
        let build;
        (build, rest) = split(after, is_label);
        if build.split('.').any(str::is_empty) {
            return Err(format!("'{text}' has an empty build"));
        }
    }
    let wrong = || format!("'{text}' is not a version");
    let parts: Vec<&str> = core.split('.').collect();
    if parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
        return Err(wrong());
    }
    let is_free = |part: &&str| matches!(*part, "x" | "X" | "*");
    let fixed = parts.iter().position(is_free).unwrap_or(parts.len());
    let number = |at: usize| if at < fixed { parts[at].parse::<u64>().map_err(|_| wrong()) } else { Ok(0) };
    let version =
        Version { pre: Prerelease::new(pre).map_err(|_| wrong())?, ..Version::new(number(0)?, number(1)?, number(2)?) };
    let given = [Given::Nothing, Given::Major, Given::Minor, Given::All][fixed];
    Ok((Term { operator, version, given }, rest))
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Masterminds/semver says, one constraint a line.
    const GOLDEN: &str = include_str!("../testdata/ranges.txt");

    #[test]
    fn ranges_mean_what_they_mean_in_the_original() {
        let mut lines = GOLDEN.lines().filter(|line| !line.starts_with('#'));
        let versions = lines.next().and_then(|line| line.strip_prefix("versions: ")).expect("the versions");
        let versions: Vec<(&str, Version)> =
            versions.split(' ').filter_map(|tag| Some((tag, version_of(tag)?))).collect();
        let mut wrong = Vec::new();
        let mut seen = 0;
        for line in lines {
            let (range, expected) = line.split_once(" => ").expect("a constraint and what it takes");
            let found = match Range::parse(range) {
                Err(_) => "error".to_owned(),
                Ok(range) => {
                    let taken = versions.iter().filter(|(_, version)| range.admits(version));
                    taken.map(|(tag, _)| *tag).collect::<Vec<_>>().join(" ")
                }
            };
            seen += 1;
            if found != expected {
                wrong.push(format!("{range}\n  expected {expected}\n  found    {found}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(seen > 140);
    }

    #[test]
    fn a_constraint_is_bounded() {
        assert!(Range::parse(&"1 ".repeat(257)).expect_err("too long").contains("512 bytes"));
        assert!(Range::parse(&["1"; 33].join("||")).expect_err("too many").contains("32 groups"));
        assert!(Range::parse(&["1"; 32].join("||")).is_ok());
    }

    #[test]
    fn what_is_wrong_is_quoted() {
        assert_eq!(Range::parse("latest").expect_err("no version"), "'latest' is not a version");
        assert_eq!(Range::parse("1.2 ; 3").expect_err("no separator"), "'; 3' is not a version");
    }
}
