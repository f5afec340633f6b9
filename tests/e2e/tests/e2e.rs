//! The scenarios, by what they are about.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "scenarios/flux.rs"]
mod flux;
#[path = "scenarios/manifests.rs"]
mod manifests;
#[path = "scenarios/rig.rs"]
mod rig;

#[path = "scenarios/admission.rs"]
mod admission;
#[path = "scenarios/adoption.rs"]
mod adoption;
#[path = "scenarios/aggregated.rs"]
mod aggregated;
#[path = "scenarios/attacks.rs"]
mod attacks;
#[path = "scenarios/build.rs"]
mod build;
#[path = "scenarios/canary.rs"]
mod canary;
#[path = "scenarios/cli_diff.rs"]
mod cli_diff;
#[path = "scenarios/cli_kustomizations.rs"]
mod cli_kustomizations;
#[path = "scenarios/cli_sources.rs"]
mod cli_sources;
#[path = "scenarios/configs.rs"]
mod configs;
#[path = "scenarios/controller.rs"]
mod controller;
#[path = "scenarios/crash.rs"]
mod crash;
#[path = "scenarios/decryption.rs"]
mod decryption;
#[path = "scenarios/definitions.rs"]
mod definitions;
#[path = "scenarios/deletion.rs"]
mod deletion;
#[path = "scenarios/dependencies.rs"]
mod dependencies;
#[path = "scenarios/docs.rs"]
mod docs;
#[path = "scenarios/expressions.rs"]
mod expressions;
#[path = "scenarios/foreign_sources.rs"]
mod foreign_sources;
#[path = "scenarios/git/mod.rs"]
mod git;
#[path = "scenarios/git_ssh.rs"]
mod git_ssh;
#[path = "scenarios/guards.rs"]
mod guards;
#[path = "scenarios/health.rs"]
mod health;
#[path = "scenarios/ignore.rs"]
mod ignore;
#[path = "scenarios/immutable.rs"]
mod immutable;
#[path = "scenarios/key_services.rs"]
mod key_services;
#[path = "scenarios/kill.rs"]
mod kill;
#[path = "scenarios/kubectl.rs"]
mod kubectl;
#[path = "scenarios/lifecycle.rs"]
mod lifecycle;
#[path = "scenarios/many.rs"]
mod many;
#[path = "scenarios/migrate.rs"]
mod migrate;
#[path = "scenarios/narrowed.rs"]
mod narrowed;
#[path = "scenarios/ownership.rs"]
mod ownership;
#[path = "scenarios/privilege.rs"]
mod privilege;
#[path = "scenarios/remote_bases.rs"]
mod remote_bases;
#[path = "scenarios/remote_clusters.rs"]
mod remote_clusters;
#[path = "scenarios/replicas.rs"]
mod replicas;
#[path = "scenarios/rights.rs"]
mod rights;
#[path = "scenarios/scale.rs"]
mod scale;
#[path = "scenarios/shards.rs"]
mod shards;
#[path = "scenarios/sops.rs"]
mod sops;
#[path = "scenarios/suspend.rs"]
mod suspend;
#[path = "scenarios/tenants.rs"]
mod tenants;
#[path = "scenarios/terminating.rs"]
mod terminating;
#[path = "scenarios/uninstall.rs"]
mod uninstall;
#[path = "scenarios/up.rs"]
mod up;
#[path = "scenarios/versions.rs"]
mod versions;
