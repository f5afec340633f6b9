//! The series, by the names that Flux, controller-runtime and client-go give them.

use super::{Family, Kind};

pub const RECONCILE_DURATION: Family = Family {
    name: "gotk_reconcile_duration_seconds",
    help: "The duration in seconds of a GitOps Toolkit resource reconciliation.",
    kind: Kind::Histogram(reconcile_durations),
};
pub const SOPS_MAC_MISMATCHES: Family = Family {
    name: "weir_sops_mac_mismatches_total",
    help: "Files that were changed after SOPS encrypted them, each time they were built",
    kind: Kind::Counter,
};
pub const RECONCILES: Family = Family {
    name: "controller_runtime_reconcile_total",
    help: "Total number of reconciliations per controller",
    kind: Kind::Counter,
};
pub const RECONCILE_ERRORS: Family = Family {
    name: "controller_runtime_reconcile_errors_total",
    help: "Total number of reconciliation errors per controller",
    kind: Kind::Counter,
};
pub const RECONCILE_PANICS: Family = Family {
    name: "controller_runtime_reconcile_panics_total",
    help: "Total number of reconciliation panics per controller",
    kind: Kind::Counter,
};
pub const RECONCILE_TIME: Family = Family {
    name: "controller_runtime_reconcile_time_seconds",
    help: "Length of time per reconciliation per controller",
    kind: Kind::Histogram(reconcile_times),
};
pub const ACTIVE_WORKERS: Family = Family {
    name: "controller_runtime_active_workers",
    help: "Number of currently used workers per controller",
    kind: Kind::Gauge,
};
pub const MAX_CONCURRENT: Family = Family {
    name: "controller_runtime_max_concurrent_reconciles",
    help: "Maximum number of concurrent reconciles per controller",
    kind: Kind::Gauge,
};
pub const QUEUE_DEPTH: Family =
    Family { name: "workqueue_depth", help: "Current depth of workqueue", kind: Kind::Gauge };
pub const QUEUE_ADDS: Family =
    Family { name: "workqueue_adds_total", help: "Total number of adds handled by workqueue", kind: Kind::Counter };
pub const QUEUE_DURATION: Family = Family {
    name: "workqueue_queue_duration_seconds",
    help: "How long in seconds an item stays in workqueue before being requested",
    kind: Kind::Histogram(queue_times),
};
pub const QUEUE_WORK: Family = Family {
    name: "workqueue_work_duration_seconds",
    help: "How long in seconds processing an item from workqueue takes.",
    kind: Kind::Histogram(queue_times),
};
pub const QUEUE_RETRIES: Family = Family {
    name: "workqueue_retries_total",
    help: "Total number of retries handled by workqueue",
    kind: Kind::Counter,
};
pub const CLIENT_REQUESTS: Family = Family {
    name: "rest_client_requests_total",
    help: "Number of HTTP requests, partitioned by status code, method, and host.",
    kind: Kind::Counter,
};
pub const LEADER: Family = Family {
    name: "leader_election_master_status",
    help: "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master.",
    kind: Kind::Gauge,
};
pub const WATCH_STREAMS: Family =
    Family { name: "weir_watch_streams", help: "Watches that the controllers share", kind: Kind::Gauge };
pub const DROPPED_EVENTS: Family =
    Family { name: "weir_events_dropped_total", help: "Events that were not delivered, by sink", kind: Kind::Counter };

/// Ten bounds, each the same multiple of the one before, from 10 ms to 1800 s.
fn reconcile_durations() -> Vec<f64> {
    let (first, last, count) = (10e-3_f64, 1800.0_f64, 10);
    let factor = (last / first).powf(1.0 / f64::from(count - 1));
    (0..count).map(|step| first * factor.powi(step)).collect()
}

fn reconcile_times() -> Vec<f64> {
    vec![
        0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5,
        1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0,
    ]
}

fn queue_times() -> Vec<f64> {
    std::iter::successors(Some(10e-9_f64), |bound| Some(bound * 10.0)).take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buckets_of_flux_reach_from_10_ms_to_half_an_hour() {
        let bounds = reconcile_durations();
        assert_eq!(bounds.len(), 10);
        assert_eq!(bounds[0], 0.01);
        assert!((bounds[9] - 1800.0).abs() < 1e-6, "{bounds:?}");
    }
}
