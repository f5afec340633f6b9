//! `status.history`: what was reconciled, how often, with what result.

use crate::gather::Source;
use std::time::Instant;
use weir_api::Kustomization;
use weir_api::common::{Duration, Time};
use weir_api::kustomize::HistoryEntry;
use weir_runtime::Cx;

const LENGTH: usize = 5;

/// Adds a run to the history. Runs of equal manifests and equal result share an entry; `built` is
/// missing when the run failed before it built anything new.
pub(crate) fn record(cx: &mut Cx<Kustomization>, built: Option<(&str, Instant)>, source: &Source, result: &str) {
    let (digest, began) = match built {
        Some((digest, began)) => (digest.to_owned(), began),
        None => match cx.status().and_then(|status| status.history.first()) {
            Some(latest) => (latest.digest.clone(), cx.started()),
            None => return,
        },
    };
    let entry = HistoryEntry {
        digest,
        first_reconciled: Time(jiff::Timestamp::now()),
        last_reconciled: Time(jiff::Timestamp::now()),
        last_reconciled_duration: Duration::from(began.elapsed()),
        last_reconciled_status: result.to_owned(),
        total_reconciliations: 1,
        metadata: crate::about(source),
    };
    merge(&mut cx.status_mut().history, entry);
}

fn merge(history: &mut Vec<HistoryEntry>, mut entry: HistoryEntry) {
    let same = |e: &HistoryEntry| e.digest == entry.digest && e.last_reconciled_status == entry.last_reconciled_status;
    if let Some(at) = history.iter().position(same) {
        let old = history.remove(at);
        entry.first_reconciled = old.first_reconciled;
        entry.total_reconciliations = old.total_reconciliations + 1;
    }
    history.insert(0, entry);
    history.truncate(LENGTH);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(digest: &str, result: &str) -> HistoryEntry {
        HistoryEntry {
            digest: digest.to_owned(),
            first_reconciled: Time(jiff::Timestamp::UNIX_EPOCH),
            last_reconciled: Time(jiff::Timestamp::UNIX_EPOCH),
            last_reconciled_duration: Duration::from_secs(1),
            last_reconciled_status: result.to_owned(),
            total_reconciliations: 1,
            metadata: Default::default(),
        }
    }

    #[test]
    fn equal_runs_are_counted_and_the_newest_comes_first() {
        let mut history = Vec::new();
        for (digest, result) in [("a", "ok"), ("b", "ok"), ("a", "ok"), ("a", "bad")] {
            merge(&mut history, entry(digest, result));
        }
        let seen: Vec<(&str, &str, i64)> = history
            .iter()
            .map(|e| (e.digest.as_str(), e.last_reconciled_status.as_str(), e.total_reconciliations))
            .collect();
        assert_eq!(seen, [("a", "bad", 1), ("a", "ok", 2), ("b", "ok", 1)]);
        for digest in ["c", "d", "e", "f"] {
            merge(&mut history, entry(digest, "ok"));
        }
        assert_eq!(history.len(), LENGTH);
    }
}
