//! `source.extensions.fluxcd.io`: artifacts composed from other artifacts.

mod artifactgenerator;

pub use artifactgenerator::*;
