//! Tokens, kept until four fifths of their life are over.

use crate::CloudError;
use crate::aws::Credentials;
use crate::cluster::Remote;
use crate::identity::SecretText;
use aws_lc_rs::digest::{SHA256, digest};
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use weir_base::hex;

/// What the flags `--token-cache-max-size` and `--token-cache-max-duration` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// Tokens; 0 keeps none.
    pub max_size: usize,
    /// An hour at most, as in Flux.
    pub max_duration: Duration,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { max_size: 100, max_duration: MAX_DURATION }
    }
}

const MAX_DURATION: Duration = Duration::from_secs(3600);

/// What proves to a service who asks.
pub(crate) enum Proof {
    Bearer(SecretText),
    Aws(Credentials),
    Cluster(Remote),
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<proof>")
    }
}

/// A proof and the end of its life; without one it holds as long as it is kept.
#[derive(Debug)]
pub(crate) struct Token {
    pub proof: Proof,
    pub expires: Option<SystemTime>,
}

impl Token {
    pub fn bearer(text: SecretText, expires: Option<SystemTime>) -> Self {
        Self { proof: Proof::Bearer(text), expires }
    }

    /// The text of a bearer token; `None` for other proofs.
    pub fn text(&self) -> Option<&str> {
        match &self.proof {
            Proof::Bearer(text) => Some(text.expose()),
            _ => None,
        }
    }

    pub fn aws(&self) -> Option<&Credentials> {
        match &self.proof {
            Proof::Aws(credentials) => Some(credentials),
            _ => None,
        }
    }
}

/// Whose token for what: a digest of all that it depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// What further depends on what this one stands for.
    pub fn under(&self, parts: &[&str]) -> Self {
        let own = hex(&self.0);
        let mut all = vec![own.as_str()];
        all.extend_from_slice(parts);
        Self::of(&all)
    }

    /// Parts are told apart by their lengths.
    pub fn of(parts: &[&str]) -> Self {
        let mut text = Vec::new();
        for part in parts {
            text.extend_from_slice(&(part.len() as u64).to_le_bytes());
            text.extend_from_slice(part.as_bytes());
        }
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, &text).as_ref());
        Self(key)
    }
}

/// Both clocks: a suspended machine stops the one, a corrected one moves the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub steady: Instant,
    pub wall: SystemTime,
}

impl Now {
    pub fn read() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }
}

/// How a token is got; boxed, since one such future holds others.
pub(crate) type New<'a> = BoxFuture<'a, Result<Token, CloudError>>;

struct Kept {
    token: Arc<Token>,
    until: Now,
}

#[derive(Default)]
struct Slot {
    kept: tokio::sync::Mutex<Option<Kept>>,
}

#[derive(Default)]
struct Slots {
    by_key: HashMap<Key, (Arc<Slot>, u64)>,
    turn: u64,
}

/// The least recently used token goes first. Who asks for a token that somebody else is getting, waits for it.
pub(crate) struct TokenCache {
    options: CacheOptions,
    slots: Mutex<Slots>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("options", &self.options).field("counts", &self.counts()).finish()
    }
}

