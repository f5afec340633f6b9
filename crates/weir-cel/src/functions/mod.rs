//! The functions: one table of their names and types, and what computes each.

mod convert;
mod encoders;
pub(crate) mod format;
mod list;
mod optional;
pub(crate) mod regex;
mod string;
mod time;

use self::regex::Pattern;
use crate::error::Fault;
use crate::value::Value;
use weir_base::Budget;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    CharAt,
    IndexOf,
    LastIndexOf,
    LowerAscii,
    UpperAscii,
    Replace,
    Split,
    Substring,
    Trim,
    Reverse,
    Quote,
    Format,
    Join,
    First,
    Last,
    SetsContains,
    SetsEquivalent,
    SetsIntersects,
    Base64Encode,
    Base64Decode,
    Type,
    Dyn,
    Bool,
    Bytes,
    Double,
    Duration,
    Int,
    String,
    Timestamp,
    Uint,
    FullYear,
    Month,
    DayOfYear,
    DayOfMonth,
    Date,
    DayOfWeek,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
    OptionalOf,
    OptionalOfNonZero,
    OptionalNone,
    OptionalUnwrap,
    Value,
    HasValue,
    Or,
    OrValue,
}

/// How many arguments a function can be given at all, whatever their types; another number is
/// refused before the expression is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arity {
    Exactly(usize),
    /// The arguments are looked at when the function is called.
    Any,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub name: &'static str,
    pub function: Function,
    pub arity: Arity,
    /// The types, as [`crate::check`] reads them; a dot before those that are called as members.
    pub overloads: &'static str,
}

const fn entry(name: &'static str, function: Function, arity: Arity, overloads: &'static str) -> Entry {
    Entry { name, function, arity, overloads }
}

const ANY: Arity = Arity::Any;
const ONE: Arity = Arity::Exactly(1);
const TWO: Arity = Arity::Exactly(2);

/// The accessors of points in time; those of clocks also of durations.
const DATE: &str = ".t:i .ts:i";
const CLOCK: &str = ".t:i .ts:i .r:i";

static FUNCTIONS: [Entry; 54] = [
    entry("size", Function::Size, ONE, "y:i .y:i LA:i .LA:i MAB:i .MAB:i s:i .s:i"),
    entry("contains", Function::Contains, TWO, ".ss:b"),
    entry("startsWith", Function::StartsWith, TWO, ".ss:b"),
    entry("endsWith", Function::EndsWith, TWO, ".ss:b"),
    entry("matches", Function::Matches, TWO, "ss:b .ss:b"),
    entry("charAt", Function::CharAt, TWO, ".si:s"),
    entry("indexOf", Function::IndexOf, ANY, ".ss:i .ssi:i"),
    entry("lastIndexOf", Function::LastIndexOf, ANY, ".ss:i .ssi:i"),
    entry("lowerAscii", Function::LowerAscii, ONE, ".s:s"),
    entry("upperAscii", Function::UpperAscii, ONE, ".s:s"),
    entry("replace", Function::Replace, ANY, ".sss:s .sssi:s"),
    entry("split", Function::Split, ANY, ".ss:Ls .ssi:Ls"),
    entry("substring", Function::Substring, ANY, ".si:s .sii:s"),
    entry("trim", Function::Trim, ONE, ".s:s"),
    entry("reverse", Function::Reverse, ONE, ".s:s"),
    entry("strings.quote", Function::Quote, ONE, "s:s"),
    entry("format", Function::Format, ANY, ".sL*:s"),
    entry("join", Function::Join, ANY, ".Ls:s .Lss:s"),
    entry("first", Function::First, ONE, ".LA:OA"),
    entry("last", Function::Last, ONE, ".LA:OA"),
    entry("sets.contains", Function::SetsContains, TWO, "LALA:b"),
    entry("sets.equivalent", Function::SetsEquivalent, TWO, "LALA:b"),
    entry("sets.intersects", Function::SetsIntersects, TWO, "LALA:b"),
    entry("base64.encode", Function::Base64Encode, ONE, "y:s"),
    entry("base64.decode", Function::Base64Decode, ONE, "s:y"),
    entry("type", Function::Type, ONE, "A:TA"),
    entry("dyn", Function::Dyn, ONE, "A:*"),
    entry("bool", Function::Bool, ANY, "b:b s:b"),
    entry("bytes", Function::Bytes, ANY, "y:y s:y"),
    entry("double", Function::Double, ANY, "d:d i:d s:d u:d"),
    entry("duration", Function::Duration, ANY, "r:r i:r s:r"),
    entry("int", Function::Int, ANY, "i:i d:i r:i s:i t:i u:i"),
    entry("string", Function::String, ANY, "s:s b:s y:s d:s r:s i:s t:s u:s"),
    entry("timestamp", Function::Timestamp, ANY, "t:t i:t s:t"),
    entry("uint", Function::Uint, ANY, "u:u d:u i:u s:u"),
    entry("getFullYear", Function::FullYear, ANY, DATE),
    entry("getMonth", Function::Month, ANY, DATE),
    entry("getDayOfYear", Function::DayOfYear, ANY, DATE),
    entry("getDayOfMonth", Function::DayOfMonth, ANY, DATE),
    entry("getDate", Function::Date, ANY, DATE),
    entry("getDayOfWeek", Function::DayOfWeek, ANY, DATE),
    entry("getHours", Function::Hours, ANY, CLOCK),
    entry("getMinutes", Function::Minutes, ANY, CLOCK),
    entry("getSeconds", Function::Seconds, ANY, CLOCK),
    entry("getMilliseconds", Function::Milliseconds, ANY, CLOCK),
    entry("optional.of", Function::OptionalOf, ONE, "A:OA"),
    entry("optional.ofNonZeroValue", Function::OptionalOfNonZero, ONE, "A:OA"),
    entry("optional.none", Function::OptionalNone, ANY, ":OA"),
    entry("optional.unwrap", Function::OptionalUnwrap, ONE, "LOA:LA"),
    entry("unwrapOpt", Function::OptionalUnwrap, ONE, ".LOA:LA"),
    entry("value", Function::Value, ONE, ".OA:A"),
    entry("hasValue", Function::HasValue, ONE, ".OA:b"),
    entry("or", Function::Or, ANY, ".OAOA:OA"),
    entry("orValue", Function::OrValue, ANY, ".OAA:A"),
];

pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    FUNCTIONS.iter().find(|entry| entry.name == name)
}

impl Function {
    pub fn is_conversion(self) -> bool {
        matches!(
            self,
            Function::Type
                | Function::Dyn
                | Function::Bool
                | Function::Bytes
                | Function::Double
                | Function::Duration
                | Function::Int
                | Function::String
                | Function::Timestamp
                | Function::Uint
        )
    }
}

/// Calls a function. Whether it was written as a member plays no part: `size(a)` is `a.size()`.
pub(crate) fn call<'v>(
    entry: &Entry,
    args: &[Value<'v>],
    pattern: Option<&Pattern>,
    budget: &Budget,
) -> Result<Value<'v>, Fault> {
    let function = entry.function;
    let found = match function {
        Function::Size
        | Function::Join
        | Function::First
        | Function::Last
        | Function::SetsContains
        | Function::SetsEquivalent
        | Function::SetsIntersects => list::call(function, args, budget)?,
        Function::Contains
        | Function::StartsWith
        | Function::EndsWith
        | Function::CharAt
        | Function::IndexOf
        | Function::LastIndexOf
        | Function::LowerAscii
        | Function::UpperAscii
        | Function::Replace
        | Function::Split
        | Function::Substring
        | Function::Trim
        | Function::Reverse
        | Function::Quote => string::call(function, args, budget)?,
        Function::Matches => regex::matches(args, pattern, budget)?,
        Function::Format => format::call(args, budget)?,
        Function::Base64Encode | Function::Base64Decode => encoders::call(function, args, budget)?,
        Function::Type
        | Function::Dyn
        | Function::Bool
        | Function::Bytes
        | Function::Double
        | Function::Duration
        | Function::Int
        | Function::String
        | Function::Timestamp
        | Function::Uint => convert::call(function, args, budget)?,
        Function::FullYear
        | Function::Month
        | Function::DayOfYear
        | Function::DayOfMonth
        | Function::Date
        | Function::DayOfWeek
        | Function::Hours
        | Function::Minutes
        | Function::Seconds
        | Function::Milliseconds => time::call(function, args)?,
        Function::OptionalOf
        | Function::OptionalOfNonZero
        | Function::OptionalNone
        | Function::OptionalUnwrap
        | Function::Value
        | Function::HasValue
        | Function::Or
        | Function::OrValue => optional::call(function, args, budget)?,
    };
    found.ok_or_else(|| {
        let types: Vec<&str> = args.iter().map(|arg| arg.kind().name()).collect();
        Fault::no_overload(&format!("{}({})", entry.name, types.join(", ")))
    })
}
