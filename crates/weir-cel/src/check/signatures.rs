//! The types of functions and operators, in one letter each:
//!
//! `b`ool, `i`nt, `u`int, `d`ouble, `s`tring, b`y`tes, `t`imestamp, du`r`ation, `*` for dyn, `A` and
//! `B` for any type; `L`ist, `O`ptional and `T`ype of the next, `M`ap of the next two. The result
//! stands after a colon; a dot before the first argument says that the function is called as a member.

use super::types::{Bindings, Ty};
use crate::ast::Binary;
use std::rc::Rc;

/// Of the index operator, and of the optional one.
pub(super) const INDEX: &str = "LAi:A MABA:B OLAi:OA OMABA:OB";
pub(super) const OPTIONAL_INDEX: &str = "LAi:OA OLAi:OA MABA:OB OMABA:OB";
pub(super) const CONDITIONAL: &str = "bAA:A";
pub(super) const NOT: &str = "b:b";
pub(super) const NEGATE: &str = "d:d i:i";
pub(super) const HAS_VALUE: &str = "OA:b";
pub(super) const VALUE: &str = "OA:A";
pub(super) const OPTIONAL_OF: &str = "A:OA";
pub(super) const OPTIONAL_NONE: &str = ":OA";

/// Numbers of different types can be ordered.
const ORDER: &str = "bb:b ii:b id:b iu:b uu:b ud:b ui:b dd:b di:b du:b ss:b yy:b tt:b rr:b";

pub(super) fn of(operator: Binary) -> &'static str {
    match operator {
        Binary::Add => "yy:y dd:d rr:r rt:t tr:t ii:i LALA:LA ss:s uu:u",
        Binary::Subtract => "dd:d rr:r ii:i tr:t tt:r uu:u",
        Binary::Multiply | Binary::Divide => "dd:d ii:i uu:u",
        Binary::Modulo => "ii:i uu:u",
        Binary::Equal | Binary::NotEqual => "AA:b",
        Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => ORDER,
        Binary::In => "ALA:b AMAB:b",
    }
}

/// The arguments and the result of one overload, with parameters of its own; `None` if it is called
/// in the other way.
pub(super) fn instance(overload: &str, is_member: bool, bindings: &mut Bindings) -> Option<(Vec<Ty>, Ty)> {
    let (args, result) = overload.split_once(':')?;
    let bare = args.strip_prefix('.');
    if bare.is_some() != is_member {
        return None;
    }
    let mut reader = Reader { params: [None, None], bindings };
    let mut letters = bare.unwrap_or(args).bytes();
    let mut types = Vec::new();
    while let Some(letter) = letters.next() {
        types.push(reader.read(letter, &mut letters)?);
    }
    let mut letters = result.bytes();
    let first = letters.next()?;
    let result = reader.read(first, &mut letters)?;
    Some((types, result))
}

struct Reader<'b> {
    params: [Option<Ty>; 2],
    bindings: &'b mut Bindings,
}

impl Reader<'_> {
    fn read(&mut self, letter: u8, rest: &mut std::str::Bytes<'_>) -> Option<Ty> {
        let mut next = |reader: &mut Self| {
            let letter = rest.next()?;
            reader.read(letter, rest)
        };
        Some(match letter {
            b'b' => Ty::Bool,
            b'i' => Ty::Int,
            b'u' => Ty::Uint,
            b'd' => Ty::Double,
            b's' => Ty::String,
            b'y' => Ty::Bytes,
            b't' => Ty::Timestamp,
            b'r' => Ty::Duration,
            b'*' => Ty::Dyn,
            b'L' => Ty::list(next(self)?),
            b'O' => Ty::optional(next(self)?),
            b'T' => Ty::Type(Rc::new(next(self)?)),
            b'M' => Ty::map(next(self)?, next(self)?),
            b'A' | b'B' => {
                let param = &mut self.params[usize::from(letter - b'A')];
                param.get_or_insert_with(|| self.bindings.fresh()).clone()
            }
            _ => return None,
        })
    }
}
