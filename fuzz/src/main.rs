#![no_main]
//! One program for all targets: `WEIR_FUZZ` names the one to run.

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static TARGET: LazyLock<String> = LazyLock::new(|| std::env::var("WEIR_FUZZ").expect("WEIR_FUZZ names a target"));

fuzz_target!(|data: &[u8]| weir_fuzz::run(&TARGET, data));
