//! The objects of several namespaces, watched by one stream for each and shown as one: a reflector or trigger sees what a
//! single watch would show it.
//!
//! A reflector takes what is listed for everything there is. So one beginning and one end are shown for all places; and when
//! a place has to list again later, all do.

use crate::Runtime;
use futures::stream::{BoxStream, SelectAll, unfold};
use futures::{Stream, StreamExt};
use kube::Resource;
use kube::api::Api;
use kube::core::NamespaceResourceScope;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fmt::Debug;

type Changed<K> = Result<Event<K>, watcher::Error>;

/// The changes of a kind in the places that this process looks at.
pub fn watch<K>(runtime: &Runtime, config: watcher::Config) -> BoxStream<'static, Changed<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut places = runtime.places::<K>();
    if places.len() == 1 {
        let api = places.remove(0);
        return watcher(api, config).default_backoff().boxed();
    }
    let count = places.len();
    let open = move || -> SelectAll<BoxStream<'static, (usize, Changed<K>)>> {
        let one = |(at, api): (usize, &Api<K>)| {
            watcher(api.clone(), config.clone()).default_backoff().map(move |change| (at, change)).boxed()
        };
        places.iter().enumerate().map(one).collect()
    };
    merged(count, open).boxed()
}

fn merged<K: Send + 'static>(
    count: usize,
    open: impl Fn() -> SelectAll<BoxStream<'static, (usize, Changed<K>)>> + Send + 'static,
) -> impl Stream<Item = Changed<K>> + Send {
    let begin = (open(), Merge::<K>::new(count), open);
    unfold(begin, move |(mut streams, mut merge, open)| async move {
        loop {
            if let Some(event) = merge.due.pop_front() {
                return Some((Ok(event), (streams, merge, open)));
            }
            match streams.next().await? {
                (_, Err(error)) => return Some((Err(error), (streams, merge, open))),
                (place, Ok(event)) => {
                    if merge.take(place, event) == Next::ListAgain {
                        streams = open();
                        merge = Merge::new(count);
                    }
                }
            }
        }
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    ListAgain,
}

/// What was seen of each place since all were opened.
struct Merge<K> {
    is_begun: bool,
    /// Whose list has been read to its end.
    listed: Vec<bool>,
    /// To be shown.
    due: VecDeque<Event<K>>,
    /// Changes of places that are listed, while others are not.
    later: Vec<Event<K>>,
}

impl<K> Merge<K> {
    fn new(count: usize) -> Self {
        Self { is_begun: false, listed: vec![false; count], due: VecDeque::new(), later: Vec::new() }
    }

    fn take(&mut self, place: usize, event: Event<K>) -> Next {
        let are_listed = self.listed.iter().all(|listed| *listed);
        match event {
            Event::Init if self.listed[place] => return Next::ListAgain,
            // A list that failed begins again; what it has shown by then is shown again.
            Event::Init => {
                if !std::mem::replace(&mut self.is_begun, true) {
                    self.due.push_back(Event::Init);
                }
            }
            Event::InitDone => {
                self.listed[place] = true;
                if self.listed.iter().all(|listed| *listed) {
                    self.due.push_back(Event::InitDone);
                    self.due.extend(self.later.drain(..));
                }
            }
            event @ Event::InitApply(_) => self.due.push_back(event),
            event @ (Event::Apply(_) | Event::Delete(_)) if are_listed => self.due.push_back(event),
            event @ (Event::Apply(_) | Event::Delete(_)) => self.later.push(event),
        }
        Next::GoOn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, stream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn told(events: &[Event<&'static str>]) -> Vec<String> {
        events.iter().map(|event| format!("{event:?}")).collect()
    }

    fn run(steps: &[(usize, Event<&'static str>)]) -> Vec<String> {
        let mut merge = Merge::new(2);
        for (place, event) in steps {
            assert_eq!(merge.take(*place, event.clone()), Next::GoOn);
        }
        let due: Vec<Event<&str>> = merge.due.into_iter().collect();
        told(&due)
    }

    #[test]
    fn several_lists_are_one() {
        let shown = run(&[
            (0, Event::Init),
            (0, Event::InitApply("a")),
            (1, Event::Init),
            (0, Event::InitDone),
            (0, Event::Delete("a")),
            (1, Event::InitApply("b")),
            (1, Event::InitDone),
            (1, Event::Apply("c")),
        ]);
        let expect = [
            Event::Init,
            Event::InitApply("a"),
            Event::InitApply("b"),
            Event::InitDone,
            Event::Delete("a"),
            Event::Apply("c"),
        ];
        assert_eq!(shown, told(&expect), "a change before the end of the lists comes after it");
    }

    #[test]
    fn a_list_that_failed_begins_again_without_a_trace() {
        let shown =
            run(&[(0, Event::Init), (0, Event::InitDone), (1, Event::Init), (1, Event::Init), (1, Event::InitDone)]);
        assert_eq!(shown, told(&[Event::Init, Event::InitDone]));
    }

    #[test]
    fn when_one_lists_again_all_do() {
        let opened = Arc::new(AtomicUsize::new(0));
        let counted = opened.clone();
        let open = move || {
            let is_first = counted.fetch_add(1, Ordering::Relaxed) == 0;
            let list = |name| vec![Event::Init, Event::InitApply(name), Event::InitDone];
            let mut events: Vec<(usize, Event<&str>)> = list("a").into_iter().map(|event| (0, event)).collect();
            events.extend(list("b").into_iter().map(|event| (1, event)));
            if is_first {
                events.push((0, Event::Init));
            }
            let one = stream::iter(events.into_iter().map(|(place, event)| (place, Ok(event)))).boxed();
            SelectAll::from_iter([one])
        };
        let shown: Vec<Event<&str>> = merged(2, open).map(Result::unwrap).collect::<Vec<_>>().now_or_never().unwrap();
        let whole = [Event::Init, Event::InitApply("a"), Event::InitApply("b"), Event::InitDone];
        assert_eq!(told(&shown), told(&[whole.clone(), whole].concat()));
        assert_eq!(opened.load(Ordering::Relaxed), 2);
    }
}
