//! Label selectors in the syntax of Kubernetes: `a=b,c!=d,e in (f,g),!h,i`.

use crate::KustomizeError;
use crate::loader::Sited;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub(crate) struct LabelSelector(Vec<Requirement>);

#[derive(Clone, Debug)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug)]
enum Operator {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Sign(&'static str),
}

impl LabelSelector {
    pub fn parse(text: &Sited, field: &str) -> Result<Self, KustomizeError> {
        let tokens = tokens(&text.text);
        let mut parser = Parser { tokens, at: 0 };
        parser.requirements().map(Self).map_err(|why| {
            KustomizeError::field(&text.at, field, format!("'{}' is not a label selector: {why}", text.text))
        })
    }

    pub fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            let number = || value.and_then(|value| value.parse::<i64>().ok());
            match &requirement.operator {
                Operator::Exists => value.is_some(),
                Operator::Absent => value.is_none(),
                Operator::In(values) => value.is_some_and(|value| values.contains(value)),
                Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Operator::Above(limit) => number().is_some_and(|n| n > *limit),
                Operator::Below(limit) => number().is_some_and(|n| n < *limit),
            }
        })
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let sign = ["==", "!=", "=", "!", ",", "(", ")", "<", ">"].into_iter().find(|sign| rest.starts_with(sign));
        if let Some(sign) = sign {
            tokens.push(Token::Sign(if sign == "==" { "=" } else { sign }));
            rest = &rest[sign.len()..];
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "=!,()<>".contains(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    tokens
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn requirements(&mut self) -> Result<Vec<Requirement>, String> {
        let mut found = Vec::new();
        while self.peek().is_some() {
            found.push(self.requirement()?);
            match self.next() {
                None => break,
                Some(Token::Sign(",")) if self.peek().is_some() => {}
                other => return Err(format!("found {}, expected ',' and another requirement", shown(other.as_ref()))),
            }
        }
        Ok(found)
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let negated = self.peek() == Some(&Token::Sign("!"));
        if negated {
            self.at += 1;
        }
        let key = match self.next() {
            Some(Token::Word(key)) if is_key(&key) => key,
            other => return Err(format!("found {}, expected a key", shown(other.as_ref()))),
        };
        let operator = match self.peek() {
            None | Some(Token::Sign(",")) => {
                return Ok(Requirement { key, operator: if negated { Operator::Absent } else { Operator::Exists } });
            }
            Some(_) if negated => return Err(format!("found {}, expected ','", shown(self.peek()))),
            Some(operator) => operator.clone(),
        };
        self.at += 1;
        let operator = match &operator {
            Token::Sign("=") => Operator::In(vec![self.value()?]),
            Token::Sign("!=") => Operator::NotIn(vec![self.value()?]),
            Token::Sign(">") => Operator::Above(self.number()?),
            Token::Sign("<") => Operator::Below(self.number()?),
            Token::Word(word) if word == "in" => Operator::In(self.values()?),
            Token::Word(word) if word == "notin" => Operator::NotIn(self.values()?),
            other => return Err(format!("found {}, expected an operator", shown(Some(other)))),
        };
        Ok(Requirement { key, operator })
    }

    /// A value may be empty.
    fn value(&mut self) -> Result<String, String> {
        match self.peek() {
            None | Some(Token::Sign(",")) => Ok(String::new()),
            Some(Token::Word(_)) => match self.next() {
                Some(Token::Word(word)) if is_value(&word) => Ok(word),
                other => Err(format!("{} is not a label value", shown(other.as_ref()))),
            },
            other => Err(format!("found {}, expected a value", shown(other))),
        }
    }

    fn number(&mut self) -> Result<i64, String> {
        let value = self.value()?;
        value.parse().map_err(|_| format!("'{value}' is not an integer"))
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        if self.next() != Some(Token::Sign("(")) {
            return Err("expected '(' after in or notin".to_owned());
        }
        let mut values = Vec::new();
        loop {
            match self.next() {
                Some(Token::Word(word)) if is_value(&word) => {
                    values.push(word);
                    match self.next() {
                        Some(Token::Sign(",")) => {}
                        Some(Token::Sign(")")) => return Ok(values),
                        other => return Err(format!("found {}, expected ',' or ')'", shown(other.as_ref()))),
                    }
                }
                Some(Token::Sign(",")) => values.push(String::new()),
                Some(Token::Sign(")")) => {
                    values.push(String::new());
                    return Ok(values);
                }
                other => return Err(format!("found {}, expected a value", shown(other.as_ref()))),
            }
        }
    }
}

fn shown(token: Option<&Token>) -> String {
    match token {
        None => "the end".to_owned(),
        Some(Token::Word(word)) => format!("'{word}'"),
        Some(Token::Sign(sign)) => format!("'{sign}'"),
    }
}

fn is_name(text: &str, max: usize) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= max
        && ends(text.chars().next())
        && ends(text.chars().last())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_name(prefix, 253) && is_name(name, 63),
        None => is_name(text, 63),
    }
}

fn is_value(text: &str) -> bool {
    text.is_empty() || is_name(text, 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(selector: &str, labels: &[(&str, &str)]) -> Option<bool> {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let text = Sited { text: selector.to_owned(), at: Default::default() };
        LabelSelector::parse(&text, "labelSelector").ok().map(|selector| selector.fits(&labels))
    }

    #[test]
    fn selectors() {
        let labels = [("app", "web"), ("tier", "front"), ("n", "5")];
        let cases = [
            ("", Some(true)),
            ("app=web", Some(true)),
            ("app==web,tier!=back", Some(true)),
            ("app in (web, api)", Some(true)),
            ("app notin (web)", Some(false)),
            ("!missing,app", Some(true)),
            ("n>4", Some(true)),
            ("n<4", Some(false)),
            ("missing!=x", Some(true)),
            ("app=web,", None),
            ("app in web", None),
            ("=x", None),
        ];
        for (selector, expect) in cases {
            assert_eq!(fits(selector, &labels), expect, "{selector}");
        }
    }
}
