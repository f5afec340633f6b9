//! `format`: the clauses of a format string, and what they print.

use crate::arithmetic::charge;
use crate::error::Fault;
use crate::number;
use crate::value::Value;
use weir_base::Budget;

/// Digits after the point when a clause gives none.
const PRECISION: usize = 6;
/// A double has no digits beyond these; what is asked for beyond them are zeros.
const DIGITS: usize = 1_100;
/// Go prints an error in the text instead of more digits.
const MOST_DIGITS: usize = 1_000_000;

/// A part of a format string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Text(&'t str),
    Clause(Clause),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clause {
    /// `%s`
    String,
    /// `%d`
    Decimal,
    /// `%f`, `%.2f`
    Fixed(usize),
    /// `%e`
    Scientific(usize),
    /// `%b`
    Binary,
    /// `%x`, `%X`
    Hex { is_upper: bool },
    /// `%o`
    Octal,
}

/// The pieces of a format string, or what is wrong with it.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        pieces.push(Piece::Text(&rest[..at]));
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            pieces.push(Piece::Text("%"));
            rest = after;
            continue;
        }
        let mut precision = PRECISION;
        if let Some(after) = rest.strip_prefix('.') {
            let length = after.bytes().take_while(u8::is_ascii_digit).count();
            precision = after[..length].parse().map_err(|_| "a precision has to be a number".to_owned())?;
            rest = &after[length..];
        }
        let verb = rest.chars().next().ok_or("the format string ends within a clause")?;
        rest = &rest[verb.len_utf8()..];
        pieces.push(Piece::Clause(match verb {
            's' => Clause::String,
            'd' => Clause::Decimal,
            'f' => Clause::Fixed(precision),
            'e' => Clause::Scientific(precision),
            'b' => Clause::Binary,
            'x' | 'X' => Clause::Hex { is_upper: verb == 'X' },
            'o' => Clause::Octal,
            other => return Err(format!("unrecognized formatting clause \"{other}\"")),
        }));
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

pub(super) fn call<'v>(args: &[Value<'v>], budget: &Budget) -> Result<Option<Value<'v>>, Fault> {
    let [Value::String(text), Value::List(values)] = args else { return Ok(None) };
    let mut made = Vec::new();
    let mut next = 0;
    charge(text.len(), budget)?;
    for piece in pieces(text).map_err(Fault::new)? {
        match piece {
            Piece::Text(text) => made.extend_from_slice(text.as_bytes()),
            Piece::Clause(clause) => {
                let value = values
                    .get(next)
                    .ok_or_else(|| Fault::new(format!("format: there is no value {next} in the list")))?;
                next += 1;
                print(clause, &value, &mut made, budget)?;
            }
        }
    }
    Ok(Some(Value::text(String::from_utf8_lossy(&made).into_owned())))
}

fn print(clause: Clause, value: &Value<'_>, made: &mut Vec<u8>, budget: &Budget) -> Result<(), Fault> {
    budget.spend(1)?;
    let wrong = |name: &str| Fault::new(format!("format: {name} takes no value of type {}", value.kind().name()));
    let text = match (clause, value) {
        (Clause::String, value) => return string(value, made, budget),
        (Clause::Decimal, Value::Int(number)) => number.to_string(),
        (Clause::Decimal, Value::Uint(number)) => number.to_string(),
        (Clause::Decimal, Value::Double(number)) => number::plain(*number),
        (Clause::Fixed(digits) | Clause::Scientific(digits), _) if digits > MOST_DIGITS => {
            return Err(Fault::new(format!("format: a precision of {digits}, {MOST_DIGITS} are allowed")));
        }
        (Clause::Fixed(digits), value) => {
            charge(digits, budget)?;
            fixed(value, digits).ok_or_else(|| wrong("%f"))?
        }
        (Clause::Scientific(digits), value) => {
            charge(digits, budget)?;
            scientific(value, digits).ok_or_else(|| wrong("%e"))?
        }
        (Clause::Binary, Value::Bool(value)) => u8::from(*value).to_string(),
        (Clause::Binary, Value::Int(number)) => signed(*number, &format!("{:b}", number.unsigned_abs())),
        (Clause::Binary, Value::Uint(number)) => format!("{number:b}"),
        (Clause::Octal, Value::Int(number)) => signed(*number, &format!("{:o}", number.unsigned_abs())),
        (Clause::Octal, Value::Uint(number)) => format!("{number:o}"),
        (Clause::Hex { is_upper }, value) => {
            let text = match value {
                Value::Int(number) => signed(*number, &format!("{:x}", number.unsigned_abs())),
                Value::Uint(number) => format!("{number:x}"),
                Value::String(text) => hex(text.as_bytes(), budget)?,
                Value::Bytes(bytes) => hex(bytes, budget)?,
                _ => return Err(wrong("%x")),
            };
            if is_upper { text.to_ascii_uppercase() } else { text }
        }
        (Clause::Decimal, _) => return Err(wrong("%d")),
        (Clause::Binary, _) => return Err(wrong("%b")),
        (Clause::Octal, _) => return Err(wrong("%o")),
    };
    charge(text.len(), budget)?;
    made.extend_from_slice(text.as_bytes());
    Ok(())
}

