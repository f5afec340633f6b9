use super::cluster::list;
use super::kind::{ALL, Kind, condition, is_suspended, readiness};
use super::{About, Cluster, Say};
use crate::error::CliError;
use clap::{Subcommand, ValueEnum};
use futures::StreamExt;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, WatchEvent, WatchParams};
use std::pin::pin;
use weir_doc::Node;
use weir_kube::Session;
use weir_object::meta;

/// Show the state of objects.
#[derive(clap::Parser)]
pub struct Get {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    #[command(flatten)]
    One(About<Args, KustomizationArgs>),
    /// Objects of all kinds.
    All(Args),
}

#[derive(clap::Args)]
pub struct Args {
    /// Only this object.
    name: Option<String>,
    /// Those of all namespaces.
    #[arg(short = 'A', long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    all_namespaces: bool,
    /// No line with the columns' names.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    no_header: bool,
    /// Only those with these labels.
    #[arg(short, long, value_name = "SELECTOR")]
    label_selector: Option<String>,
    /// Only those with a condition: TYPE=STATUS or TYPE!=STATUS.
    #[arg(long, value_name = "CONDITION", value_parser = status)]
    status_selector: Option<Status>,
    /// Show each change that follows too, until --timeout or Ctrl-C.
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    watch: bool,
    /// How the objects are printed; flux prints tables only.
    #[arg(short, long, default_value = "table", value_name = "FORMAT", conflicts_with = "watch")]
    output: Format,
    #[arg(skip)]
    show_source: bool,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(clap::Args)]
pub struct KustomizationArgs {
    #[command(flatten)]
    args: Args,
    /// The source of each too.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    show_source: bool,
}

impl From<KustomizationArgs> for Args {
    fn from(KustomizationArgs { args, show_source }: KustomizationArgs) -> Self {
        Self { show_source, ..args }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Yaml,
    /// KIND.GROUP/NAME, a line each.
    Name,
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
    let (kind, args) = match get.what {
        What::One(about) => about.parts(),
        What::All(args) => return all(&args, say).await,
    };
    let cluster = &args.cluster;
    let (namespace, shown) = args.scope();
    let session = cluster.connect().await?;
    if args.watch {
        let watched = tokio::time::timeout(cluster.timeout, watch(kind, &args, namespace, &session, say));
        // Its end is what was asked for.
        return watched.await.unwrap_or(Ok(()));
    }
    let mut objects = cluster.within(args.list(kind, &session)).await?;
    if objects.is_empty() {
        let title = kind.info.kind;
        return Err(CliError::new(match &args.name {
            Some(name) => format!("{title} object '{name}' not found in {shown} namespace"),
            None => format!("no {title} objects found in {shown} namespace"),
        }));
    }
    objects.retain(|object| args.fits(object));
    match args.output {
        Format::Table => args.print(kind, &objects, !args.no_header, say),
        format => say.data(shown_as(format, kind, objects, args.name.is_some()).trim_end()),
    }
    Ok(())
}

/// A table for each kind that has objects; one that is not served is none.
async fn all(args: &Args, say: &Say<'_>) -> Result<(), CliError> {
    if args.watch || args.output != Format::Table || args.name.is_some() {
        return Err(CliError::new("`get all` shows tables of all objects: ask for one kind to choose more"));
    }
    let session = args.cluster.connect().await?;
    for kind in ALL {
        match args.cluster.within(args.list(kind, &session)).await {
            Ok(mut objects) => {
                objects.retain(|object| args.fits(object));
                if !objects.is_empty() {
                    let columns = Columns { with_kind: true, ..args.columns() };
                    say.data(&format!("{}\n", columns.table(kind, &objects, !args.no_header)));
                }
            }
            Err(error) => say.failure(&error.to_string()),
        }
    }
    Ok(())
}

/// What a table has besides the columns that all have.
#[derive(Clone, Copy)]
struct Columns {
    with_namespace: bool,
    with_kind: bool,
    with_source: bool,
}

impl Columns {
    fn table(self, kind: &Kind, objects: &[Node], with_header: bool) -> String {
        let mut rows: Vec<Vec<String>> = Vec::new();
        if with_header {
            let columns = [
                (self.with_namespace, "NAMESPACE"),
                (true, "NAME"),
                (self.with_source, "SOURCE"),
                (true, "REVISION"),
                (true, "SUSPENDED"),
                (true, "READY"),
                (true, "MESSAGE"),
            ];
            rows.push(columns.iter().filter(|(is_shown, _)| *is_shown).map(|(_, name)| (*name).to_owned()).collect());
        }
        rows.extend(objects.iter().map(|object| self.row(kind, object)));
        table(&rows)
    }

    fn row(self, kind: &Kind, object: &Node) -> Vec<String> {
        let (ready, message) = readiness(object);
        let revision = object.path(kind.revision).and_then(Node::as_str).unwrap_or_default();
        let suspended = if is_suspended(object) { "True" } else { "False" };
        let (namespace, name) = (meta::namespace(object).unwrap_or_default(), meta::name(object).unwrap_or_default());
        let name = if self.with_kind { format!("{}/{name}", kind.info.singular()) } else { name.to_owned() };
        let mut cells = Vec::new();
        if self.with_namespace {
            cells.push(namespace.to_owned());
        }
        cells.push(name);
        if self.with_source {
            let text = |key: &str| object.str_at(&["spec", "sourceRef", key]);
            let space = text("namespace").unwrap_or(namespace);
            let (source, name) = (text("kind").unwrap_or_default(), text("name").unwrap_or_default());
            cells.push(format!("{source}/{space}/{name}"));
        }
        cells.extend([short(revision), suspended.to_owned(), ready, short(&message)]);
        cells
    }
}

impl Args {
    fn fits(&self, object: &Node) -> bool {
        self.status_selector.as_ref().is_none_or(|status| status.fits(object))
    }

