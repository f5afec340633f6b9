//! Flux's flags, unchanged: names, defaults and meaning.

use super::cluster::home;
use super::gates::Gates;
use crate::controllers::Role;
use crate::error::CliError;
use crate::remote::Fetcher;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use weir_artifact::Algorithm;
use weir_cloud::{CacheOptions, Cloud, Env};
use weir_git::ssh::{self, HostKeyAlgorithms, KexAlgorithms};
use weir_git::{Hosts, Reach};
use weir_kube::{Access, Clusters};
use weir_kustomization::{Fallback, Guards};
use weir_object::GroupKind;
use weir_runtime::{LeaseTiming, RetryDelay, Watch};

/// The flags that mean the same for every controller.
#[derive(Args, Clone, Debug)]
pub struct Shared {
    /// Run against the cluster of this file; default: KUBECONFIG, else the cluster this pod is in.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Address of /metrics.
    #[arg(long, default_value = ":8080", value_name = "ADDRESS")]
    pub metrics_addr: String,
    /// Address of /healthz and /readyz.
    #[arg(long, default_value = ":9440", value_name = "ADDRESS")]
    pub health_addr: String,
    /// Show the state of the process at /debug/pprof/ of --metrics-addr.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub enable_profiling: bool,
    /// Watches of what is waited for, over all identities, kinds and namespaces; beyond that objects are read instead.
    #[arg(long, default_value_t = 2000, value_name = "N")]
    pub max_watch_streams: usize,
    /// URL that events are posted to; empty: Kubernetes Events only.
    #[arg(long, default_value = "", value_name = "URL", env = "EVENTS_ADDR")]
    pub events_addr: String,
    /// Encoding of the log: json or console.
    #[arg(long, default_value = "json", value_enum)]
    pub log_encoding: crate::log::Encoding,
    /// Run only while holding a lease, so that of several replicas one reconciles.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub enable_leader_election: bool,
    /// Give the lease away at the end, so that another replica starts at once.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub leader_election_release_on_cancel: bool,
    /// How long others wait after the holder's last sign of life.
    #[arg(long, default_value = "35s", value_parser = duration, value_name = "DURATION")]
    pub leader_election_lease_duration: Duration,
    /// How long the holder tries to renew before it gives up and ends.
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "DURATION")]
    pub leader_election_renew_deadline: Duration,
    /// Time between two tries.
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "DURATION")]
    pub leader_election_retry_period: Duration,
    /// Reconcile the objects of all namespaces, else those of the namespace RUNTIME_NAMESPACE.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub watch_all_namespaces: bool,
    /// Reconcile the objects of these namespaces only, a comma list. An addition to Flux's flags.
    #[arg(long, value_delimiter = ',', value_parser = crate::objects::namespace, value_name = "NAMES")]
    pub watch_namespaces: Vec<String>,
    /// Reconcile only objects with these labels (a shard).
    #[arg(long, default_value = "", value_name = "SELECTOR")]
    pub watch_label_selector: String,
    /// Reconcile the users of ConfigMaps and Secrets with these labels when one of them changes; empty: of all.
    #[arg(long, default_value = "reconcile.fluxcd.io/watch=Enabled", value_name = "SELECTOR")]
    pub watch_configs_label_selector: String,
    /// First delay after a failure; doubles with each one.
    #[arg(long, default_value = "750ms", value_parser = duration, value_name = "DURATION")]
    pub min_retry_delay: Duration,
    /// Longest delay after a failure.
    #[arg(long, default_value = "15m", value_parser = duration, value_name = "DURATION")]
    pub max_retry_delay: Duration,
    /// By how many per cent intervals are shifted either way.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=100), value_name = "PERCENT")]
    pub interval_jitter_percentage: u8,
    /// Refuse references to objects in other namespaces.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub no_cross_namespace_refs: bool,
    /// Feature gates: A=true,B=false.
    #[arg(long, default_value = "", value_name = "GATES")]
    pub feature_gates: Gates,
    /// Accepted for Flux's manifests and said in the log: requests are governed by the server's flow control.
    #[arg(long, value_name = "N")]
    pub kube_api_qps: Option<f32>,
    /// As --kube-api-qps.
    #[arg(long, value_name = "N")]
    pub kube_api_burst: Option<u32>,
}

