use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Lets writes pass only while every lease of the process is held.
///
/// A process that was frozen goes on where it stood, in the middle of a pass, before anything in it
/// can notice that its lease has run out. So each write looks at the clock itself.
#[derive(Clone, Debug, Default)]
pub struct Fence(Arc<Mutex<HashMap<String, Instant>>>);

impl Fence {
    /// The lease is held until then.
    pub fn hold(&self, lease: &str, until: Instant) {
        self.leases().insert(lease.to_owned(), until);
    }

    /// Nothing is written by this process again.
    pub fn lose(&self, lease: &str) {
        self.hold(lease, Instant::now());
    }

    /// The lease was given away after the work was done; it says nothing any more.
    pub fn release(&self, lease: &str) {
        self.leases().remove(lease);
    }

    /// Whether no lease has run out.
    pub fn is_open(&self) -> bool {
        let now = Instant::now();
        self.leases().values().all(|until| now < *until)
    }

    fn leases(&self) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn one_lease_that_ran_out_closes_it() {
        let fence = Fence::default();
        assert!(fence.is_open(), "without leases nothing is in the way");
        let later = Instant::now() + Duration::from_secs(3600);
        fence.hold("a", later);
        fence.hold("b", later);
        assert!(fence.is_open());
        fence.lose("b");
        assert!(!fence.is_open());
        fence.hold("b", later);
        fence.release("a");
        assert!(fence.is_open());
    }
}
