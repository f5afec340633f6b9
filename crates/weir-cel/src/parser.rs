//! Tokens to a tree, by the grammar of cel-go with optional syntax.
//!
//! What is refused here would be refused by Flux before it evaluates anything: text outside the
//! grammar, macros with wrong arguments, functions that no number of such arguments can be given to.

use crate::ast::{Binary, Element, Entry, Expr, Fold, How, Kind, MAX_HEIGHT, OptMap, What};
use crate::error::{CelError, Position};
use crate::functions::{self, Arity, Function};
use crate::lexer::{self, Lexeme, Mistake, Token};

/// In characters, as cel-go's.
const MAX_LENGTH: usize = 100_000;

/// Words that are no names of variables or functions.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// How tightly `||` binds; the levels above it are `&&`, relations, sums and products.
const OR: u8 = 0;

pub(crate) fn parse(text: &str) -> Result<Expr, CelError> {
    let syntax = |(at, message): Mistake| CelError::Syntax { at: Position::of(text, at), message };
    let length = text.chars().count();
    if length > MAX_LENGTH {
        return Err(syntax((0, format!("the expression has {length} characters, {MAX_LENGTH} are allowed"))));
    }
    let tokens = lexer::tokens(text).map_err(syntax)?;
    let mut parser = Parser { text, tokens, next: 0, ids: 0, depth: 0, unplanned: None };
    let expr = parser.expr().map_err(syntax)?;
    match &parser.peek().token {
        Token::End => {}
        _ => return Err(syntax(parser.unexpected("the end"))),
    }
    match parser.unplanned {
        Some((at, message)) => Err(CelError::Plan { at: Position::of(text, at), message }),
        None => Ok(expr),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Lexeme>,
    next: usize,
    ids: u32,
    /// Of [`Parser::expr`] within itself.
    depth: u16,
    /// The first call that can never be made; the rest is read first, for a syntax error weighs more.
    unplanned: Option<Mistake>,
}

impl Parser<'_> {
    fn peek(&self) -> &Lexeme {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn advance(&mut self) -> usize {
        let at = self.peek().at;
        self.next += 1;
        at
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek().token, Token::Sign(found) if found == sign)
    }

    fn take(&mut self, sign: &str) -> Option<usize> {
        self.is(sign).then(|| self.advance())
    }

    fn expect(&mut self, sign: &str) -> Result<usize, Mistake> {
        self.take(sign).ok_or_else(|| self.unexpected(&format!("'{sign}'")))
    }

    fn unexpected(&self, wanted: &str) -> Mistake {
        let found = self.peek();
        let shown = match found.token {
            Token::End => "the end".to_owned(),
            _ => format!("'{}'", &self.text[found.at..found.end]),
        };
        (found.at, format!("expected {wanted}, found {shown}"))
    }

    fn node(&mut self, at: usize, kind: Kind) -> Result<Expr, Mistake> {
        self.ids += 1;
        let mut expr = Expr { kind, at: u32::try_from(at).unwrap_or(u32::MAX), id: self.ids, height: 0 };
        let height = expr.children().iter().map(|child| child.height).max().map_or(1, |height| height + 1);
        if height > MAX_HEIGHT {
            return Err(too_deep(at));
        }
        expr.height = height;
        Ok(expr)
    }

    fn expr(&mut self) -> Result<Expr, Mistake> {
        self.depth += 1;
        if self.depth > MAX_HEIGHT {
            return Err(too_deep(self.peek().at));
        }
        let mut expr = self.binary(OR)?;
        if let Some(at) = self.take("?") {
            let yes = self.binary(OR)?;
            self.expect(":")?;
            let no = self.expr()?;
            expr = self.node(at, Kind::Conditional(Box::new([expr, yes, no])))?;
        }
        self.depth -= 1;
        Ok(expr)
    }

    /// Operators that bind at least as tightly as `level`.
    fn binary(&mut self, level: u8) -> Result<Expr, Mistake> {
        let mut left = self.unary()?;
        while let Some((operator, binds)) = self.operator().filter(|(_, binds)| *binds >= level) {
            let at = self.advance();
            let right = self.binary(binds + 1)?;
            left = match (operator, left) {
                (Operator::Binary(operator), left) => self.node(at, Kind::Binary(operator, Box::new([left, right])))?,
                (Operator::And, Expr { kind: Kind::And(mut terms), .. }) => {
                    terms.push(right);
                    self.node(at, Kind::And(terms))?
                }
                (Operator::Or, Expr { kind: Kind::Or(mut terms), .. }) => {
                    terms.push(right);
                    self.node(at, Kind::Or(terms))?
                }
                (Operator::And, left) => self.node(at, Kind::And(vec![left, right]))?,
                (Operator::Or, left) => self.node(at, Kind::Or(vec![left, right]))?,
            };
        }
        Ok(left)
    }

    fn operator(&self) -> Option<(Operator, u8)> {
        let sign = match self.peek().token {
            Token::In => return Some((Operator::Binary(Binary::In), 2)),
            Token::Sign(sign) => sign,
            _ => return None,
        };
        let (operator, level) = match sign {
            "||" => return Some((Operator::Or, OR)),
            "&&" => return Some((Operator::And, 1)),
            "==" => (Binary::Equal, 2),
            "!=" => (Binary::NotEqual, 2),
            "<" => (Binary::Less, 2),
            "<=" => (Binary::LessEqual, 2),
            ">" => (Binary::Greater, 2),
            ">=" => (Binary::GreaterEqual, 2),
            "+" => (Binary::Add, 3),
            "-" => (Binary::Subtract, 3),
            "*" => (Binary::Multiply, 4),
            "/" => (Binary::Divide, 4),
            "%" => (Binary::Modulo, 4),
            _ => return None,
        };
        Some((Operator::Binary(operator), level))
    }

    fn unary(&mut self) -> Result<Expr, Mistake> {
        let at = self.peek().at;
        let sign = if self.is("!") { "!" } else { "-" };
        let mut count = 0;
        while self.is(sign) {
            // A single minus before digits belongs to the number.
            if sign == "-" && count == 0 && self.is_number(1) {
                break;
            }
            self.advance();
            count += 1;
        }
        let operand = self.member()?;
        match (sign, count % 2) {
            ("!", 1) => self.node(at, Kind::Not(Box::new(operand))),
            ("-", 1) => self.node(at, Kind::Negate(Box::new(operand))),
            _ => Ok(operand),
        }
    }

    fn is_number(&self, ahead: usize) -> bool {
        matches!(self.tokens.get(self.next + ahead), Some(Lexeme { token: Token::Int(_) | Token::Double(_), .. }))
    }

    fn member(&mut self) -> Result<Expr, Mistake> {
        let is_bare = !self.is("(");
        let mut operand = self.primary()?;
        loop {
            if let Some(at) = self.take(".") {
                let is_optional = self.take("?").is_some();
                let name = self.name("the name of a field")?;
                if !is_optional && let Some(at) = self.take("(") {
                    let args = self.arguments()?;
                    operand = self.member_call(at, &name, operand, args)?;
                    continue;
                }
                let how = if is_optional { How::Optional } else { How::Value };
                operand = self.node(at, Kind::Select { operand: Box::new(operand), field: name, how })?;
            } else if let Some(at) = self.take("[") {
                let is_optional = self.take("?").is_some();
                let index = self.expr()?;
                self.expect("]")?;
                let kind = Kind::Index { operand: Box::new(operand), index: Box::new(index), is_optional };
                operand = self.node(at, kind)?;
            } else if is_bare && self.is("{") && operand.qualified_name().is_some() {
                operand = self.message()?;
            } else {
                return Ok(operand);
            }
        }
    }

    fn name(&mut self, wanted: &str) -> Result<Box<str>, Mistake> {
        let name = match &self.peek().token {
            Token::Ident(name) => name.clone(),
            Token::Escaped => return Err((self.peek().at, "names between backticks are not supported".to_owned())),
            _ => return Err(self.unexpected(wanted)),
        };
        self.advance();
        Ok(name)
    }

    fn primary(&mut self) -> Result<Expr, Mistake> {
        let Lexeme { token, at, .. } = self.peek().clone();
        let kind = match token {
            Token::Sign("(") => {
                self.advance();
                let expr = self.expr()?;
                self.expect(")")?;
                return Ok(expr);
            }
            Token::Sign("[") => return self.list(),
            Token::Sign("{") => return self.map(),
            Token::Sign(".") => {
                self.advance();
                return self.global(at, ".");
            }
            Token::Sign("-") if self.is_number(1) => {
                self.advance();
                let literal = number(&self.peek().token, "-").map_err(|message| (at, message))?;
                self.advance();
                return self.node(at, literal);
            }
            Token::Ident(_) => return self.global(at, ""),
            Token::Int(_) | Token::Uint(_) | Token::Double(_) => number(&token, "").map_err(|message| (at, message))?,
            Token::String(text) => Kind::String(text),
            Token::Bytes(bytes) => Kind::Bytes(bytes.into()),
            Token::True => Kind::Bool(true),
            Token::False => Kind::Bool(false),
            Token::Null => Kind::Null,
            Token::In | Token::Escaped | Token::End | Token::Sign(_) => return Err(self.unexpected("a value")),
        };
        self.advance();
        self.node(at, kind)
    }

    /// A variable, or a function that is called by its name alone.
    fn global(&mut self, at: usize, dot: &str) -> Result<Expr, Mistake> {
        let name = self.name("a name")?;
        if RESERVED.contains(&&*name) {
            return Err((at, format!("'{name}' is a reserved word")));
        }
        let Some(open) = self.take("(") else {
            return self.node(at, Kind::Ident(format!("{dot}{name}").into()));
        };
        let mut args = self.arguments()?;
        if dot.is_empty() && &*name == "has" && args.len() == 1 {
            return match args.remove(0) {
                Expr { kind: Kind::Select { operand, field, how: How::Value }, at, .. } => {
                    self.node(at as usize, Kind::Select { operand, field, how: How::Presence })
                }
                other => Err((other.at as usize, "has() takes the selection of a field, such as has(a.b)".to_owned())),
            };
        }
        self.call(open, &name, args, false)
    }

    fn member_call(&mut self, at: usize, name: &str, target: Expr, mut args: Vec<Expr>) -> Result<Expr, Mistake> {
        let what = match (name, args.len()) {
            ("all", 2) => What::All,
            ("exists", 2) => What::Exists,
            ("exists_one", 2) => What::ExistsOne,
            ("map", 2 | 3) => What::Map,
            ("filter", 2) => What::Filter,
            ("optMap" | "optFlatMap", 2) => {
                let (body, variable) = (args.remove(1), variable(&args[0])?);
                let map = OptMap { target, variable, body, is_flat: name == "optFlatMap" };
                return self.node(at, Kind::OptMap(Box::new(map)));
            }
            _ => {
                if let Some(prefix) = target.qualified_name() {
                    let full = format!("{}.{name}", prefix.trim_start_matches('.'));
                    if functions::find(&full).is_some() {
                        return self.call(at, &full, args, false);
                    }
                }
                args.insert(0, target);
                return self.call(at, name, args, true);
            }
        };
        let variable = variable(&args[0])?;
        if matches!(&*variable, "__result__" | "@result") {
            return Err((args[0].at as usize, "this name is taken by the result of the macro".to_owned()));
        }
        let filter = (args.len() == 3).then(|| args.remove(1));
        let body = args.remove(1);
        self.node(at, Kind::Fold(Box::new(Fold { what, range: target, variable, filter, body })))
    }

    fn call(&mut self, at: usize, name: &str, args: Vec<Expr>, is_member: bool) -> Result<Expr, Mistake> {
        let found = functions::find(name);
        let can_be_made = match found {
            Some(entry) => match entry.arity {
                Arity::Exactly(count) => args.len() == count,
                Arity::Any => !args.is_empty() || !matches!(entry.function, Function::Or | Function::OrValue),
            },
            None => !args.is_empty(),
        };
        if !can_be_made && self.unplanned.is_none() {
            self.unplanned = Some((at, format!("no such overload: {name} with {} arguments", args.len())));
        }
        match found {
            Some(entry) => self.node(at, Kind::Call { entry, is_member, args }),
            None => self.node(at, Kind::Unknown { name: name.into(), args }),
        }
    }

    /// After the opening parenthesis.
    fn arguments(&mut self) -> Result<Vec<Expr>, Mistake> {
        let mut args = Vec::new();
        if self.take(")").is_some() {
            return Ok(args);
        }
        loop {
            args.push(self.expr()?);
            if self.take(",").is_none() {
                self.expect(")")?;
                return Ok(args);
            }
        }
    }

    fn list(&mut self) -> Result<Expr, Mistake> {
        let at = self.advance();
        let mut elements = Vec::new();
        while !self.ends("]", elements.is_empty())? {
            let is_optional = self.take("?").is_some();
            elements.push(Element { value: self.expr()?, is_optional });
        }
        self.node(at, Kind::List(elements))
    }

    fn map(&mut self) -> Result<Expr, Mistake> {
        let at = self.advance();
        let mut entries = Vec::new();
        while !self.ends("}", entries.is_empty())? {
            let is_optional = self.take("?").is_some();
            let key = self.expr()?;
            self.expect(":")?;
            entries.push(Entry { key, value: self.expr()?, is_optional });
        }
        self.node(at, Kind::Map(entries))
    }

    /// `Name{field: value}`: there are no messages in these environments but those of protocol buffers themselves.
    fn message(&mut self) -> Result<Expr, Mistake> {
        let at = self.advance();
        let mut is_first = true;
        while !self.ends("}", is_first)? {
            self.take("?");
            self.name("the name of a field")?;
            self.expect(":")?;
            self.expr()?;
            is_first = false;
        }
        self.unplanned.get_or_insert_with(|| (at, "messages cannot be made here; use a map".to_owned()));
        self.node(at, Kind::Null)
    }

    /// Whether a list or map ends here; a comma may stand before the end, also in an empty one.
    fn ends(&mut self, bracket: &str, is_first: bool) -> Result<bool, Mistake> {
        if self.take(bracket).is_some() {
            return Ok(true);
        }
        if is_first && !self.is(",") {
            return Ok(false);
        }
        self.expect(",")?;
        if is_first {
            self.expect(bracket)?;
            return Ok(true);
        }
        Ok(self.take(bracket).is_some())
    }
}

