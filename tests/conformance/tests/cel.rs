//! What Flux's own CEL package makes of expressions; `cargo xtask conformance --rerun` asks it again.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use serde::Deserialize;
use std::path::PathBuf;
use weir_apply::{CustomCheckError, CustomChecks, Expressions};
use weir_base::Budget;
use weir_cel::{CelError, Program, Variables};
use weir_conformance::root;
use weir_doc::Node;

#[derive(Deserialize)]
struct File {
    vars: Node,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    expr: String,
    /// A readyExpr, which is compiled with `self` and `dep`; else a health check, which is only parsed.
    #[serde(default)]
    ready: bool,
    /// "value", or what failed.
    verdict: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    value: String,
    /// Why our answer is another one on purpose.
    #[serde(default)]
    differs: String,
}

fn groups() -> Vec<PathBuf> {
    let files = std::fs::read_dir(root("cel").join("expressions")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// The verdict, the type and the value.
fn answer(case: &Case, vars: &Node) -> (String, String, String) {
    let failed = |error: &CelError| {
        let verdict = match error {
            CelError::Syntax { .. } => "parse",
            CelError::Plan { .. } => "plan",
            CelError::Check { .. } => "compile",
            CelError::Evaluation { .. } => "evaluation",
            CelError::Exhausted { .. } => "exhausted",
        };
        (verdict.to_owned(), String::new(), error.to_string())
    };
    let program = match Program::parse(&case.expr) {
        Ok(program) => program,
        Err(error) => return failed(&error),
    };
    if case.ready
        && let Err(error) = program.check(&["self", "dep"])
    {
        return failed(&error);
    }
    match program.eval(&Variables::fields_of(vars), &Budget::new(1_000_000, 16 << 20)) {
        Ok(value) => ("value".to_owned(), value.kind().name().to_owned(), value.to_string()),
        Err(error) => failed(&error),
    }
}

/// Whether an answer is the expected one. What is refused before it is evaluated is refused: Flux
/// compiles first and plans then, and the other way round nobody can tell the difference.
fn is_same(case: &Case, (verdict, kind, value): &(String, String, String)) -> bool {
    match case.verdict.as_str() {
        "value" => verdict == "value" && *kind == case.kind && *value == case.value,
        "compile" | "plan" if case.ready => verdict == "compile" || verdict == "plan",
        expected => verdict == expected,
    }
}

#[test]
fn expressions() {
    let (mut cases, mut differences) = (0, 0);
    for path in groups() {
        let file: File = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for case in &file.cases {
            cases += 1;
            let found = answer(case, &file.vars);
            if is_same(case, &found) != case.differs.is_empty() {
                differences += 1;
                println!(
                    "{}: {}\n  expected {} {} {}\n  found    {} {} {}\n  {}",
                    path.file_stem().unwrap().display(),
                    case.expr,
                    case.verdict,
                    case.kind,
                    case.value,
                    found.0,
                    found.1,
                    found.2,
                    case.differs
                );
            }
        }
    }
    println!("{cases} cases, {differences} differences");
    assert_eq!(differences, 0, "see above");
}

#[derive(Deserialize)]
struct Judged {
    name: String,
    checks: Vec<Check>,
    object: Node,
    /// The status, "refused" of the checks, or "not for this object".
    verdict: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    api_version: String,
    kind: Option<String>,
    in_progress: Option<String>,
    failed: Option<String>,
    current: String,
}

fn checks(entries: &[Check]) -> Result<CustomChecks, CustomCheckError> {
    let mut checks = CustomChecks::default();
    for (at, check) in entries.iter().enumerate() {
        let (in_progress, failed) = (check.in_progress.as_deref(), check.failed.as_deref());
        let expressions = Expressions { in_progress, failed, current: &check.current };
        checks.add(at, &check.api_version, check.kind.as_deref(), expressions)?;
    }
    Ok(checks)
}

#[test]
fn statuses() {
    let text = std::fs::read(root("cel").join("statuses.json")).unwrap();
    let cases: Vec<Judged> = serde_json::from_slice(&text).unwrap();
    let mut differences = 0;
    for case in &cases {
        let found = match checks(&case.checks) {
            Err(_) => "refused",
            Ok(checks) => match checks.assess(&case.object) {
                Some(verdict) => verdict.status.as_str(),
                None => "not for this object",
            },
        };
        if found != case.verdict {
            differences += 1;
            println!("{}: expected {}, found {found}", case.name, case.verdict);
        }
    }
    println!("{} cases, {differences} differences", cases.len());
    assert_eq!(differences, 0, "see above");
}
