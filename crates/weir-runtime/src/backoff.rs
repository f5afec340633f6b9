use crate::RetryDelay;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often each object has failed in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    delay: RetryDelay,
    failures: Mutex<HashMap<String, u32>>,
}

impl Backoff {
    pub fn new(delay: RetryDelay) -> Self {
        Self { delay, failures: Mutex::default() }
    }

    /// The delay after one more failure.
    pub fn next(&self, key: &str) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(key.to_owned()).or_default();
        let factor = 1u32.checked_shl(*count).unwrap_or(u32::MAX);
        let delay = self.delay.min.saturating_mul(factor).min(self.delay.max);
        *count = count.saturating_add(1);
        delay
    }

    pub fn reset(&self, key: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_limit_and_starts_anew_after_success() {
        let backoff = Backoff::default();
        assert_eq!(backoff.next("a"), Duration::from_millis(750));
        assert_eq!(backoff.next("a"), Duration::from_millis(1500));
        assert_eq!(backoff.next("b"), Duration::from_millis(750));
        for _ in 0..100 {
            backoff.next("a");
        }
        assert_eq!(backoff.next("a"), Duration::from_secs(15 * 60));
        backoff.reset("a");
        assert_eq!(backoff.next("a"), Duration::from_millis(750));
    }
}
