use std::fmt::Display;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);

/// Looks until `look` has an answer; fails the test with its last complaint.
pub fn eventually<T, E: Display>(what: &str, look: impl FnMut() -> Result<T, E>) -> T {
    eventually_within(PATIENCE, what, look)
}

pub fn eventually_within<T, E: Display>(within: Duration, what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(complaint) if began.elapsed() > within => {
                panic!("{what}: not within {} s: {complaint}", within.as_secs());
            }
            Err(_) => std::thread::sleep(POLL),
        }
    }
}
