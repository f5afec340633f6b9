use super::cluster::list;
use super::kind::{Kind, condition, is_suspended, readiness};
use super::{About, Cluster, Say};
use crate::error::CliError;
use weir_doc::Node;
use weir_object::meta;

/// Show the state of objects.
#[derive(clap::Parser)]
pub struct Get {
    #[command(subcommand)]
    about: About<Args>,
}

#[derive(clap::Args)]
pub struct Args {
    /// Only this object.
    name: Option<String>,
    /// Those of all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// No line with the columns' names.
    #[arg(long)]
    no_header: bool,
    /// Only those with these labels.
    #[arg(short, long, value_name = "SELECTOR")]
    label_selector: Option<String>,
    /// Only those with a condition: TYPE=STATUS or TYPE!=STATUS.
    #[arg(long, value_name = "CONDITION", value_parser = status)]
    status_selector: Option<Status>,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Clone, Debug)]
struct Status {
    kind: String,
    status: String,
    is_negated: bool,
}

fn status(text: &str) -> Result<Status, String> {
    let (parts, is_negated) = match text.split_once("!=") {
        Some(parts) => (Some(parts), true),
        None => (text.split_once('='), false),
    };
    let (kind, status) = parts.ok_or("write TYPE=STATUS or TYPE!=STATUS")?;
    Ok(Status { kind: kind.to_owned(), status: status.to_owned(), is_negated })
}

impl Status {
    fn fits(&self, object: &Node) -> bool {
        let found = condition(object, &self.kind).and_then(|found| found.str_at(&["status"]));
        found.is_some_and(|status| status.eq_ignore_ascii_case(&self.status)) != self.is_negated
    }
}

pub(super) async fn run(get: Get, say: &Say<'_>) -> Result<(), CliError> {
    let (kind, args) = get.about.parts();
    let cluster = &args.cluster;
    let (namespace, shown) = match args.all_namespaces {
        true => ("", "any".to_owned()),
        false => (cluster.namespace.as_str(), format!("\"{}\"", cluster.namespace)),
    };
    let session = cluster.connect().await?;
    let mut objects = cluster.within(list(&session, kind, namespace, args.label_selector.as_deref())).await?;
    objects.retain(|object| args.name.is_none() || meta::name(object) == args.name.as_deref());
    if objects.is_empty() {
        let title = kind.info.kind;
        return Err(CliError::new(match &args.name {
            Some(name) => format!("{title} object '{name}' not found in {shown} namespace"),
            None => format!("no {title} objects found in {shown} namespace"),
        }));
    }
    objects.retain(|object| args.status_selector.as_ref().is_none_or(|status| status.fits(object)));
    let mut rows: Vec<Vec<String>> = Vec::new();
    if !args.no_header {
        let names = ["NAMESPACE", "NAME", "REVISION", "SUSPENDED", "READY", "MESSAGE"];
        rows.push(names.iter().skip(usize::from(!args.all_namespaces)).map(|name| (*name).to_owned()).collect());
    }
    rows.extend(objects.iter().map(|object| row(kind, object, args.all_namespaces)));
    if !rows.is_empty() {
        say.data(&table(&rows));
    }
    Ok(())
}

fn row(kind: &Kind, object: &Node, with_namespace: bool) -> Vec<String> {
    let (ready, message) = readiness(object);
    let revision = object.path(kind.revision).and_then(Node::as_str).unwrap_or_default();
    let suspended = if is_suspended(object) { "True" } else { "False" };
    let own = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let mut cells = vec![own(meta::name(object)), short(revision), suspended.to_owned(), ready, short(&message)];
    if with_namespace {
        cells.insert(0, own(meta::namespace(object)));
    }
    cells
}

/// Columns as wide as their widest cell, a tab between them.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("\t").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Digests and commits by their first eight characters.
fn short(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let is_hex = (40..=128).contains(&word.len()) && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        out.push_str(if is_hex { &word[..8] } else { word });
        let next = after.find(is_word).unwrap_or(after.len());
        out.push_str(&after[..next]);
        rest = &after[next..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_digests_are_cut() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(short(&format!("main@sha1:{commit}")), "main@sha1:01234567");
        assert_eq!(short(&format!("for '{commit}', {commit}x")), format!("for '01234567', {commit}x"));
        assert_eq!(short("äbc"), "äbc");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["NAME".to_owned(), "READY".to_owned()], vec!["a".to_owned(), "True".to_owned()]];
        assert_eq!(table(&rows), "NAME\tREADY\na   \tTrue");
    }

    #[test]
    fn conditions_select() {
        let object = weir_doc::from_json(br#"{"status":{"conditions":[{"type":"Ready","status":"False"}]}}"#);
        let object = object.expect("is JSON");
        for (text, expected) in
            [("ready=false", true), ("Ready=True", false), ("Ready!=True", true), ("Other!=True", true)]
        {
            assert_eq!(status(text).expect("is a condition").fits(&object), expected, "{text}");
        }
        assert!(status("Ready").is_err());
    }
}
