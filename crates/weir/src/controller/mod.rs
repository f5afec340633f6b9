//! `weir controller`: the controllers against a real cluster, all in one process or one each.

mod cluster;
mod flags;
mod gates;
mod lead;
mod prefixed;
mod probes;
mod refused;
mod snapshot;

use crate::controllers::{self, Plan, Role, Running, Storage, StorageOptions};
use crate::error::CliError;
use clap::{Parser, Subcommand};
use cluster::Connections;
use flags::{Kustomize, Shared, Source};
use prefixed::Prefixed;
use refused::{OfKustomize, OfSource, Refused};
use snapshot::Snapshot;
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch as channel;
use weir_artifact::Retention;
use weir_cloud::Cloud;
use weir_kube::Clusters;
use weir_runtime::{Outbox, Runtime, Sink};
use weir_source::Locals;

/// Passes under way at the end may take so long; the pods' grace period is a little longer.
const GRACE: Duration = Duration::from_secs(23);
/// And the last events so long.
const FLUSH: Duration = Duration::from_secs(5);

/// Run the controllers against a cluster.
#[derive(Parser)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every controller in one process.
    Run(RunArgs),
    /// The source controller, with the flags of Flux's.
    Source(SourceArgs),
    /// The kustomize controller, with the flags of Flux's.
    Kustomize(KustomizeArgs),
}

#[derive(Parser)]
struct RunArgs {
    #[command(flatten)]
    shared: Shared,
    #[command(flatten)]
    source: Prefixed<Source>,
    #[command(flatten)]
    kustomize: Prefixed<Kustomize>,
    #[command(flatten)]
    refused: Refused<OfSource>,
}

#[derive(Parser)]
struct SourceArgs {
    #[command(flatten)]
    shared: Shared,
    #[command(flatten)]
    own: Source,
    #[command(flatten)]
    refused: Refused<OfSource>,
}

#[derive(Parser)]
struct KustomizeArgs {
    #[command(flatten)]
    shared: Shared,
    #[command(flatten)]
    own: Kustomize,
    #[command(flatten)]
    refused: Refused<OfKustomize>,
}

/// What runs, whichever command asked for it.
struct Job {
    shared: Shared,
    roles: BTreeSet<Role>,
    source: Option<Source>,
    kustomize: Option<Kustomize>,
}

impl Args {
    fn job(self) -> Job {
        match self.command {
            Command::Run(RunArgs { shared, source, kustomize, refused: _ }) => {
                Job { shared, roles: Role::ALL.into(), source: Some(source.0), kustomize: Some(kustomize.0) }
            }
            Command::Source(SourceArgs { shared, own, refused: _ }) => {
                Job { shared, roles: [Role::Source].into(), source: Some(own), kustomize: None }
            }
            Command::Kustomize(KustomizeArgs { shared, own, refused: _ }) => {
                Job { shared, roles: [Role::Kustomize].into(), source: None, kustomize: Some(own) }
            }
        }
    }

    /// The encoding of the log, which is set up before anything else.
    pub fn log_encoding(&self) -> crate::log::Encoding {
        match &self.command {
            Command::Run(args) => args.shared.log_encoding,
            Command::Source(args) => args.shared.log_encoding,
            Command::Kustomize(args) => args.shared.log_encoding,
        }
    }
}

