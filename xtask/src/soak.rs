//! Long runs, outside `test`.

use crate::command::{cargo, commit, run as execute};
use crate::{fuzz, kubed, prerequisites};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const MINUTES: u64 = 10;
/// A controller that is killed at so many requests of its own, other ones for each commit.
const KILLS: (&str, &str) = ("killed_at_any_request", "200");
/// A killed process in the middle of an apply; where it is hit differs from run to run.
const SCENARIO: &str = "killed_in_mid_apply";

pub fn run(minutes: Option<&str>) -> Result<(), String> {
    let minutes = self::minutes(minutes)?;
    prerequisites::check()?;
    let program = kubed::build()?;
    execute(cargo().args(["build", "--locked", "--package", "weir"]))?;
    execute(test(KILLS.0, &program).env("WEIR_KILLS", KILLS.1).env("WEIR_SEED", commit()?))?;
    let (began, mut rounds) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(minutes * 60) {
        execute(&mut test(SCENARIO, &program)).map_err(|error| format!("round {}: {error}", rounds + 1))?;
        rounds += 1;
        eprintln!("soak: {rounds} rounds, {} s", began.elapsed().as_secs());
    }
    Ok(())
}

/// The fuzzers alone, which need no cluster.
pub fn fuzz(args: &[&str]) -> Result<(), String> {
    fuzz::run(minutes(args.first().copied())?, args.get(1).copied())
}

fn minutes(text: Option<&str>) -> Result<u64, String> {
    text.map_or(Ok(MINUTES), |text| text.parse().map_err(|_| format!("'{text}' is not a number")))
}

fn test(scenario: &str, kubed: &Path) -> Command {
    let mut test = cargo();
    test.args(["test", "--locked", "--quiet", "--package", "weir-e2e", "--", scenario]).env("WEIR_KUBED", kubed);
    test
}
