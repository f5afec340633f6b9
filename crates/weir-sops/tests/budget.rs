//! Hostile files end in an error that names the limit.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test")]

use weir_base::{Budget, Diagnose};
use weir_sops::{File, Format, MAX_FILE};

fn refused(text: &[u8], format: Format) -> String {
    let budget = Budget::new(1_000_000, 64 << 20);
    File::parse(text, format, "f", &budget).expect_err("it is refused").report().to_string()
}

#[test]
fn aliases_cannot_multiply() {
    let mut text = String::from("a0: &a0 {k: v}\n");
    for level in 1..40 {
        text += &format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1);
    }
    assert!(refused(text.as_bytes(), Format::Yaml).contains("the document is too large"));
    let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(1000));
    assert!(refused(long.as_bytes(), Format::Yaml).contains("bytes"));
    assert!(
        refused(b"a: &a [*a]\n", Format::Yaml).contains("f:1: not a valid yaml file: anchor 'a' value contains itself")
    );
}

#[test]
fn nesting_is_bounded() {
    for (open, format) in [("[", Format::Yaml), ("{a: ", Format::Yaml), ("{\"a\":", Format::Json), ("- ", Format::Yaml)]
    {
        let text = format!("{}{}", if format == Format::Yaml { "a:\n " } else { "" }, open.repeat(5000));
        let found = refused(text.as_bytes(), format);
        assert!(found.contains("nested more than 256 levels deep"), "{open}: {found}");
    }
}

#[test]
fn size_and_metadata_are_bounded() {
    let found = refused(&vec![b'a'; MAX_FILE + 1], Format::Yaml);
    assert!(found.starts_with("f: the file has 5242881 bytes, and may have 5242880"), "{found}");
    let keys = "    - {recipient: age1x, enc: x}\n".repeat(2000);
    let text = format!("a: b\nsops:\n  lastmodified: \"2024-01-01T00:00:00Z\"\n  age:\n{keys}");
    assert!(refused(text.as_bytes(), Format::Yaml).contains("f:2: the sops metadata cannot be read: it has more than"));
}

#[test]
fn metadata_that_say_nothing_are_told_apart() {
    let budget = Budget::standard();
    assert!(File::parse(b"a: b\n", Format::Yaml, "f", &budget).unwrap().is_none());
    assert!(File::parse(b"", Format::Yaml, "f", &budget).unwrap().is_none());
    assert!(File::parse(b"A=b\n", Format::Dotenv, "f", &budget).unwrap().is_none());
    assert!(
        refused(b"a: b\nsops: x\n", Format::Yaml).contains("f:2: the sops metadata cannot be read: sops is a string")
    );
    let none = "a: b\nsops:\n  lastmodified: \"2024-01-01T00:00:00Z\"\n  mac: x\n";
    assert!(refused(none.as_bytes(), Format::Yaml).contains("it names no key"));
    let both = "sops:\n  lastmodified: \"2024-01-01T00:00:00Z\"\n  encrypted_regex: a\n  unencrypted_suffix: b\n";
    assert!(
        refused(both.as_bytes(), Format::Yaml)
            .contains("unencrypted_suffix and encrypted_regex cannot be used together")
    );
}

#[test]
fn a_canceled_budget_stops_the_work() {
    let budget = Budget::standard();
    budget.cancel();
    assert!(File::parse(b"a: b\n", Format::Yaml, "f", &budget).is_err());
}
