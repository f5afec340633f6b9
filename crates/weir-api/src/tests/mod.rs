//! Tests that span several modules.

mod crds;
mod objects;