impl TokenCache {
    pub fn new(mut options: CacheOptions) -> Self {
        options.max_duration = options.max_duration.min(MAX_DURATION);
        Self { options, slots: Mutex::default(), hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// Hits and misses so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// The token that is kept, or a new one, for which `new` is awaited. A failure is not kept.
    pub async fn get(&self, key: &Key, now: fn() -> Now, new: New<'_>) -> Result<Arc<Token>, CloudError> {
        if self.options.max_size == 0 {
            self.misses.fetch_add(1, Ordering::Relaxed);
            return new.await.map(Arc::new);
        }
        let slot = self.slot(key);
        let mut kept = slot.kept.lock().await;
        let at = now();
        if let Some(kept) = kept.as_ref().filter(|kept| at.steady < kept.until.steady && at.wall < kept.until.wall) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(kept.token.clone());
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        *kept = None;
        let token = Arc::new(new.await?);
        let life = match token.expires {
            Some(expires) => expires.duration_since(at.wall).unwrap_or_default() / 10 * 8,
            None => self.options.max_duration,
        };
        let life = life.min(self.options.max_duration);
        *kept = Some(Kept { token: token.clone(), until: Now { steady: at.steady + life, wall: at.wall + life } });
        Ok(token)
    }

    /// What a service no longer takes is not kept; a newer one is.
    pub async fn forget(&self, key: &Key, token: &Arc<Token>) {
        let slot = self.slots().by_key.get(key).map(|(slot, _)| slot.clone());
        if let Some(slot) = slot {
            let mut kept = slot.kept.lock().await;
            if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(&kept.token, token)) {
                *kept = None;
            }
        }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        // What is behind the lock is whole after each statement.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, key: &Key) -> Arc<Slot> {
        let mut slots = self.slots();
        slots.turn += 1;
        let turn = slots.turn;
        if let Some((slot, used)) = slots.by_key.get_mut(key) {
            *used = turn;
            return slot.clone();
        }
        if slots.by_key.len() >= self.options.max_size {
            // One that somebody waits for would be asked for twice; it goes only if there is no other.
            let idle = |slot: &Arc<Slot>| Arc::strong_count(slot) == 1;
            let oldest = slots.by_key.iter().min_by_key(|(_, (slot, used))| (!idle(slot), *used));
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                slots.by_key.remove(&oldest);
            }
        }
        let slot = Arc::new(Slot::default());
        slots.by_key.insert(key.clone(), (slot.clone(), turn));
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;
    use weir_base::Secret;
    use zeroize::Zeroizing;

    static START: LazyLock<Now> = LazyLock::new(Now::read);

    fn later(seconds: u64) -> Now {
        let by = Duration::from_secs(seconds);
        Now { steady: START.steady + by, wall: START.wall + by }
    }

    fn start() -> Now {
        *START
    }

    async fn text(cache: &TokenCache, key: &str, now: fn() -> Now, life: u64, fresh: &str) -> String {
        let new = Box::pin(async {
            Ok(Token::bearer(
                Secret::new(Zeroizing::new(fresh.to_owned())),
                Some(now().wall + Duration::from_secs(life)),
            ))
        });
        let token = cache.get(&Key::of(&[key]), now, new).await.expect("a token");
        token.text().expect("a bearer token").to_owned()
    }

    #[tokio::test]
    async fn a_token_is_kept_for_four_fifths_of_its_life() {
        let cache = TokenCache::new(CacheOptions::default());
        assert_eq!(text(&cache, "a", start, 1000, "1").await, "1");
        assert_eq!(text(&cache, "a", || later(799), 1000, "2").await, "1");
        assert_eq!(text(&cache, "a", || later(800), 1000, "2").await, "2");
        assert_eq!(cache.counts(), (1, 2));
    }

    #[tokio::test]
    async fn either_clock_ends_a_token_and_an_hour_is_the_most() {
        let cache = TokenCache::new(CacheOptions { max_size: 9, max_duration: Duration::from_secs(86_400) });
        assert_eq!(text(&cache, "a", start, 100_000, "1").await, "1");
        assert_eq!(text(&cache, "a", || later(3599), 100_000, "2").await, "1");
        let slept = || Now { steady: start().steady, wall: later(3600).wall };
        assert_eq!(text(&cache, "a", slept, 100_000, "2").await, "2");
        let set_back = || Now { steady: later(9999).steady, wall: start().wall };
        assert_eq!(text(&cache, "a", set_back, 100_000, "3").await, "3");
    }

    #[tokio::test]
    async fn the_least_recently_used_goes_first_and_none_is_kept_where_there_is_no_room() {
        let cache = TokenCache::new(CacheOptions { max_size: 2, ..CacheOptions::default() });
        for (key, fresh, expected) in
            [("a", "1", "1"), ("b", "1", "1"), ("a", "2", "1"), ("c", "1", "1"), ("a", "3", "1"), ("b", "2", "2")]
        {
            assert_eq!(text(&cache, key, start, 1000, fresh).await, expected, "{key}");
        }
        let none = TokenCache::new(CacheOptions { max_size: 0, ..CacheOptions::default() });
        assert_eq!(text(&none, "a", start, 1000, "1").await, "1");
        assert_eq!(text(&none, "a", start, 1000, "2").await, "2");
        assert_eq!(none.counts(), (0, 2));
    }

    #[tokio::test]
    async fn who_asks_at_the_same_time_makes_one_request_and_a_failure_is_not_kept() {
        let cache = TokenCache::new(CacheOptions::default());
        let asked = AtomicU64::new(0);
        let ask = async || {
            cache
                .get(
                    &Key::of(&["a"]),
                    Now::read,
                    Box::pin(async {
                        tokio::task::yield_now().await;
                        match asked.fetch_add(1, Ordering::Relaxed) {
                            0 => Err(CloudError::entry("a", "not yet")),
                            _ => Ok(Token::bearer(Secret::new(Zeroizing::new("t".to_owned())), None)),
                        }
                    }),
                )
                .await
        };
        assert!(ask().await.is_err());
        let all = futures::future::join_all((0..20).map(|_| ask())).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!((asked.load(Ordering::Relaxed), cache.counts()), (2, (19, 2)));
    }

    #[tokio::test]
    async fn only_the_token_that_failed_is_forgotten() {
        let cache = TokenCache::new(CacheOptions::default());
        let key = Key::of(&["a"]);
        let new = async || Ok(Token::bearer(Secret::new(Zeroizing::new("t".to_owned())), None));
        let first = cache.get(&key, Now::read, Box::pin(new())).await.expect("a token");
        cache.forget(&key, &first).await;
        let second = cache.get(&key, Now::read, Box::pin(new())).await.expect("a token");
        cache.forget(&key, &first).await;
        let third = cache.get(&key, Now::read, Box::pin(new())).await.expect("a token");
        assert!(Arc::ptr_eq(&second, &third) && !Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn parts_of_a_key_do_not_run_together() {
        assert!(Key::of(&["ab", "c"]) != Key::of(&["a", "bc"]));
        assert_eq!(format!("{:?}", Proof::Bearer(Secret::new(Zeroizing::new("hunter2".to_owned())))), "<proof>");
    }
}
