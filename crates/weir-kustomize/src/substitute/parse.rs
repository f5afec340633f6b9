use super::SubstituteError;
use super::eval::Operator;
use weir_base::Budget;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Call(Call),
}

/// `${name}`, or `${name OPERATOR args}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub name: String,
    pub operator: Operator,
    pub args: Vec<Part>,
    pub at: usize,
}

const BAD: &str = "bad substitution";

pub(super) fn parse(text: &str, budget: &Budget) -> Result<Vec<Part>, SubstituteError> {
    let mut scanner = Scanner { chars: text.chars().collect(), at: 0 };
    let mut parts = Vec::new();
    while scanner.peek().is_some() {
        budget.spend(1)?;
        if scanner.takes_opening() {
            parts.push(Part::Call(scanner.call(budget)?));
        } else {
            parts.push(Part::Text(scanner.text(|_| true, Escapes::Dollar)));
        }
    }
    Ok(parts)
}

/// Which characters lose a mark in front of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    /// `$$` is a dollar that opens nothing.
    Dollar,
    /// That, and `\/` and `\\`.
    All,
}

struct Scanner {
    chars: Vec<char>,
    at: usize,
}

impl Scanner {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn takes(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn takes_opening(&mut self) -> bool {
        let found = self.peek() == Some('$') && self.peek_at(1) == Some('{');
        self.at += if found { 2 } else { 0 };
        found
    }

    fn error<T>(&self, message: &'static str) -> Result<T, SubstituteError> {
        Err(SubstituteError::Syntax(message, self.at))
    }

    /// The characters that pass, up to an expression.
    fn text(&mut self, accept: impl Fn(char) -> bool, escapes: Escapes) -> String {
        let mut out = String::new();
        while let Some(c) = self.peek() {
            let next = self.peek_at(1);
            if c == '$' && next == Some('{') {
                break;
            }
            let escaped = match c {
                '$' => escapes != Escapes::None && next == Some('$'),
                '\\' => escapes == Escapes::All && matches!(next, Some('/' | '\\')),
                _ => false,
            };
            if escaped {
                // The mark goes, and what it marks is text whatever it is.
                out.extend(next);
                self.at += 2;
                continue;
            }
            if !accept(c) {
                break;
            }
            out.push(c);
            self.at += 1;
        }
        out
    }

    /// What follows `${`, with the closing brace.
    fn call(&mut self, budget: &Budget) -> Result<Call, SubstituteError> {
        let budget = &budget.deeper()?;
        let at = self.at;
        if self.peek() == Some('#') {
            self.at += 1;
            let name = self.name();
            if name.is_empty() {
                return self.error(BAD);
            }
            self.close()?;
            return Ok(Call { name, operator: Operator::Length, args: Vec::new(), at });
        }
        let name = self.name();
        if name.is_empty() {
            return self.error("unable to parse variable name");
        }
        let (operator, args) = match (self.peek(), self.peek_at(1)) {
            (Some(':'), Some('=' | '-' | '?' | '+')) => {
                self.at += 2;
                (Operator::Default, self.defaults(budget)?)
            }
            (Some('='), _) => {
                self.at += 1;
                (Operator::Default, self.defaults(budget)?)
            }
            // The original steps back too far over a character of several bytes.
            (Some(':'), Some(next)) if !next.is_ascii() => return self.error(BAD),
            (Some(':'), _) => {
                self.at += 1;
                (Operator::Substring, self.substring(budget)?)
            }
            (Some(first @ (',' | '^')), _) => (self.casing(first)?, Vec::new()),
            (Some('/'), _) => self.replacement(budget)?,
            (Some('#'), _) => {
                let operator = if self.doubled('#')? { Operator::LongestPrefix } else { Operator::ShortestPrefix };
                (operator, vec![self.param(|c| c != '}', Escapes::None, budget)?])
            }
            (Some('%'), _) => {
                let operator = if self.doubled('%')? { Operator::LongestSuffix } else { Operator::ShortestSuffix };
                (operator, vec![self.param(|c| c != '}', Escapes::None, budget)?])
            }
            (Some('}'), _) => (Operator::Value, Vec::new()),
            _ => return self.error("missing closing brace"),
        };
        self.close()?;
        Ok(Call { name, operator, args, at })
    }

    fn name(&mut self) -> String {
        self.text(|c| c.is_alphanumeric() || c == '_', Escapes::None)
    }

    fn close(&mut self) -> Result<(), SubstituteError> {
        if self.takes('}') { Ok(()) } else { self.error(BAD) }
    }

    fn doubled(&mut self, c: char) -> Result<bool, SubstituteError> {
        self.at += 1;
        Ok(self.takes(c))
    }

    /// One argument: an expression or text, never empty.
    fn param(
        &mut self,
        accept: impl Fn(char) -> bool,
        escapes: Escapes,
        budget: &Budget,
    ) -> Result<Part, SubstituteError> {
        if self.takes_opening() {
            return self.call(budget).map(Part::Call);
        }
        let text = self.text(accept, escapes);
        if text.is_empty() {
            return self.error("unable to parse substitution within function");
        }
        Ok(Part::Text(text))
    }

    /// Texts and expressions up to the closing brace; they are joined.
    fn defaults(&mut self, budget: &Budget) -> Result<Vec<Part>, SubstituteError> {
        let mut args = Vec::new();
        while self.peek() != Some('}') {
            budget.spend(1)?;
            args.push(self.param(|c| c != '}', Escapes::None, budget)?);
        }
        Ok(args)
    }

    fn substring(&mut self, budget: &Budget) -> Result<Vec<Part>, SubstituteError> {
        let mut args = vec![self.param(|c| c != ':' && c != '}', Escapes::None, budget)?];
        if self.peek() == Some('}') {
            return Ok(args);
        }
        // Any number of colons stands between offset and length.
        if self.text(|c| c == ':', Escapes::None).is_empty() {
            return self.error(BAD);
        }
        args.push(self.param(|c| c != '}', Escapes::None, budget)?);
        Ok(args)
    }

    fn casing(&mut self, first: char) -> Result<Operator, SubstituteError> {
        self.at += 1;
        let second = self.peek().filter(|c| matches!(c, ',' | '^'));
        self.at += usize::from(second.is_some());
        Ok(match (first, second) {
            (',', None) => Operator::LowerFirst,
            ('^', None) => Operator::UpperFirst,
            (',', Some(',')) => Operator::Lower,
            ('^', Some('^')) => Operator::Upper,
            // An operator that the original does not know has no effect.
            _ => Operator::Value,
        })
    }

    fn replacement(&mut self, budget: &Budget) -> Result<(Operator, Vec<Part>), SubstituteError> {
        self.at += 1;
        let operator = match self.peek() {
            Some('/') => Operator::ReplaceAll,
            Some('#') => Operator::ReplacePrefix,
            Some('%') => Operator::ReplaceSuffix,
            _ => Operator::ReplaceFirst,
        };
        self.at += usize::from(operator != Operator::ReplaceFirst);
        let mut args = vec![self.param(|c| c != '/', Escapes::All, budget)?];
        if self.text(|c| c == '/', Escapes::None).is_empty() {
            return self.error(BAD);
        }
        if self.peek() != Some('}') {
            args.push(self.param(|c| c != '}', Escapes::All, budget)?);
        }
        Ok((operator, args))
    }
}
