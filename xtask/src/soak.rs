//! Long runs, outside `test`.

use crate::command::{cargo, run as execute};
use crate::{kubed, prerequisites};
use std::time::{Duration, Instant};

const MINUTES: u64 = 10;
/// A killed process in the middle of an apply; where it is hit differs from run to run.
const SCENARIO: &str = "killed_in_mid_apply";

pub fn run(minutes: Option<&str>) -> Result<(), String> {
    let minutes: u64 =
        minutes.map_or(Ok(MINUTES), |text| text.parse().map_err(|_| format!("'{text}' is not a number")))?;
    prerequisites::check()?;
    let program = kubed::build()?;
    execute(cargo().args(["build", "--locked", "--package", "weir"]))?;
    let (began, mut rounds) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(minutes * 60) {
        let mut test = cargo();
        test.args(["test", "--locked", "--quiet", "--package", "weir-e2e", "--", SCENARIO]).env("WEIR_KUBED", &program);
        execute(&mut test).map_err(|error| format!("round {}: {error}", rounds + 1))?;
        rounds += 1;
        eprintln!("soak: {rounds} rounds, {} s", began.elapsed().as_secs());
    }
    Ok(())
}
