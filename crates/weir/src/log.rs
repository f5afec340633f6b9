use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Logs weir's own messages as JSON lines on standard error; of the libraries only warnings.
pub fn init(level: Level) {
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let ours = ["apply", "artifact", "git", "kube", "kustomization", "runtime", "sandbox", "source"]
        .map(|name| format!("weir_{name}={level}"))
        .join(",");
    let libraries = if level >= LevelFilter::WARN { "warn" } else { "off" };
    let filter = EnvFilter::builder().parse_lossy(format!("{libraries},weir={level},{ours}"));
    tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).with_writer(std::io::stderr).init();
}