enum Operator {
    And,
    Or,
    Binary(Binary),
}

fn too_deep(at: usize) -> Mistake {
    (at, format!("nested more than {MAX_HEIGHT} levels deep"))
}

fn variable(expr: &Expr) -> Result<Box<str>, Mistake> {
    match &expr.kind {
        Kind::Ident(name) => Ok(name.clone()),
        _ => Err((expr.at as usize, "the variable of a macro has to be a simple name".to_owned())),
    }
}

fn number(token: &Token, sign: &str) -> Result<Kind, String> {
    let whole = |digits: &str| match digits.strip_prefix("0x") {
        Some(hex) => (format!("{sign}{hex}"), 16),
        None => (format!("{sign}{digits}"), 10),
    };
    match token {
        Token::Int(digits) => {
            let (text, radix) = whole(digits);
            let number = i64::from_str_radix(&text, radix).map_err(|_| "the number is outside of int".to_owned())?;
            Ok(Kind::Int(number))
        }
        Token::Uint(digits) => {
            let (text, radix) = whole(digits);
            let number = u64::from_str_radix(&text, radix).map_err(|_| "the number is outside of uint".to_owned())?;
            Ok(Kind::Uint(number))
        }
        Token::Double(digits) => match format!("{sign}{digits}").parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Kind::Double(number)),
            _ => Err("the number is outside of double".to_owned()),
        },
        _ => Err("not a number".to_owned()),
    }
}