/// The source controller's own.
#[derive(Args, Clone, Debug)]
pub struct Source {
    /// Sources reconciled at once.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrent: u16,
    /// Folder of the artifacts.
    #[arg(long, default_value = "/data", value_name = "DIR", env = "STORAGE_PATH")]
    pub storage_path: PathBuf,
    /// Address of the artifact server.
    #[arg(long, default_value = ":9090", value_name = "ADDRESS", env = "STORAGE_ADDRESS")]
    pub storage_addr: String,
    /// Address that the artifact server has for others; derived from --storage-addr when empty.
    #[arg(long, default_value = "", value_name = "ADDRESS", env = "STORAGE_ADV_ADDR")]
    pub storage_adv_addr: String,
    /// Artifacts that are older than this go, but for the current one.
    #[arg(long, default_value = "1m", value_parser = duration, value_name = "DURATION")]
    pub artifact_retention_ttl: Duration,
    /// Artifacts of one object that stay at most, the current one among them.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub artifact_retention_records: usize,
    /// Algorithm of the artifacts' digests: sha1, sha256, sha384, sha512 or blake3.
    #[arg(long, default_value = "sha256", value_parser = algorithm, value_name = "NAME")]
    pub artifact_digest_algo: Algorithm,
    /// When an include that has no artifact yet is looked for again.
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "DURATION")]
    pub requeue_dependency: Duration,
    /// Bytes that a Git repository may transfer, and that its files may have; units Ki, Mi, Gi. An addition to Flux's flags.
    #[arg(long, default_value = "4Gi", value_parser = bytes, value_name = "BYTES")]
    pub git_max_size: u64,
    /// Key exchanges to agree on with ssh servers, a comma list; default: the library's.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "ALGORITHMS")]
    pub ssh_kex_algos: KexAlgorithms,
    /// Kinds of host keys to accept from ssh servers, a comma list; default: all but RSA with SHA-1.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "ALGORITHMS")]
    pub ssh_hostkey_algos: HostKeyAlgorithms,
    /// Hosts that Git repositories, what they redirect to and their submodules may be on: a comma list of HOST and *.DOMAIN,
    /// at any port; empty: every host. An addition to Flux's flags.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "HOSTS")]
    pub allowed_source_hosts: Hosts,
}

/// The kustomize controller's own.
#[derive(Args, Clone, Debug)]
pub struct Kustomize {
    /// Kustomizations reconciled at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrent: u16,
    /// Dry-runs under way at once, per Kustomization.
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub concurrent_ssa: usize,
    /// When a dependency or artifact that is not there yet is looked for again.
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "DURATION")]
    pub requeue_dependency: Duration,
    /// Tries to fetch an artifact, after the first.
    #[arg(long, default_value_t = 9, value_name = "N")]
    pub http_retry: u32,
    /// Service account to impersonate where a Kustomization names none.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub default_service_account: String,
    /// Refuse Kustomizations that name no service account: the controller has no rights to apply with. An addition to
    /// Flux's flags.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub require_service_account: bool,
    /// Service account that asks key services where a Kustomization's decryption names none; needs the gate
    /// ObjectLevelWorkloadIdentity, as the next one.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub default_decryption_service_account: String,
    /// Service account that asks for access to other clusters where spec.kubeConfig's ConfigMap names none.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub default_kubeconfig_service_account: String,
    /// ConfigMap in RUNTIME_NAMESPACE with the OpenBao and Vault servers that are shown tokens of Kubernetes.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub sops_vault_configmap: String,
    /// Tokens of clouds that are kept; 0 keeps none.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub token_cache_max_size: usize,
    /// How long one is kept at most; not longer than an hour.
    #[arg(long, default_value = "1h", value_parser = duration, value_name = "DURATION")]
    pub token_cache_max_duration: Duration,
    /// Secret in RUNTIME_NAMESPACE with the age keys of Kustomizations whose decryption names no Secret.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub sops_age_secret: String,
    /// What a file is that was changed after SOPS encrypted it: warn tells of it, enforce refuses the build. An addition to
    /// Flux's flags, which looks at no MAC.
    #[arg(long, default_value = "warn", value_parser = ["warn", "enforce"], value_name = "MODE")]
    pub sops_mac: String,
    /// Take over the fields of these field managers, by the beginning of their name; may be given several times.
    #[arg(long, value_name = "NAME", action = clap::ArgAction::Append)]
    pub override_manager: Vec<String>,
    /// Kinds that are applied before the rest, without waiting for them: group/Kind, a comma list.
    #[arg(long, value_delimiter = ',', value_parser = group_kind, value_name = "KINDS")]
    pub custom_apply_stage_kinds: Vec<GroupKind>,
    /// Start the programs that kubeconfigs of Kustomizations name for their credentials. Whoever may write one then runs
    /// what they like in the controller.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub insecure_kubeconfig_exec: bool,
    /// Let kubeconfigs of Kustomizations switch off that the server's certificate is looked at.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub insecure_kubeconfig_tls: bool,
    /// Where remote bases and the clusters of kubeconfigs may be: outside is not at loopback, link-local and metadata
    /// addresses. An addition to Flux's flags.
    #[arg(long, default_value = "outside", value_parser = ["outside", "anywhere"], value_name = "WHERE")]
    pub remote_reach: String,
    /// Hold a prune of more objects than this until the annotation kustomize.weir.dev/confirm-prune confirms it; 0 holds
    /// none. An addition to Flux's flags, as the next three.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub prune_limit: usize,
    /// Hold a prune of objects of these kinds in the same way: group/Kind, a comma list, such as
    /// /Namespace,/PersistentVolumeClaim,apiextensions.k8s.io/CustomResourceDefinition.
    #[arg(long, value_delimiter = ',', value_parser = group_kind, value_name = "KINDS")]
    pub protected_kinds: Vec<GroupKind>,
    /// Refuse objects outside of their Kustomization's target namespace, or of its own where it names none.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub target_namespace_fence: bool,
    /// Namespaces whose Kustomizations the fence leaves alone, a comma list; default: RUNTIME_NAMESPACE.
    #[arg(long, value_delimiter = ',', value_name = "NAMESPACES")]
    pub fence_exempt_namespaces: Vec<String>,
    /// Refuse remote bases: every resource has to be a file of the source.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub no_remote_bases: bool,
    /// Hosts that remote bases, what they redirect to and their submodules may be on: a comma list of HOST and *.DOMAIN, at
    /// any port; empty: every host that --remote-reach leaves. An addition to Flux's flags.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "HOSTS")]
    pub allowed_base_hosts: Hosts,
}

