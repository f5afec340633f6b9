//! Hostile expressions end with an error, within the budget and without the stack's end.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use std::time::{Duration, Instant};
use weir_base::{Budget, Diagnose, Exhausted};
use weir_cel::{CelError, Program, Variables};

/// What a controller gives an expression.
const STEPS: u64 = 1_000_000;
const BYTES: u64 = 16 << 20;

/// Far more than any of these takes; what is not bounded takes hours.
const LIMIT: Duration = Duration::from_secs(20);

fn outcome(text: &str) -> Result<String, CelError> {
    let program = Program::parse(text)?;
    let value = program.eval(&Variables::new(), &Budget::new(STEPS, BYTES))?;
    Ok(value.kind().name().to_owned())
}

#[track_caller]
fn runs_out(name: &str, text: &str) -> Exhausted {
    let began = Instant::now();
    let outcome = outcome(text);
    let took = began.elapsed();
    println!("{name}: {took:?}");
    assert!(took < LIMIT, "{name} took {took:?}");
    match outcome {
        Err(error @ CelError::Exhausted { cause, .. }) => {
            assert!(error.remedy().is_some(), "{error}");
            cause
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn nested_comprehensions_run_out_of_steps() {
    let list = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]";
    for (name, call) in [("all", "all(x, "), ("map", "map(x, "), ("filter", "filter(x, ")] {
        let text = format!("{}true{}", format!("{list}.{call}").repeat(20), ")".repeat(20));
        // A filter wants a bool, which the filter in it is not.
        if name == "filter" {
            assert!(outcome(&text).is_err());
        } else {
            runs_out(name, &text);
        }
    }
    let text = format!("{}false{}", format!("{list}.exists(x, ").repeat(20), ")".repeat(20));
    assert_eq!(runs_out("exists", &text), Exhausted::Fuel { limit: STEPS });
}

#[test]
fn what_doubles_runs_out_of_bytes_or_steps() {
    let doubled = |start: &str, call: &str| format!("{start}{}", format!(".optMap(x, {call})").repeat(60));
    runs_out("string", &doubled("optional.of('0123456789abcdef')", "x + x"));
    runs_out("bytes", &doubled("optional.of(b'0123456789abcdef')", "x + x"));
    runs_out("list", &doubled("optional.of([1, 2, 3, 4])", "x + x"));
    runs_out("replace", &doubled("optional.of('0123456789abcdef')", "x.replace('', x)"));
    runs_out("join", &doubled("optional.of('0123456789abcdef')", "[x, x, x].join(x)"));
    runs_out("format", &doubled("optional.of('0123456789abcdef')", "'%s%s'.format([x, x])"));
    runs_out("quote", &doubled("optional.of('\"\"\"\"\"\"\"\"')", "strings.quote(x)"));
    runs_out("hex", &doubled("optional.of('0123456789abcdef')", "'%x'.format([x])"));
    runs_out("base64", &doubled("optional.of(b'0123456789abcdef')", "bytes(base64.encode(x))"));
    let nested = doubled("optional.of([1])", "[x, x]");
    runs_out("equal", &format!("{nested} == {nested}"));
    runs_out("shown", &format!("'%s'.format([{nested}.value()])"));
    assert!(outcome("'%.1000000f'.format([0.5])").is_ok());
    assert!(outcome("'%.99999999999f'.format([0.5])").is_err());
}

#[test]
fn patterns_cost_what_they_may_take() {
    let text = "optional.of('aaaaaaaaaaaaaaaa')".to_owned() + &".optMap(x, x + x)".repeat(14);
    runs_out("long text", &format!("{text}.value().matches('(a|aa|aaa)*b')"));
    // Patterns that are in many states at once.
    let text = "optional.of('aaaaaaaaaaaaaaaa')".to_owned() + &".optMap(x, x + x)".repeat(10) + ".value()";
    for pattern in [
        r"(?:a?){300}(?:a?b?){100}c",
        r"(?:[a-z]|\\pL){40}(?:a|\\w){30}\\d$",
        r"(?:.{0,60}a){9}b",
        r"(?:\\pL\\pN?){40}$",
    ] {
        let began = Instant::now();
        let outcome = outcome(&format!(
            "[1, 2, 3, 4, 5, 6, 7, 8, 9].exists(y, [1, 2, 3, 4, 5, 6, 7, 8, 9].exists(z, {text}.matches('{pattern}')))"
        ));
        println!("{pattern}: {:?}", began.elapsed());
        assert!(outcome.is_err(), "{outcome:?}");
        assert!(began.elapsed() < LIMIT, "{pattern}");
    }
    // Not backtracking: a classic bomb is nothing here.
    assert_eq!(outcome("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.matches('(a+)+$b')"), Ok("bool".to_owned()));
    let error = Program::parse(r"'a'.matches('(\\pL{100}){9}(\\pL{100}){9}')").expect_err("too large");
    assert!(error.is_invalid() && error.to_string().contains("too large a pattern"), "{error}");
    // Compiled anew each time, since it is no constant.
    let pattern = r"'(\\pL{9}){' + string(x) + '}'";
    let text = format!(
        "[1, 2, 3, 4, 5, 6, 7, 8, 9].map(x, [1, 2, 3, 4, 5, 6, 7, 8, 9].map(y, [1, 2, 3, 4].map(z, 'a'.matches({pattern}))))"
    );
    runs_out("dynamic pattern", &text);
}

#[test]
fn types_cannot_be_larger_than_the_check() {
    let text = format!("optional.of({{1: 1}}){} == optional.of(1)", ".optMap(x, {x: x})".repeat(40));
    let began = Instant::now();
    let error = Program::parse(&text).expect("an expression").check(&[]).expect_err("too complex");
    assert!(began.elapsed() < LIMIT);
    assert!(error.is_invalid() && error.to_string().contains("too complex"), "{error}");
}

#[test]
fn cancelling_ends_an_evaluation() {
    let budget = Budget::standard();
    budget.cancel();
    let program = Program::parse("true").expect("an expression");
    let error = program.eval(&Variables::new(), &budget).expect_err("cancelled");
    assert!(matches!(error, CelError::Exhausted { cause: Exhausted::Cancelled, .. }), "{error:?}");
}

/// A megabyte is half of what a worker of the runtime has.
#[test]
fn what_is_nested_deeply_is_refused_before_the_stack_ends() {
    let check = || {
        // What is repeated before, in and after the middle.
        let shapes = [
            ("(", "1", ")"),
            ("[", "1", "]"),
            ("{1: ", "1", "}"),
            ("!(", "true", ")"),
            ("-(", "1", ")"),
            ("[1].all(x, ", "true", ")"),
            ("[1].map(x, ", "1", ")"),
            ("optional.of(1).optMap(x, ", "1", ")"),
            ("size(", "'a'", ")"),
            ("", "1", " + 1"),
            ("", "self", ".a"),
            ("true ? false : ", "true", ""),
        ];
        for (open, inner, close) in shapes {
            let nested = |count: usize| format!("{}{inner}{}", open.repeat(count), close.repeat(count));
            // Whatever it is worth: it is read, checked, evaluated and dropped.
            let program = Program::parse(&nested(240)).expect("not too deep");
            let _ = program.check(&["self"]);
            let _ = program.eval(&Variables::new(), &Budget::new(STEPS, BYTES));
            for count in [300, 3_000] {
                let error = Program::parse(&nested(count)).expect_err("too deep");
                assert!(error.is_invalid() && error.to_string().contains("nested more than"), "{error}");
            }
        }
        let open = "(".repeat(90_000);
        assert!(Program::parse(&open).is_err());
        let long = format!("true{}", " && true".repeat(10_000));
        assert_eq!(outcome(&long), Ok("bool".to_owned()));
        let error = Program::parse(&" ".repeat(100_001)).expect_err("too long");
        assert!(error.to_string().contains("100001 characters"), "{error}");
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(check).unwrap().join().unwrap();
}
