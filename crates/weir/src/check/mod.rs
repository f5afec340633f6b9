//! `weir check`: whether a cluster can take an installation, and how the one that is there does. Names and words are those of
//! the flux program.

mod rights;

use crate::controllers::Role;
use crate::error::CliError;
use crate::installed::{self, Controller, Definition};
use crate::objects::{Cluster, Say, duration};
use crate::output::Output;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use weir_api::KINDS;
use weir_base::{Range, version_of};
use weir_kube::Session;
use weir_object::kstatus::Status;
use weir_object::meta;

/// What Flux 2.9 asks of a cluster.
const KUBERNETES: &str = ">=1.33.0-0";

/// Check what an installation needs, and the installation itself.
#[derive(clap::Parser)]
pub struct Check {
    /// Only what is needed to install.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pre: bool,
    /// Controllers that have to be there, a comma list; default: those that are.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    components: Vec<String>,
    /// Refused: weir has none of Flux's extra controllers.
    #[arg(long, value_name = "NAMES", value_parser = crate::install::no_extra, hide = true)]
    components_extra: Option<String>,
    /// Between two looks at a controller that is not ready.
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "DURATION")]
    poll_interval: Duration,
    #[command(flatten)]
    cluster: Cluster,
}

pub async fn run(args: Check, output: &Output) -> Result<ExitCode, CliError> {
    let say = Say(output);
    match check(&args, &say).await {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(error) => {
            say.failure(&error.to_string());
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Whether all is well. What is not has been said.
async fn check(args: &Check, say: &Say<'_>) -> Result<bool, CliError> {
    say.action("checking prerequisites");
    let session = args.cluster.connect().await?;
    let mut is_well = args.cluster.within(kubernetes(&session, say)).await?;
    is_well &= args.cluster.within(rights::check(&session, args.pre, say)).await?;
    if args.pre {
        match is_well {
            true => say.success("prerequisites checks passed"),
            false => say.failure("prerequisites checks failed"),
        }
        return Ok(is_well);
    }
    say.action("checking version in cluster");
    let definitions = args.cluster.within(installed::definitions(&session)).await?;
    distribution(&definitions, say);
    say.action("checking controllers");
    let found = controllers(args, &session, say, &mut is_well).await?;
    say.action("checking crds");
    is_well &= crds(&definitions, &found, say);
    match is_well {
        true => say.success("all checks passed"),
        false => say.failure("check failed"),
    }
    Ok(is_well)
}

async fn kubernetes(session: &Session, say: &Say<'_>) -> Result<bool, CliError> {
    let version = session.client().apiserver_version().await;
    let version = version.map_err(|error| {
        CliError::new(format!("Kubernetes API call failed: {error} (name a cluster with --kubeconfig or --context)"))
    })?;
    let Some(parsed) = version_of(&version.git_version) else {
        say.failure(&format!("Kubernetes version can't be determined: the server says '{}'", version.git_version));
        return Ok(false);
    };
    let wanted = Range::parse(KUBERNETES).map_err(CliError::new)?;
    if !wanted.admits(&parsed) {
        say.failure(&format!(
            "Kubernetes version {} does not match {KUBERNETES} (upgrade the cluster)",
            version.git_version
        ));
        return Ok(false);
    }
    say.success(&format!("Kubernetes {parsed} {KUBERNETES}"));
    Ok(true)
}

/// Whose definitions they are, and whether a Kustomization applies them.
fn distribution(definitions: &[Definition], say: &Say<'_>) {
    let Some(git) = installed::foremost(definitions) else { return };
    if let Some(version) = git.version() {
        say.success(&format!("distribution: flux-{version}"));
    }
    let is_bootstrapped = meta::label(&git.node, weir_api::names::KUSTOMIZE_NAMESPACE).is_some();
    say.success(&format!("bootstrapped: {is_bootstrapped}"));
}

/// The controllers that are there. Waits for those that are not ready.
async fn controllers(
    args: &Check,
    session: &Session,
    say: &Say<'_>,
    is_well: &mut bool,
) -> Result<Vec<Controller>, CliError> {
    let namespace = &args.cluster.namespace;
    let deadline = Instant::now() + args.cluster.timeout;
    let found = loop {
        let found = installed::controllers(session, namespace).await?;
        let is_settled = found.iter().all(|one| one.health().status == Status::Current);
        if is_settled || Instant::now() + args.poll_interval > deadline {
            break found;
        }
        tokio::time::sleep(args.poll_interval).await;
    };
    if found.is_empty() {
        say.failure(&format!(
            "no controllers found in the '{namespace}' namespace with the label selector '{}' (weir install writes them; \
             -n names another namespace)",
            installed::PART_OF
        ));
        *is_well = false;
    }
    for one in &found {
        let (name, verdict) = (one.name(), one.health());
        match verdict.status {
            Status::Current => say.success(&format!("{name}: deployment ready")),
            status => {
                *is_well = false;
                say.failure(&format!(
                    "{name}: {}: {} (kubectl -n {namespace} describe deployment {name})",
                    status.as_str(),
                    verdict.message
                ));
            }
        }
        say.action(&format!("{name} is {}'s: {}", one.of_whom(), one.images().join(", ")));
        if let Some(role) = one.role {
            // Who may not read it can still see the rest.
            let told = match installed::holder(session, namespace, role).await {
                Ok(holder) => format!("is held by {}", holder.as_deref().unwrap_or("nobody")),
                Err(error) => format!("cannot be read: {error}"),
            };
            say.action(&format!("{name} lease {told}"));
        }
    }
    for wanted in args.components.iter().filter(|name| !found.iter().any(|one| one.name() == *name)) {
        *is_well = false;
        let remedy = match Role::ALL.into_iter().find(|role| role.controller() == wanted) {
            Some(role) if role.is_implemented() => format!("weir install --components={wanted} writes it"),
            Some(_) => "it is not implemented in this version of weir".to_owned(),
            None => "there is no such controller".to_owned(),
        };
        say.failure(&format!("{wanted} is not in the '{namespace}' namespace ({remedy})"));
    }
    Ok(found)
}

/// The definitions of the kinds whose controllers are there.
fn crds(definitions: &[Definition], controllers: &[Controller], say: &Say<'_>) -> bool {
    let mut is_well = true;
    if definitions.is_empty() {
        say.failure(&format!(
            "no crds found with the label selector '{}' (weir install writes them)",
            installed::PART_OF
        ));
        return false;
    }
    for definition in definitions {
        let stored = definition.stored();
        let Some(last) = stored.last() else {
            is_well = false;
            say.failure(&format!("no stored versions for {} (weir install writes it anew)", definition.name()));
            continue;
        };
        let known = definition.info().map_or(&[][..], |info| info.versions);
        let strange: Vec<&str> = stored.iter().copied().filter(|version| !known.contains(version)).collect();
        if definition.info().is_some() && !strange.is_empty() {
            is_well = false;
            say.failure(&format!(
                "{} may have objects stored as {}, which this version of weir does not serve (flux migrate rewrites them)",
                definition.name(),
                strange.join(", ")
            ));
            continue;
        }
        say.success(&format!("{}/{last}", definition.name()));
    }
    let is_there = |name: &str| definitions.iter().any(|definition| definition.name() == name);
    for role in controllers.iter().filter(|one| one.is_weir()).filter_map(|one| one.role) {
        let group = match role {
            Role::Source => weir_api::names::SOURCE_GROUP,
            Role::Kustomize => weir_api::names::KUSTOMIZE_GROUP,
            _ => continue,
        };
        for info in KINDS.iter().filter(|info| info.group == group && !is_there(&info.crd_name())) {
            is_well = false;
            say.failure(&format!("{} is not defined (weir install writes it)", info.crd_name()));
        }
    }
    is_well
}
