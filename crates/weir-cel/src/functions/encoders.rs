//! base64.

use super::Function;
use crate::arithmetic::charge;
use crate::error::Fault;
use crate::value::Value;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use weir_base::Budget;

/// Go ignores what the last character has beyond the last byte.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn call<'v>(function: Function, args: &[Value<'v>], budget: &Budget) -> Result<Option<Value<'v>>, Fault> {
    Ok(Some(match (function, args) {
        (Function::Base64Encode, [Value::Bytes(bytes)]) => {
            charge(bytes.len() * 4 / 3, budget)?;
            Value::text(LENIENT.encode(bytes))
        }
        (Function::Base64Decode, [Value::String(text)]) => {
            charge(text.len(), budget)?;
            let bare: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
            let bytes = LENIENT.decode(bare).map_err(|error| Fault::new(format!("not base64: {error}")))?;
            Value::Bytes(bytes.into())
        }
        _ => return Ok(None),
    }))
}
