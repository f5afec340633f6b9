//! Flux custom resource types.