pub async fn run(args: Args) -> Result<ExitCode, CliError> {
    let mut job = args.job();
    let shared = job.shared.clone();
    // Flags are judged before anything is started.
    let timing = shared.lease_timing()?;
    let namespace = cluster::runtime_namespace();
    let watch = shared.watch(namespace.as_deref())?;
    let retry = shared.retry()?;
    let metrics = Arc::<weir_runtime::metrics::Metrics>::default();
    let connections = cluster::connect(shared.kubeconfig.as_deref(), metrics.clone(), shared.max_watch_streams).await?;
    let cloud = job.kustomize.as_ref().map(|own| own.cloud(&shared)).transpose()?.map(Arc::new);
    let access = job.kustomize.as_ref().map(Kustomize::access).unwrap_or_default();
    let clusters = Arc::new(connections.clusters(access));
    let Connections { session, leases: lease_client, fence, count: _ } = connections;
    let outbox = Outbox::default();
    let sink = match shared.events_addr.as_str() {
        "" => None,
        url => Some(Sink::start(url, metrics.clone(), outbox.clone())?),
    };
    let process = Snapshot {
        handle: tokio::runtime::Handle::current(),
        hub: session.hub().clone(),
        outbox: outbox.clone(),
        metrics: metrics.clone(),
    };
    probes::serve(&shared.metrics_addr, &shared.health_addr, process, shared.enable_profiling)?;
    if shared.kube_api_qps.is_some() || shared.kube_api_burst.is_some() {
        tracing::warn!(
            "--kube-api-qps and --kube-api-burst have no effect: the server's flow control governs requests"
        );
    }
    let held = controllers::refuse_beside_flux(&session, &job.roles, namespace.as_deref()).await?;
    for role in &held {
        tracing::info!("{} of Flux runs on this cluster: its kinds are left to it", role.controller());
    }
    job.roles.retain(|role| !held.contains(role));
    let selectors = [
        ("--watch-label-selector", watch.selector.as_deref().unwrap_or_default()),
        ("--watch-configs-label-selector", watch.configs.as_deref().unwrap_or_default()),
    ];
    cluster::can_watch(&session, &job.roles, &selectors, &watch.namespaces).await?;
    let host = cluster::hostname();
    let runtime = Runtime {
        watch,
        retry,
        jitter_percent: shared.interval_jitter_percentage,
        sink,
        outbox: outbox.clone(),
        metrics: metrics.clone(),
        ..Runtime::new(session.clone(), host.clone())
    };
    let mut end = cluster::Signals::new()?;
    let mut leases = lead::Leases::none();
    if shared.enable_leader_election {
        let wanted = lead::wanted(&job.roles, &shared, namespace.as_deref(), &host, timing);
        leases = tokio::select! {
            leases = lead::Leases::acquire(wanted, &lease_client, &metrics, &fence) => leases?,
            () = end.received() => return Ok(ExitCode::SUCCESS),
        };
    }
    // Whoever lost a lease must not go on for an instant: the process ends without waiting for passes.
    let (stop, stopped) = channel::channel(false);
    let mut running = start(&runtime, job, (clusters, cloud), stopped)?;
    let lost = tokio::select! {
        error = leases.keep() => Some(error),
        () = end.received() => {
            tracing::info!("stopping: passes under way are finished");
            let _ = stop.send(true);
            tokio::select! {
                error = leases.keep() => Some(error),
                () = running.finish(GRACE) => None,
            }
        }
    };
    // What was done is still told: to say it is no work of the leader's.
    running.abort().await;
    if lost.is_none() && shared.leader_election_release_on_cancel {
        leases.release().await;
    }
    let untold = outbox.finish(FLUSH).await;
    if untold > 0 {
        tracing::warn!(events = untold, "the end did not wait for the last events to be delivered");
    }
    match lost {
        Some(error) => Err(error.into()),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn start(
    runtime: &Runtime,
    job: Job,
    (clusters, cloud): (Arc<Clusters>, Option<Arc<Cloud>>),
    stopped: channel::Receiver<bool>,
) -> Result<Running, CliError> {
    let source = job.source.as_ref();
    let storage = source.map(|own| {
        Storage::open(&StorageOptions {
            path: &own.storage_path,
            address: &own.storage_addr,
            advertised: &own.storage_adv_addr,
            algorithm: own.artifact_digest_algo,
            retention: Retention { ttl: own.artifact_retention_ttl, records: own.artifact_retention_records },
        })
    });
    let shared = job.shared;
    let plan = Plan {
        roles: job.roles,
        storage: storage.transpose()?,
        source: source.map(Source::options).unwrap_or_default(),
        kustomize: job.kustomize.map(|own| own.options(&shared, clusters, cloud)).unwrap_or_default(),
        locals: Arc::new(Locals::default()),
    };
    controllers::start(runtime, plan, |_| Vec::new(), stopped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_git::Reach;
    use weir_git::ssh::HostKeyAlgorithms;
    use weir_kube::{Access, Fence};

    fn parse(line: &str) -> Result<Job, String> {
        Args::try_parse_from(line.split_whitespace()).map(Args::job).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flags_of_the_manifests_of_flux_are_taken() {
        let job = parse(
            "x source --events-addr=http://notification-controller.flux-system.svc.cluster.local./ \
             --watch-all-namespaces=true --log-encoding=json --enable-leader-election --storage-path=/data \
             --storage-adv-addr=source-controller.flux-system.svc.cluster.local. --concurrent=5 \
             --requeue-dependency=5s",
        )
        .expect("is taken");
        assert!(job.shared.enable_leader_election && job.shared.watch_all_namespaces);
        let own = job.source.expect("its own");
        assert_eq!((own.concurrent, own.storage_addr.as_str(), own.git_max_size), (5, ":9090", 4 << 30));
        assert_eq!((own.requeue_dependency.as_secs(), own.artifact_retention_records), (5, 2));
        let job = parse("x source --ssh-kex-algos=diffie-hellman-group14-sha1,curve25519-sha256 --ssh-hostkey-algos=");
        let ssh = job.expect("is taken").source.expect("its own").options().ssh;
        assert_eq!(ssh.host_keys, HostKeyAlgorithms::default());
        assert_eq!(Ok(ssh.kex), "diffie-hellman-group14-sha1,curve25519-sha256".parse());
        let job = parse("x run --source.allowed-source-hosts=git.example.com,*.corp.example").expect("is taken");
        let hosts = job.source.expect("its own").options().hosts;
        assert!(hosts.allows("a.corp.example") && !hosts.allows("corp.example"));
        let line = "x kustomize --no-remote-bases=true --default-service-account=default --no-cross-namespace-refs \
                    --feature-gates=AdditiveCELDependencyCheck=true";
        let job = parse(line).expect("is taken");
        let own = job.kustomize.expect("its own");
        assert_eq!(own.access(), Access { reach: Reach::Outside, ..Access::default() });
        let clusters = Clusters::new(|_, _, _| {}, Fence::default(), Arc::default(), own.access());
        let options = own.options(&job.shared, Arc::new(clusters), None);
        assert_eq!(options.default_service_account.as_deref(), Some("default"));
        assert_eq!((options.concurrent, options.concurrent_ssa, options.http_retry), (4, 4, 9));
        assert!(options.no_cross_namespace_refs && options.additive_cel_dependency_check);
    }

    #[test]
    fn the_command_for_all_takes_prefixes() {
        let job = parse("x run --source.concurrent=7 --kustomize.concurrent 9 --kustomize.requeue-dependency=5s")
            .expect("is taken");
        assert_eq!(job.source.map(|own| own.concurrent), Some(7));
        let kustomize = job.kustomize.expect("its own");
        assert_eq!((kustomize.concurrent, kustomize.requeue_dependency.as_secs()), (9, 5));
        assert!(parse("x run --concurrent=7").is_err(), "which one's is not said");
    }

    #[test]
    fn what_has_nothing_behind_it_is_refused() {
        for (line, expect) in [
            ("x source --helm-index-max-size=1", "--helm-index-max-size=1 is not implemented in this version of weir"),
            ("x kustomize --remote-reach=far", "possible values: outside, anywhere"),
            (
                "x run --feature-gates=DisableStatusPollerCache=false",
                "DisableStatusPollerCache=false is not implemented",
            ),
            (
                "x source --token-cache-max-size=1",
                "--token-cache-max-size=1 is not implemented in this version of weir",
            ),
            ("x run --interval-jitter-percentage=101", "101 is not in 0..=100"),
            ("x source --allowed-source-hosts=https://a.example", "'https://a.example' is neither a host nor *.DOMAIN"),
            ("x kustomize --allowed-base-hosts=a.example:22", "'a.example:22' is neither a host nor *.DOMAIN"),
            ("x source --no-such-flag", "unexpected argument"),
            ("x source --ssh-kex-algos=none", "'none' is not a known key exchange; known are mlkem768x25519-sha256"),
            ("x run --source.ssh-hostkey-algos=ssh-dss", "'ssh-dss' is not a known host key algorithm; known are"),
        ] {
            let message = parse(line).err().expect("refused");
            assert!(message.contains(expect), "{line}: {message}");
        }
        for (line, expect) in [
            ("x run", Some("reconcile.fluxcd.io/watch=Enabled")),
            ("x kustomize --watch-configs-label-selector=a=b", Some("a=b")),
            ("x kustomize --watch-configs-label-selector=", Some("")),
            ("x kustomize --feature-gates=DisableConfigWatchers=true", None),
        ] {
            let watch = parse(line).expect("is taken").shared.watch(None).expect("is right");
            assert_eq!(watch.configs.as_deref(), expect, "{line}");
        }
        let job = parse("x run --leader-election-renew-deadline=40s").expect("is parsed");
        assert!(job.shared.lease_timing().is_err());
    }
}