/// Flags of one role, which `weir controller run` takes with a prefix.
pub trait Own: Args {
    const ROLE: Role;
    const PREFIX: &'static str;
}

impl Own for Source {
    const ROLE: Role = Role::Source;
    const PREFIX: &'static str = "source";
}

impl Own for Kustomize {
    const ROLE: Role = Role::Kustomize;
    const PREFIX: &'static str = "kustomize";
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<weir_api::common::Duration>().map(|duration| duration.get()).map_err(|error| error.to_string())
}

fn group_kind(text: &str) -> Result<GroupKind, String> {
    match text.trim().split_once('/') {
        Some((group, kind)) if !kind.is_empty() && !kind.contains('/') => {
            Ok(GroupKind { group: group.to_owned(), kind: kind.to_owned() })
        }
        _ => Err(format!("'{text}' is not of the form group/Kind (of the core group: /Kind)")),
    }
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    let known = || Algorithm::ALL.map(Algorithm::name).join(", ");
    Algorithm::ALL.into_iter().find(|known| known.name() == text).ok_or_else(|| format!("known are {}", known()))
}

fn bytes(text: &str) -> Result<u64, String> {
    let units = [("Ki", 10), ("Mi", 20), ("Gi", 30)];
    let unit = units.into_iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    let parsed = number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    parsed.filter(|bytes| *bytes > 0).ok_or_else(|| "write a number above 0, alone or with Ki, Mi or Gi".to_owned())
}

/// A name that is not empty.
fn given(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}

/// An object in the controllers' own namespace.
fn at_home(name: &str) -> Option<Fallback> {
    given(name).map(|name| Fallback { namespace: home(), name })
}

impl Shared {
    /// What needs more than one flag, or the surroundings, to be judged.
    pub fn watch(&self, runtime_namespace: Option<&str>) -> Result<Watch, CliError> {
        let namespaces = match (self.watch_all_namespaces, runtime_namespace) {
            (true, _) => self.watch_namespaces.clone(),
            (false, _) if !self.watch_namespaces.is_empty() => {
                return Err(CliError::new(
                    "--watch-namespaces names the namespaces: it does not go with --watch-all-namespaces=false",
                ));
            }
            (false, Some(namespace)) => vec![namespace.to_owned()],
            (false, None) => {
                return Err(CliError::new(
                    "--watch-all-namespaces=false: RUNTIME_NAMESPACE is not set (it names the one that is watched)",
                ));
            }
        };
        let selector = Some(self.watch_label_selector.trim().to_owned()).filter(|selector| !selector.is_empty());
        let configs = self.feature_gates.watch_configs.then(|| self.watch_configs_label_selector.trim().to_owned());
        Ok(Watch { namespaces, selector, configs })
    }

