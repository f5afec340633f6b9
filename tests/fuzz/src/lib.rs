//! What is fuzzed: four functions of bytes that panic where a promise is broken.
//!
//! libFuzzer runs them from the workspace `fuzz/`, which `cargo xtask soak` builds; the test of this package
//! replays what was found (`fuzz/found/TARGET/*`), so that CI needs neither libFuzzer nor a nightly compiler.
#![allow(clippy::panic, reason = "a broken promise panics: that is what the fuzzer looks for")]

mod build;
pub mod corpus;
mod merge;
mod substitute;
mod yaml;

use std::panic;
use std::sync::Once;
use weir_base::Budget;

/// A name, and what is run on bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Everything that is fuzzed.
pub const TARGETS: [Target; 4] =
    [("yaml", yaml::run), ("merge", merge::run), ("substitute", substitute::run), ("build", build::run)];

/// What separates the documents or files of one input.
pub const SEPARATOR: &str = "\n=== ";

/// Runs a target once, as libFuzzer's programs do.
pub fn run(target: &str, data: &[u8]) {
    expect_panics_of_the_parser();
    for (_, function) in TARGETS.iter().filter(|(name, _)| *name == target) {
        function(data);
    }
}

/// libFuzzer ends the process at each panic; those of the parser's own are caught and are errors (`[!a,b]`).
fn expect_panics_of_the_parser() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_parser = info.location().is_some_and(|place| place.file().contains("libyaml-safer"));
            if !is_parser {
                before(info);
            }
        }));
    });
}

/// Enough for what a fuzzer writes within seconds.
fn budget() -> Budget {
    Budget::new(2_000_000, 64 << 20)
}

/// The two halves of an input; the second is empty where nothing separates them.
fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    let separator = SEPARATOR.as_bytes();
    match data.windows(separator.len()).position(|window| window == separator) {
        Some(at) => (&data[..at], &data[at + separator.len()..]),
        None => (data, &[]),
    }
}
