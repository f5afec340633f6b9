use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The deepest nesting any engine follows: documents, includes, patches, templates.
pub const MAX_DEPTH: u32 = 256;

/// What a piece of work may cost. Engines check it in their loops, so that hostile input ends in an
/// error that names the limit, and so that work whose caller is gone stops.
///
/// Cloning shares the counters: the clones draw on one budget.
#[derive(Clone, Debug)]
pub struct Budget {
    shared: Arc<Shared>,
    depth: u32,
}

#[derive(Debug)]
struct Shared {
    cancelled: AtomicBool,
    fuel: AtomicU64,
    fuel_limit: u64,
    bytes: AtomicU64,
    bytes_limit: u64,
}

/// Why an engine stopped before its work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    #[error("the work was cancelled")]
    Cancelled,
    #[error("the work took more than {limit} steps")]
    Fuel { limit: u64 },
    #[error("the work needed more than {limit} bytes")]
    Bytes { limit: u64 },
    #[error("nested more than {limit} levels deep")]
    Depth { limit: u32 },
}

impl Budget {
    /// A budget of `fuel` steps and `bytes` bytes.
    pub fn new(fuel: u64, bytes: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                cancelled: AtomicBool::new(false),
                fuel: AtomicU64::new(0),
                fuel_limit: fuel,
                bytes: AtomicU64::new(0),
                bytes_limit: bytes,
            }),
            depth: 0,
        }
    }

    /// The default of a reconcile: 500 million steps, 1 GiB.
    pub fn standard() -> Self {
        Self::new(500_000_000, 1 << 30)
    }

    /// Stops the work at its next check. Dropping a future does not stop an engine; this does.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Relaxed)
    }

    /// Takes `steps` steps.
    pub fn spend(&self, steps: u64) -> Result<(), Exhausted> {
        if self.is_cancelled() {
            return Err(Exhausted::Cancelled);
        }
        let spent = self.shared.fuel.fetch_add(steps, Ordering::Relaxed).saturating_add(steps);
        if spent > self.shared.fuel_limit { Err(Exhausted::Fuel { limit: self.shared.fuel_limit }) } else { Ok(()) }
    }

    /// Takes `bytes` bytes. Nothing is given back: it bounds what a piece of work allocates in all.
    pub fn take_bytes(&self, bytes: u64) -> Result<(), Exhausted> {
        let taken = self.shared.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if taken > self.shared.bytes_limit { Err(Exhausted::Bytes { limit: self.shared.bytes_limit }) } else { Ok(()) }
    }

    /// The same budget one level deeper.
    pub fn deeper(&self) -> Result<Self, Exhausted> {
        if self.depth >= MAX_DEPTH {
            return Err(Exhausted::Depth { limit: MAX_DEPTH });
        }
        Ok(Self { shared: self.shared.clone(), depth: self.depth + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_named_when_it_is_passed() {
        let budget = Budget::new(10, 100);
        assert_eq!(budget.spend(10), Ok(()));
        assert_eq!(budget.clone().spend(1), Err(Exhausted::Fuel { limit: 10 }));
        assert_eq!(budget.take_bytes(101), Err(Exhausted::Bytes { limit: 100 }));
        let mut deep = Budget::standard();
        for _ in 0..MAX_DEPTH {
            deep = deep.deeper().expect("within the limit");
        }
        assert_eq!(deep.deeper().map(|_| ()), Err(Exhausted::Depth { limit: MAX_DEPTH }));
    }

    #[test]
    fn cancelling_one_clone_stops_all() {
        let budget = Budget::standard();
        budget.clone().cancel();
        assert_eq!(budget.spend(1), Err(Exhausted::Cancelled));
    }
}
