//! The one document type of weir, and the YAML and JSON dialects of Go that produce and print it.
//!
//! Contract: a [`Node`] keeps the order of keys, the place each value was read from and, for a
//! scalar, its source text and style. Comparing two nodes compares values only. No I/O.
//!
//! Limits: nesting of 256 levels ([`weir_base::MAX_DEPTH`]; 128 for JSON), the budget's bytes for
//! what aliases expand to.
//!
//! | dialect | who speaks it | reading | printing |
//! | --- | --- | --- | --- |
//! | [`Dialect::Sigs`] | kubectl, Flux, Helm (sigs.k8s.io/yaml over yaml.v2) | `yes`, `on` are booleans; the last duplicate key wins | [`emit::to_yaml`] |
//! | [`Dialect::V3`] | kustomize (kyaml over yaml.v3) | `yes`, `on` are strings; a duplicate key is an error | as above, since kustomize prints through sigs.k8s.io/yaml |

pub mod edit;
pub mod emit;
mod json;
mod linemap;
mod map;
mod node;
pub mod yaml;

pub use json::{from_json, from_value, to_json, to_value};
pub use linemap::LineMap;
pub use map::{Key, Map};
pub use node::{Meta, Node, Note, Number, Style, Value};
pub use yaml::{Dialect, ParseError};