fn signed(number: i64, digits: &str) -> String {
    format!("{}{digits}", if number < 0 { "-" } else { "" })
}

fn hex(bytes: &[u8], budget: &Budget) -> Result<String, Fault> {
    charge(bytes.len() * 2, budget)?;
    Ok(weir_base::hex(bytes))
}

fn fixed(value: &Value<'_>, digits: usize) -> Option<String> {
    Some(match value {
        Value::Double(number) if number.is_finite() => {
            let text = format!("{number:.*}", digits.min(DIGITS));
            text + &"0".repeat(digits.saturating_sub(DIGITS))
        }
        Value::Double(number) => number::plain(*number),
        Value::Int(number) => misfit('f', "int64", *number < 0, number.unsigned_abs(), digits),
        Value::Uint(number) => misfit('f', "uint64", false, *number, digits),
        _ => return None,
    })
}

fn scientific(value: &Value<'_>, digits: usize) -> Option<String> {
    Some(match value {
        Value::Double(number) if number.is_finite() => {
            let text = format!("{number:.*e}", digits.min(DIGITS));
            let (mantissa, exponent) = text.split_once('e')?;
            let mantissa = format!("{mantissa}{}", "0".repeat(digits.saturating_sub(DIGITS)));
            number::with_exponent(&mantissa, exponent.parse().ok()?)
        }
        Value::Double(number) => number::plain(*number),
        Value::Int(number) => misfit('e', "int64", *number < 0, number.unsigned_abs(), digits),
        Value::Uint(number) => misfit('e', "uint64", false, *number, digits),
        _ => return None,
    })
}

/// What Go's fmt makes of a whole number where a double was expected: cel-go lets that through.
fn misfit(verb: char, kind: &str, is_negative: bool, number: u64, digits: usize) -> String {
    let sign = if is_negative { "-" } else { "" };
    let digits = format!("{}{number}", "0".repeat(digits.saturating_sub(number.to_string().len())));
    format!("%!{verb}({kind}={sign}{digits})")
}

fn string(value: &Value<'_>, made: &mut Vec<u8>, budget: &Budget) -> Result<(), Fault> {
    budget.spend(1)?;
    let text = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Double(number) => number::plain(*number),
        Value::String(text) => return push(text.as_bytes(), made, budget),
        Value::Bytes(bytes) => return push(bytes, made, budget),
        Value::Duration(nanos) => number::seconds(*nanos),
        Value::Timestamp(time) => time.in_utc().to_string(),
        Value::Type(kind) => kind.name().to_owned(),
        Value::List(list) => {
            push(b"[", made, budget)?;
            for (at, element) in list.iter().enumerate() {
                push(if at == 0 { b"" } else { b", " }, made, budget)?;
                string(&element, made, budget)?;
            }
            return push(b"]", made, budget);
        }
        Value::Map(map) => {
            let mut entries = Vec::new();
            for (key, value) in map.entries() {
                let (mut shown_key, mut shown_value) = (Vec::new(), Vec::new());
                string(&key, &mut shown_key, budget)?;
                string(&value, &mut shown_value, budget)?;
                entries.push((shown_key, shown_value));
            }
            entries.sort();
            push(b"{", made, budget)?;
            for (at, (key, value)) in entries.iter().enumerate() {
                for part in [if at == 0 { b"".as_slice() } else { b", " }, key, b": ", value] {
                    push(part, made, budget)?;
                }
            }
            return push(b"}", made, budget);
        }
        Value::Optional(_) => return Err(Fault::new("format: %s takes no value of type optional_type")),
    };
    push(text.as_bytes(), made, budget)
}

fn push(text: &[u8], made: &mut Vec<u8>, budget: &Budget) -> Result<(), Fault> {
    charge(text.len(), budget)?;
    made.extend_from_slice(text);
    Ok(())
}
