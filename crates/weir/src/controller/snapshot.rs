//! `/debug/pprof/`: what the process is doing, as text.
//!
//! Flux serves Go's profiles there. A sampling profiler in the process would need a signal handler that unwinds, and some
//! thirty more packages; `perf record -p PID` sees the same from outside. So this shows the state of the runtime only.

use std::fmt::Write;
use std::sync::Arc;
use tokio::runtime::Handle;
use weir_kube::Hub;
use weir_runtime::Outbox;
use weir_runtime::metrics::Metrics;

const INDEX: &str = "/debug/pprof/\n\nruntime\tmemory, threads, tasks, queues, watches\n\n\
    There are no profiles here: take one of CPU time with `perf record -g -p PID`.\n";

/// What is shown.
#[derive(Clone)]
pub struct Snapshot {
    pub handle: Handle,
    pub hub: Arc<Hub>,
    pub outbox: Outbox,
    pub metrics: Arc<Metrics>,
}

impl Snapshot {
    /// The text at a path, if there is one.
    pub fn at(&self, path: &str) -> Option<String> {
        match path {
            "/debug/pprof" | "/debug/pprof/" => Some(INDEX.to_owned()),
            "/debug/pprof/runtime" => Some(self.runtime()),
            _ => None,
        }
    }

    fn runtime(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(out, "{name}: {value}");
        };
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        for (field, name) in [("VmRSS", "resident memory"), ("VmHWM", "resident memory, peak"), ("Threads", "threads")]
        {
            let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            line(name, value.map_or("unknown", str::trim));
        }
        let files = std::fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or_default();
        line("open files", &files.to_string());
        let tokio = self.handle.metrics();
        line("workers", &tokio.num_workers().to_string());
        line("tasks", &tokio.num_alive_tasks().to_string());
        line("tasks waiting for a worker", &tokio.global_queue_depth().to_string());
        for worker in 0..tokio.num_workers() {
            let busy = tokio.worker_total_busy_duration(worker).as_secs_f64();
            line(&format!("worker {worker}, busy seconds"), &format!("{busy:.3}"));
        }
        line("watch streams", &self.hub.streams().to_string());
        line("events not delivered yet", &self.outbox.waiting().to_string());
        for series in ["workqueue_depth{", "controller_runtime_active_workers{"] {
            let text = self.metrics.text();
            for found in text.lines().filter(|line| line.starts_with(series)) {
                if let Some((name, value)) = found.rsplit_once(' ') {
                    line(name, value);
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_state_of_the_process_is_shown() {
        let snapshot = Snapshot {
            handle: Handle::current(),
            hub: Arc::default(),
            outbox: Outbox::default(),
            metrics: Arc::default(),
        };
        let text = snapshot.at("/debug/pprof/runtime").expect("is served");
        for name in ["threads: ", "workers: 1\n", "tasks: ", "watch streams: 0\n", "events not delivered yet: 0\n"] {
            assert!(text.contains(name), "{name}: {text}");
        }
        assert!(snapshot.at("/debug/pprof/").is_some_and(|index| index.contains("perf record")));
        assert_eq!(snapshot.at("/debug/pprof/heap"), None);
    }
}
