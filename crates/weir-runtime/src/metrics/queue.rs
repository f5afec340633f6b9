use super::{Metrics, series};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The queue of one kind as client-go's metrics describe it. The queue itself is kube's, which says
/// nothing about its length: an object counts as waiting from what made it due until its pass begins.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    metrics: Arc<Metrics>,
    /// The kind in lower case: controller-runtime's name of the controller.
    controller: String,
    waiting: Arc<Mutex<HashMap<String, Instant>>>,
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Success,
    Error,
    RequeueAfter,
}

impl Queue {
    pub fn new(metrics: Arc<Metrics>, kind: &str, concurrency: u16) -> Self {
        let queue = Self { metrics, controller: kind.to_lowercase(), waiting: Arc::default() };
        let controller = &[("controller", queue.controller.as_str())][..];
        queue.metrics.set(&series::MAX_CONCURRENT, controller, f64::from(concurrency));
        for family in [&series::ACTIVE_WORKERS, &series::RECONCILE_ERRORS, &series::RECONCILE_PANICS] {
            queue.metrics.add(family, controller, 0.0);
        }
        for result in ["error", "requeue", "requeue_after", "success"] {
            queue.metrics.add(&series::RECONCILES, &queue.result(result), 0.0);
        }
        for family in [&series::QUEUE_DEPTH, &series::QUEUE_ADDS, &series::QUEUE_RETRIES] {
            queue.metrics.add(family, &queue.name(), 0.0);
        }
        queue
    }

    fn name(&self) -> [(&'static str, &str); 2] {
        [("controller", &self.controller), ("name", &self.controller)]
    }

    fn result<'a>(&'a self, result: &'a str) -> [(&'static str, &'a str); 2] {
        [("controller", &self.controller), ("result", result)]
    }

    /// Something made an object due.
    pub fn added(&self, key: String) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.contains_key(&key) {
            return;
        }
        waiting.insert(key, Instant::now());
        self.metrics.add(&series::QUEUE_ADDS, &self.name(), 1.0);
        self.metrics.set(&series::QUEUE_DEPTH, &self.name(), waiting.len() as f64);
    }

    /// Its pass begins.
    pub fn began(&self, key: &str) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = match waiting.remove(key) {
            Some(since) => since.elapsed(),
            // Its time had come: it was added and taken at once.
            None => {
                self.metrics.add(&series::QUEUE_ADDS, &self.name(), 1.0);
                Duration::ZERO
            }
        };
        self.metrics.set(&series::QUEUE_DEPTH, &self.name(), waiting.len() as f64);
        self.metrics.observe(&series::QUEUE_DURATION, &self.name(), waited.as_secs_f64());
        self.metrics.add(&series::ACTIVE_WORKERS, &[("controller", &self.controller)], 1.0);
    }

    pub fn ended(&self, took: Duration, verdict: Verdict) {
        let controller = &[("controller", self.controller.as_str())][..];
        let result = match verdict {
            Verdict::Success => "success",
            Verdict::Error => "error",
            Verdict::RequeueAfter => "requeue_after",
        };
        self.metrics.add(&series::ACTIVE_WORKERS, controller, -1.0);
        self.metrics.observe(&series::RECONCILE_TIME, controller, took.as_secs_f64());
        self.metrics.observe(&series::QUEUE_WORK, &self.name(), took.as_secs_f64());
        self.metrics.add(&series::RECONCILES, &self.result(result), 1.0);
        if verdict == Verdict::Error {
            self.metrics.add(&series::RECONCILE_ERRORS, controller, 1.0);
            self.metrics.add(&series::QUEUE_RETRIES, &self.name(), 1.0);
        }
    }

    pub fn panicked(&self) {
        self.metrics.add(&series::RECONCILE_PANICS, &[("controller", &self.controller)], 1.0);
    }
}