    /// The namespace that is asked, none for all, and what messages call it.
    fn scope(&self) -> (&str, String) {
        match self.all_namespaces {
            true => ("", "any".to_owned()),
            false => (&self.cluster.namespace, format!("\"{}\"", self.cluster.namespace)),
        }
    }

    async fn list(&self, kind: &Kind, session: &Session) -> Result<Vec<Node>, CliError> {
        let mut objects = list(session, kind, self.scope().0, self.label_selector.as_deref()).await?;
        objects.retain(|object| self.name.is_none() || meta::name(object) == self.name.as_deref());
        Ok(objects)
    }

    fn columns(&self) -> Columns {
        Columns { with_namespace: self.all_namespaces, with_kind: false, with_source: self.show_source }
    }

    fn print(&self, kind: &Kind, objects: &[Node], with_header: bool, say: &Say<'_>) {
        if with_header || !objects.is_empty() {
            say.data(&self.columns().table(kind, objects, with_header));
        }
    }
}

/// The objects as they are on the cluster, several of them in a list as kubectl's.
fn shown_as(format: Format, kind: &Kind, objects: Vec<Node>, is_one: bool) -> String {
    if format == Format::Name {
        let kind = format!("{}.{}", kind.info.singular(), kind.info.group);
        return objects.iter().filter_map(meta::name).map(|name| format!("{kind}/{name}\n")).collect();
    }
    let one = if is_one { objects.first().cloned() } else { None };
    let node = one.unwrap_or_else(|| {
        let mut list = Node::map();
        list.set("apiVersion", "v1");
        list.set("items", Node::from(objects));
        list.set("kind", "List");
        list
    });
    match format {
        Format::Json => format!("{:#}", weir_doc::to_value(&node)),
        _ => weir_doc::emit::to_yaml(&node),
    }
}

/// Prints the objects that are there, and then each as it changes.
async fn watch(kind: &Kind, args: &Args, namespace: &str, session: &Session, say: &Say<'_>) -> Result<(), CliError> {
    let resource = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(kind.info.group, kind.info.version, kind.info.kind),
        kind.plural,
    );
    let client = session.client().clone();
    let objects: Api<DynamicObject> = match namespace {
        "" => Api::all_with(client, &resource),
        namespace => Api::namespaced_with(client, namespace, &resource),
    };
    let mut wanted = WatchParams::default();
    if let Some(selector) = &args.label_selector {
        wanted = wanted.labels(selector);
    }
    if let Some(name) = &args.name {
        wanted = wanted.fields(&format!("metadata.name={name}"));
    }
    let failed = |error: &dyn std::fmt::Display| CliError::new(format!("the objects cannot be watched: {error}"));
    // From any state of the server: first come the objects that are there.
    let events = objects.watch(&wanted, "0").await.map_err(|error| failed(&error))?;
    let mut events = pin!(events);
    let mut with_header = !args.no_header;
    while let Some(event) = events.next().await {
        let object = match event.map_err(|error| failed(&error))? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => object,
            WatchEvent::Bookmark(_) => continue,
            WatchEvent::Error(error) => return Err(failed(&error.message)),
        };
        let value = serde_json::to_value(&object).map_err(|error| failed(&error))?;
        let object = weir_doc::from_value(&value);
        if args.fits(&object) {
            args.print(kind, &[object], std::mem::take(&mut with_header), say);
        }
    }
    Err(failed(&"the server ended it"))
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
    fn objects_are_printed_as_they_are() {
        let object = weir_doc::from_json(br#"{"metadata":{"name":"a"}}"#).expect("is JSON");
        let shown = |format, is_one| shown_as(format, &super::super::GIT, vec![object.clone()], is_one);
        assert_eq!(shown(Format::Name, true), "gitrepository.source.toolkit.fluxcd.io/a\n");
        assert_eq!(shown(Format::Yaml, true), "metadata:\n  name: a\n");
        assert_eq!(shown(Format::Yaml, false), "apiVersion: v1\nitems:\n- metadata:\n    name: a\nkind: List\n");
        assert_eq!(shown(Format::Json, true), "{\n  \"metadata\": {\n    \"name\": \"a\"\n  }\n}");
    }

    #[test]
    fn switches_may_have_a_value() {
        let parsed = |line: &str| {
            let args = |get: Get| match get.what {
                What::One(about) => about.parts().1,
                What::All(args) => args,
            };
            let get = <Get as clap::Parser>::try_parse_from(line.split_whitespace()).map(args);
            get.map(|args| (args.all_namespaces, args.watch, args.cluster.namespace)).map_err(|error| error.to_string())
        };
        let spaced = |name: &str| name.to_owned();
        assert_eq!(parsed("get sources git -A"), Ok((true, false, spaced("flux-system"))));
        assert_eq!(parsed("get source git -A=false --watch=true -n a"), Ok((false, true, spaced("a"))));
        assert_eq!(parsed("get source git -Awn a"), Ok((true, true, spaced("a"))));
        assert!(parsed("get source git -w -o yaml").is_err());
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
