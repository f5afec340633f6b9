use clap::ValueEnum;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Encoding {
    Json,
    Console,
}

/// Logs weir's own messages as lines on standard error, with Flux's fields; of the libraries only warnings.
pub fn init(level: Level, encoding: Encoding) {
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let libraries = if level >= LevelFilter::WARN { LevelFilter::WARN } else { LevelFilter::OFF };
    // Each crate of ours begins with this name.
    let filter = Targets::new().with_default(libraries).with_target("weir", level);
    tracing_subscriber::registry().with(Lines(encoding).with_filter(filter)).init();
}

/// Panics are told by where they happened and, if it is a text of the program's own, what they say.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = weir_base::panic_text(panic.payload());
        match tracing::dispatcher::has_been_set() {
            true => tracing::error!(at, error = text, "a panic; this is a mistake in weir"),
            false => {
                let line = format!("weir: a panic at {at}: {text}; this is a mistake in weir\n");
                let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), line.as_bytes());
            }
        }
    }));
}

/// Writes each event as one line: its own fields, and those of the spans around it.
struct Lines(Encoding);

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(name(field), Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // What an apply did is a mapping, which fields of a log cannot be.
        let parsed = (field.name() == "output").then(|| serde_json::from_str(value).ok()).flatten();
        self.0.insert(name(field), parsed.unwrap_or_else(|| value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(name(field), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(name(field), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(name(field), value.into());
    }
}

fn name(field: &Field) -> String {
    if field.name() == "message" { "msg" } else { field.name() }.to_owned()
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Map::new();
        line.insert("level".to_owned(), level_name(*event.metadata().level()).into());
        line.insert("ts".to_owned(), jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string().into());
        line.insert("logger".to_owned(), event.metadata().target().replace("::", ".").into());
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.extend(fields.0.clone());
            }
        }
        let mut own = Fields::default();
        event.record(&mut own);
        line.extend(own.0);
        let text = match self.0 {
            Encoding::Json => Value::Object(line).to_string(),
            Encoding::Console => console(&line),
        };
        // A reader that went away is no error.
        let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), format!("{text}\n").as_bytes());
    }
}

/// zap's words; `flux logs` knows debug, info and error.
fn level_name(level: tracing::Level) -> &'static str {
    match level {
        tracing::Level::ERROR => "error",
        // controller-runtime has no warnings.
        tracing::Level::WARN | tracing::Level::INFO => "info",
        tracing::Level::DEBUG => "debug",
        tracing::Level::TRACE => "trace",
    }
}

fn console(line: &Map<String, Value>) -> String {
    let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut out = format!("{}\t{}\t{}\t{}", text("ts"), text("level").to_uppercase(), text("logger"), text("msg"));
    for (key, value) in line.iter().filter(|(key, _)| !["ts", "level", "logger", "msg"].contains(&key.as_str())) {
        let _ = write!(out, "\t{key}={value}");
    }
    out
}
