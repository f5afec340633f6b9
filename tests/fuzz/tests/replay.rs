//! What the fuzzers found, and what they begin with, once more.

use weir_fuzz::{TARGETS, corpus};

#[test]
fn what_was_found_stays_mended() {
    for (target, _) in TARGETS {
        for (name, input) in corpus::found(target).expect("readable files") {
            let run = std::panic::catch_unwind(|| weir_fuzz::run(target, &input));
            assert!(run.is_ok(), "fuzz/found/{target}/{name}");
        }
    }
}

#[test]
fn the_golden_cases_break_no_promise() {
    for (target, _) in TARGETS {
        let inputs = corpus::of(target).expect("readable cases");
        assert!(inputs.len() > 50, "{target} has {} inputs", inputs.len());
        let broken: Vec<String> = inputs
            .iter()
            .filter(|input| std::panic::catch_unwind(|| weir_fuzz::run(target, input)).is_err())
            .map(|input| String::from_utf8_lossy(input).into_owned())
            .collect();
        assert!(broken.is_empty(), "{target}, {} inputs:\n{}", broken.len(), broken.join("\n#####\n"));
    }
}
