//! Every case of kustomize: the original's output, or its refusal.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use weir_base::{Budget, Diagnose};
use weir_conformance::{Case, cases, diff, root, tree};
use weir_kustomize::{KustomizeError, Options, build, to_yaml};

/// What differs; `None` when nothing does.
fn run(case: &Case) -> Option<String> {
    let tree = tree(&case.folder.join("input")).expect("a readable input");
    let built = build(&tree, &case.path, &Options::default(), &Budget::standard());
    let expected = std::fs::read_to_string(case.folder.join("expect.yaml")).ok();
    let refused = std::fs::read_to_string(case.folder.join("expect.err")).ok();
    match (built, expected, refused) {
        (Ok(built), Some(expected), None) => {
            let found = to_yaml(&built.objects);
            let unplaced = built.objects.iter().find(|object| !object.meta.at.is_known());
            if let Some(object) = unplaced {
                return Some(format!("  an object has no place: {:?}\n", object.str_at(&["metadata", "name"])));
            }
            (found != expected).then(|| diff(&expected, &found))
        }
        (Err(error), Some(_), None) => Some(format!("  the original builds it, we say: {}\n", error.report())),
        (Ok(_), None, Some(refused)) => Some(format!("  the original refuses it: {}\n", refused.trim())),
        (Err(error), None, Some(_)) => {
            let wanted = std::fs::read_to_string(case.folder.join("names")).unwrap_or_default();
            let report = error.report().to_string();
            let placed = |error: &KustomizeError| error.at().is_some_and(|at| at.file.is_some());
            let is_placed = match &error {
                KustomizeError::Several(errors) => errors.iter().all(placed),
                one => placed(one),
            };
            if !is_placed {
                return Some(format!("  '{report}' names no file\n"));
            }
            let missing: Vec<&str> = wanted.lines().filter(|text| !report.contains(text)).collect();
            (!missing.is_empty()).then(|| format!("  '{report}' does not name {missing:?}\n"))
        }
        _ => Some("  neither expect.yaml nor expect.err, or both\n".to_owned()),
    }
}

#[test]
fn cases_of_kustomize() {
    let cases = cases(&root("kustomize")).expect("readable cases");
    let mut differences = 0;
    for case in &cases {
        if let Some(difference) = run(case) {
            differences += 1;
            println!("{}:\n{difference}", case.name);
        }
    }
    println!("{} cases, {differences} differences", cases.len());
    assert_eq!(differences, 0, "see above");
}
