//! Custom resources: definitions and the structural schemas of their objects.

mod definition;
mod structural;
mod value;

pub(crate) use definition::{default_definition, is_established, prepare, resource_key, validate_definition};
pub(crate) use structural::{default, prune, unknown};
pub(crate) use value::validate;
