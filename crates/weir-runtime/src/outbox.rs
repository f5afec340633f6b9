//! Events that were said and are not delivered yet, so that the end of a process can wait for them.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Counts what is under way in every sink of a process.
#[derive(Clone, Debug)]
pub struct Outbox(Arc<State>);

#[derive(Debug)]
struct State {
    waiting: watch::Sender<usize>,
    ending: watch::Sender<bool>,
}

/// One event; delivered, or given up, when it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<State>);

impl Default for Outbox {
    fn default() -> Self {
        Self(Arc::new(State { waiting: watch::Sender::new(0), ending: watch::Sender::new(false) }))
    }
}

impl Outbox {
    pub(crate) fn add(&self) -> Waiting {
        self.0.waiting.send_modify(|count| *count += 1);
        Waiting(self.0.clone())
    }

    /// Events that are not delivered yet.
    pub fn waiting(&self) -> usize {
        *self.0.waiting.borrow()
    }

    /// Sleeps between two tries; at the end of the process there is no rest.
    pub(crate) async fn rest(&self, time: Duration) {
        let mut ending = self.0.ending.subscribe();
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = ending.wait_for(|ending| *ending) => {}
        }
    }

    /// Whether each event gets one more try and no other.
    pub(crate) fn is_ending(&self) -> bool {
        *self.0.ending.borrow()
    }

    /// Waits until all are delivered or given up, at most so long. Returns how many are left.
    pub async fn finish(&self, within: Duration) -> usize {
        self.0.ending.send_replace(true);
        let mut waiting = self.0.waiting.subscribe();
        match tokio::time::timeout(within, waiting.wait_for(|count| *count == 0)).await {
            Ok(_) => 0,
            Err(_) => self.waiting(),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|count| *count = count.saturating_sub(1));
    }
}