    pub fn lease_timing(&self) -> Result<LeaseTiming, CliError> {
        let timing = LeaseTiming {
            lease: self.leader_election_lease_duration,
            renew: self.leader_election_renew_deadline,
            retry: self.leader_election_retry_period,
        };
        if timing.lease.as_secs() == 0 || timing.renew >= timing.lease || timing.retry >= timing.renew {
            return Err(CliError::new(
                "--leader-election-lease-duration has to be longer than --leader-election-renew-deadline, and that \
                 longer than --leader-election-retry-period",
            ));
        }
        Ok(timing)
    }

    pub fn retry(&self) -> Result<RetryDelay, CliError> {
        if self.min_retry_delay > self.max_retry_delay || self.min_retry_delay.is_zero() {
            return Err(CliError::new("--min-retry-delay has to be above 0 and at most --max-retry-delay"));
        }
        Ok(RetryDelay { min: self.min_retry_delay, max: self.max_retry_delay })
    }
}

impl Source {
    pub fn options(&self) -> weir_source::Options {
        let ssh = ssh::Options { kex: self.ssh_kex_algos.clone(), host_keys: self.ssh_hostkey_algos.clone() };
        weir_source::Options {
            concurrent: self.concurrent,
            requeue_dependency: self.requeue_dependency,
            max_size: self.git_max_size,
            ssh,
            hosts: self.allowed_source_hosts.clone(),
        }
    }
}

impl Kustomize {
    /// The services of clouds.
    pub fn cloud(&self, shared: &Shared) -> Result<Cloud, CliError> {
        let named = [&self.default_decryption_service_account, &self.default_kubeconfig_service_account];
        if !shared.feature_gates.workload_identity && named.iter().any(|name| !name.is_empty()) {
            return Err(CliError::new(
                "--default-decryption-service-account and --default-kubeconfig-service-account need \
                 --feature-gates=ObjectLevelWorkloadIdentity=true",
            ));
        }
        let cache = CacheOptions { max_size: self.token_cache_max_size, max_duration: self.token_cache_max_duration };
        Ok(Cloud::new(cache, Env::of_process())?)
    }

    /// What kubeconfigs may do.
    pub fn access(&self) -> Access {
        Access { exec: self.insecure_kubeconfig_exec, insecure_tls: self.insecure_kubeconfig_tls, reach: self.reach() }
    }

    fn guards(&self) -> Guards {
        let exempt = match self.fence_exempt_namespaces.as_slice() {
            [] => [home()].into(),
            named => named.iter().cloned().collect(),
        };
        Guards {
            prune_limit: Some(self.prune_limit).filter(|limit| *limit > 0),
            protected_kinds: self.protected_kinds.clone(),
            fence: self.target_namespace_fence.then_some(exempt),
        }
    }

    fn reach(&self) -> Reach {
        if self.remote_reach == "anywhere" { Reach::Anywhere } else { Reach::Outside }
    }

    pub fn options(
        &self,
        shared: &Shared,
        clusters: Arc<Clusters>,
        cloud: Option<Arc<Cloud>>,
    ) -> weir_kustomization::Options {
        weir_kustomization::Options {
            concurrent: self.concurrent,
            default_service_account: given(&self.default_service_account),
            require_service_account: self.require_service_account,
            sops_age_secret: at_home(&self.sops_age_secret),
            sops_vault_config_map: at_home(&self.sops_vault_configmap),
            workload_identity: shared.feature_gates.workload_identity,
            default_decryption_service_account: given(&self.default_decryption_service_account),
            default_kubeconfig_service_account: given(&self.default_kubeconfig_service_account),
            cloud,
            enforce_sops_mac: self.sops_mac == "enforce",
            external_artifacts: shared.feature_gates.external_artifacts,
            no_cross_namespace_refs: shared.no_cross_namespace_refs,
            fail_fast: shared.feature_gates.fail_fast,
            strict_substitutions: shared.feature_gates.strict_substitutions,
            direct_source_fetch: shared.feature_gates.direct_source,
            additive_cel_dependency_check: shared.feature_gates.additive_cel,
            migrate_api_version: shared.feature_gates.migrate_api_version,
            group_change_log: shared.feature_gates.group_change_log,
            concurrent_ssa: self.concurrent_ssa,
            override_managers: self.override_manager.clone(),
            custom_apply_stage_kinds: self.custom_apply_stage_kinds.clone(),
            requeue_dependency: self.requeue_dependency,
            http_retry: self.http_retry,
            clusters: Some(clusters),
            guards: self.guards(),
            remotes: (!self.no_remote_bases).then(|| Fetcher::shared(self.reach(), self.allowed_base_hosts.clone())),
        }
    }
}
