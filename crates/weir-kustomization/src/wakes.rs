//! Waking a Kustomization that waits for health.

use crate::triggers::Key;
use futures::{StreamExt, stream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use weir_runtime::Trigger;

/// A rollout changes its object several times in a row: one look answers for all changes of this time.
const GAP: Duration = Duration::from_millis(200);

/// The way from a change of a waited-for object to the queue.
#[derive(Debug)]
pub(crate) struct Wakes {
    queue: UnboundedSender<Key>,
    woken: Arc<Mutex<Option<UnboundedReceiver<Key>>>>,
}

impl Default for Wakes {
    fn default() -> Self {
        let (queue, woken) = unbounded_channel();
        Self { queue, woken: Arc::new(Mutex::new(Some(woken))) }
    }
}

#[derive(Debug, Default)]
struct Pace {
    last: Option<Instant>,
    is_due: bool,
}

impl Wakes {
    /// What makes one Kustomization due. At once, when it was left alone for a while.
    pub fn of(&self, key: Key) -> impl Fn() + Send + Sync + 'static {
        let (queue, pace) = (self.queue.clone(), Arc::new(Mutex::new(Pace::default())));
        move || {
            let wait = {
                let mut pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
                if std::mem::replace(&mut pace.is_due, true) {
                    return;
                }
                pace.last.map_or(Duration::ZERO, |last| GAP.saturating_sub(last.elapsed()))
            };
            let (queue, key, pace) = (queue.clone(), key.clone(), pace.clone());
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                *pace.lock().unwrap_or_else(PoisonError::into_inner) =
                    Pace { last: Some(Instant::now()), is_due: false };
                // Nobody listens any more at the end of the process.
                let _ = queue.send(key);
            });
        }
    }

    /// The trigger; there is one.
    pub fn trigger(&self) -> impl FnOnce() -> Trigger + Send + 'static {
        let woken = self.woken.clone();
        move || match woken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(woken) => {
                stream::unfold(woken, |mut woken| async { woken.recv().await.map(|key| (key, woken)) }).boxed()
            }
            None => stream::empty().boxed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_changes_are_few_looks() {
        let wakes = Wakes::default();
        let mut woken = wakes.trigger()();
        let wake = wakes.of(("team".to_owned(), "x".to_owned()));
        (0..10).for_each(|_| wake());
        assert_eq!(woken.next().await, Some(("team".to_owned(), "x".to_owned())), "the first at once");
        (0..10).for_each(|_| wake());
        assert!(woken.next().await.is_some(), "and those after it together");
        let more = tokio::time::timeout(2 * GAP, woken.next()).await;
        assert!(more.is_err(), "nothing is left");
    }
}
