//! Health as Flux's own readers see it (`tools/fluxssa kstatus`); `cargo xtask conformance --rerun`
//! asks them again.
//!
//! The status is compared exactly, the message without its numbers; of a verdict that is Unknown
//! only the status, since its message is an error of the original's libraries.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use std::time::{Duration, SystemTime};
use weir_conformance::root;
use weir_doc::Node;
use weir_object::kstatus::{Status, assess};

/// Later than every time in the cases.
const NOW: u64 = 1_780_272_000;

/// RFC 7386.
fn merge(base: &mut Node, patch: &Node) {
    let Some(fields) = patch.as_map() else {
        *base = patch.clone();
        return;
    };
    if base.as_map().is_none() {
        *base = Node::map();
    }
    let map = base.as_map_mut().unwrap();
    for (key, value) in fields.iter() {
        if value.is_null() {
            map.remove(key.as_str());
        } else {
            merge(map.entry_or_null(key.as_str()), value);
        }
    }
}

/// The object of a case, an age of its creation time made a time.
fn object(base: &Node, case: &Node) -> Node {
    let mut object = case.get("object").unwrap_or(base).clone();
    if let Some(patch) = case.get("patch") {
        merge(&mut object, patch);
    }
    let created = object.str_at(&["metadata", "creationTimestamp"]).unwrap_or_default();
    if let Some(age) = created.strip_prefix("now-") {
        let ago: i64 = age.strip_suffix('s').unwrap().parse().unwrap();
        let at = jiff::Timestamp::from_second(i64::try_from(NOW).unwrap() - ago).unwrap();
        object.ensure_map(&["metadata"]).insert("creationTimestamp", at.to_string());
    }
    object
}

fn without_numbers(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[test]
fn verdicts() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let mut files: Vec<_> = std::fs::read_dir(root("kstatus")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut cases, mut differences) = (0, 0);
    for file in files {
        let groups = weir_doc::from_json(&std::fs::read(&file).unwrap()).unwrap();
        for group in groups.as_seq().unwrap() {
            let base = group.get("base").unwrap();
            for case in group.get("cases").unwrap().as_seq().unwrap() {
                cases += 1;
                let found = assess(&object(base, case), now);
                // Where ours is another answer on purpose, the case says which, and why.
                let expected = if case.str_at(&["differs"]).is_some() { case.get("ours").unwrap() } else { case };
                let told = |key| expected.str_at(&[key]).unwrap();
                let same = found.status.as_str() == told("status")
                    && (found.status == Status::Unknown
                        || without_numbers(&found.message) == without_numbers(told("message")));
                if !same {
                    differences += 1;
                    let kind = base.str_at(&["kind"]).unwrap();
                    println!("{kind}: {}", case.str_at(&["name"]).unwrap());
                    println!("  expected {}: {}", told("status"), told("message"));
                    println!("  found    {}: {}", found.status.as_str(), found.message);
                }
            }
        }
    }
    println!("{cases} cases, {differences} differences");
    assert_eq!(differences, 0, "see above");
}
