//! Histories of applies: what Flux's own packages made of them on a real API server (`tools/fluxssa
//! histories`, asked anew by `cargo xtask conformance --rerun`), and what our engine makes of them there
//! and on the embedded one. Compared are the change sets in their order, which object failed and why,
//! the objects in the end, and who owns which of their fields.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

mod history;
mod reduce;
mod run;

use futures::{StreamExt, stream};
use history::{History, Step};
use run::Run;
use std::path::Path;
use weir_apply::Tracker;
use weir_doc::Node;
use weir_kube::Session;

/// Histories under way at once.
const AT_ONCE: usize = 8;

/// Runs all histories, and compares each with what is expected; `server` is the key of the answers that are ours alone.
/// What differs is written to a file, to be read before it becomes an entry of `differs.json`.
async fn compare(session: Session, server: &str) {
    let (setup, histories) = history::load();
    let answers = answers(&session, &setup, &histories, false, server == "embedded").await;
    differ(&histories, &answers, [server, server], |answer, wanted| answer == wanted);
}

/// The answer to each history; an engine that `knows` remembers the objects from step to step, and a cluster that
/// `binds` gives each claim its volume.
async fn answers(session: &Session, setup: &[Node], histories: &[History], knows: bool, binds: bool) -> Vec<Node> {
    for object in setup {
        session.create(object, "test").await.unwrap();
    }
    stream::iter(histories.iter().enumerate())
        .map(|(at, history)| {
            let session = session.clone();
            async move {
                let tracker = knows.then(|| Tracker::new(run::owner(), run::MANAGER, Vec::new(), || {}));
                let namespace = format!("h-{at}");
                Run { session: &session, history, namespace: &namespace, tracker: tracker.as_ref(), binds }
                    .answer()
                    .await
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}

fn differ(histories: &[History], answers: &[Node], [server, file]: [&str; 2], is_same: impl Fn(&Node, &Node) -> bool) {
    let (expected, differs) = (history::expected(), history::differences());
    let mut found = String::new();
    for (history, answer) in histories.iter().zip(answers) {
        let original = expected.get(&history.name).unwrap_or_else(|| panic!("{} was not asked", history.name));
        let ours = differs.get(&history.name).and_then(|entry| entry.get(server).or_else(|| entry.get("ours")));
        let wanted = ours.unwrap_or(original);
        if !is_same(answer, wanted) || ours == Some(original) {
            println!("{}\n{}", history.name, weir_conformance::diff(&pretty(wanted), &pretty(answer)));
            let text = String::from_utf8(weir_doc::to_json(answer)).unwrap();
            found += &format!("{}: {text}\n", serde_json::to_string(&history.name).unwrap());
        }
    }
    let differences = found.lines().count();
    println!("{} histories, {differences} differences", histories.len());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ssa-{file}.txt"));
    std::fs::write(&file, found).unwrap();
    assert_eq!(differences, 0, "see above, and {}", file.display());
}

/// The objects in the end, and which steps failed.
fn outcome(answer: &Node) -> (Option<&Node>, Vec<Option<&Node>>) {
    let steps = answer.get("steps").and_then(Node::as_seq).unwrap();
    (answer.get("objects"), steps.iter().map(|step| step.get("error")).collect())
}

fn pretty(node: &Node) -> String {
    serde_json::to_string_pretty(&weir_doc::to_value(node)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_api_server() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubed = weir_testkit::Kubed::start();
    let config = kube::config::Kubeconfig::read_from(kubed.kubeconfig()).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.unwrap();
    compare(Session::new(kube::Client::try_from(config).unwrap()), "real").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_embedded_api_server() {
    let sandbox = weir_sandbox::Sandbox::open(Default::default()).unwrap();
    compare(Session::new(kube::Client::new(sandbox.service(), "default")), "embedded").await;
}

/// What is remembered changes no outcome. Only histories in which nobody else writes: what others do is seen a little
/// later, by watches. Nor are the reported changes compared: they depend on how far the watches have come.
#[tokio::test(flavor = "multi_thread")]
async fn with_what_is_known_of_the_objects() {
    let sandbox = weir_sandbox::Sandbox::open(Default::default()).unwrap();
    let session = Session::new(kube::Client::new(sandbox.service(), "default"));
    let (setup, mut histories) = history::load();
    histories.retain(|history| history.steps.iter().all(|step| matches!(step, Step::Apply { .. })));
    let answers = answers(&session, &setup, &histories, true, true).await;
    differ(&histories, &answers, ["embedded", "known"], |answer, wanted| outcome(answer) == outcome(wanted));
}
