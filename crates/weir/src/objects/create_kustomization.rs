use super::cluster::{duration, upsert};
use super::create::{Common, object};
use super::export::print;
use super::kind::KUSTOMIZATION;
use super::{Cluster, Say, wait};
use crate::error::CliError;
use std::time::Duration;
use weir_doc::Node;

/// What a Kustomization can be of.
const SOURCES: [&str; 3] = ["OCIRepository", "GitRepository", "Bucket"];
/// What a health check can be of, and its API.
const CHECKS: [(&str, Option<&str>); 4] = [
    ("HelmRelease", Some("helm.toolkit.fluxcd.io/v2")),
    ("Deployment", None),
    ("DaemonSet", None),
    ("StatefulSet", None),
];

#[derive(clap::Args)]
pub struct Args {
    /// Name of the Kustomization.
    name: String,
    /// Source of the manifests: [KIND/]NAME[.NAMESPACE]; a GitRepository where no kind is named.
    #[arg(long, value_name = "SOURCE", value_parser = source)]
    source: Source,
    /// Folder in the source.
    #[arg(long, value_name = "PATH", default_value = "./")]
    path: String,
    /// Delete what is no longer in the source.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    prune: bool,
    /// Wait for the health of all objects.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    wait: bool,
    /// Workloads whose health is waited for: KIND/NAME.NAMESPACE,...
    #[arg(long, value_delimiter = ',', value_name = "CHECKS", value_parser = check)]
    health_check: Vec<Check>,
    /// How long health may take.
    #[arg(long, default_value = "2m", value_parser = duration, value_name = "DURATION")]
    health_check_timeout: Duration,
    /// Kustomizations that have to be ready before: [NAMESPACE/]NAME,...
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    depends_on: Vec<String>,
    /// Service account that applies the objects.
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    #[arg(long, value_name = "NAME", value_parser = ["sops"])]
    decryption_provider: Option<String>,
    /// Secret with the keys for --decryption-provider.
    #[arg(long, value_name = "NAME", requires = "decryption_provider")]
    decryption_secret: Option<String>,
    /// Namespace of all objects, whatever the manifests say.
    #[arg(long, value_name = "NAME")]
    target_namespace: Option<String>,
    /// Secret with the kubeconfig of another cluster.
    #[arg(long, value_name = "NAME")]
    kubeconfig_secret_ref: Option<String>,
    /// How often the objects are applied.
    #[arg(long, default_value = "1m", value_parser = duration, value_name = "DURATION")]
    interval: Duration,
    /// When a failed run is tried again; default: --interval.
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    retry_interval: Option<Duration>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Clone, Debug)]
struct Source {
    kind: &'static str,
    name: String,
    namespace: Option<String>,
}

#[derive(Clone, Debug)]
struct Check {
    kind: &'static str,
    api_version: Option<&'static str>,
    name: String,
    namespace: String,
}

fn source(text: &str) -> Result<Source, String> {
    let (kind, name) = match text.split('/').collect::<Vec<_>>()[..] {
        [kind, name] => (kind, name),
        _ => ("", text),
    };
    let (name, namespace) = match name.rsplit_once('.') {
        Some((name, namespace)) => (name, Some(namespace.to_owned())),
        None => (name, None),
    };
    if name.is_empty() {
        return Err(format!("no name given for source of kind '{kind}'"));
    }
    if kind.is_empty() && SOURCES.contains(&name) {
        return Err(format!("no name given for source '{name}': write {name}/NAME"));
    }
    let kind = if kind.is_empty() { "GitRepository" } else { kind };
    let known = SOURCES.into_iter().find(|known| known.eq_ignore_ascii_case(kind));
    let kind = known
        .ok_or_else(|| format!("source kind '{kind}' is not supported, must be one of: {}", SOURCES.join(", ")))?;
    Ok(Source { kind, name: name.to_owned(), namespace })
}

fn check(text: &str) -> Result<Check, String> {
    let invalid = || format!("invalid health check '{text}' must be in the format 'kind/name.namespace'");
    let (kind, rest) = text.split_once('/').ok_or_else(invalid)?;
    let (kind, api_version) = CHECKS.into_iter().find(|(known, _)| *known == kind).ok_or_else(|| {
        format!("invalid health check kind '{kind}' can be HelmRelease, Deployment, DaemonSet or StatefulSet")
    })?;
    match rest.split('.').collect::<Vec<_>>()[..] {
        [name, namespace] if !name.is_empty() && !namespace.is_empty() && !rest.contains('/') => {
            Ok(Check { kind, api_version, name: name.to_owned(), namespace: namespace.to_owned() })
        }
        _ => Err(invalid()),
    }
}

pub(super) async fn run(args: Args, say: &Say<'_>) -> Result<(), CliError> {
    let node = kustomization(&args);
    if args.common.export {
        print(say, &node);
        return Ok(());
    }
    say.generate("generating Kustomization");
    let session = args.cluster.connect().await?;
    say.action("applying Kustomization");
    let created = upsert(&session, &node, &["spec"]).await?;
    say.success(if created { "Kustomization created" } else { "Kustomization updated" });
    say.waiting("waiting for Kustomization reconciliation");
    let object = args.cluster.object(&KUSTOMIZATION, &args.name);
    let done = wait::ready(&session, &object, args.cluster.timeout, false, |_| true).await?;
    say.success(&format!("Kustomization {} is ready", args.name));
    say.success(&(KUSTOMIZATION.reached)(&done));
    Ok(())
}

fn kustomization(args: &Args) -> Node {
    let text = |duration: Duration| weir_api::common::Duration::from(duration).to_string();
    let named = |name: &str| {
        let mut node = Node::map();
        node.set("name", name);
        node
    };
    let info = KUSTOMIZATION.info;
    let api_version = format!("{}/{}", info.group, info.version);
    let mut node = object(&api_version, info.kind, (&args.cluster.namespace, &args.name), &args.common);
    let spec = node.ensure_map(&["spec"]);
    spec.insert("interval", text(args.interval));
    spec.insert("path", safe(&args.path));
    spec.insert("prune", args.prune);
    let mut source = named(&args.source.name);
    source.set("kind", args.source.kind);
    if let Some(namespace) = &args.source.namespace {
        source.set("namespace", namespace.as_str());
    }
    spec.insert("sourceRef", source);
    for (key, value) in [("targetNamespace", &args.target_namespace), ("serviceAccountName", &args.service_account)] {
        if let Some(value) = value {
            spec.insert(key, value.as_str());
        }
    }
    if !args.depends_on.is_empty() {
        spec.insert("dependsOn", args.depends_on.iter().map(|text| dependency(text)).collect::<Vec<_>>());
    }
    if args.wait {
        spec.insert("wait", true);
    } else if !args.health_check.is_empty() {
        spec.insert("healthChecks", args.health_check.iter().map(health_check).collect::<Vec<_>>());
    }
    if args.wait || !args.health_check.is_empty() {
        spec.insert("timeout", text(args.health_check_timeout));
    }
    if let Some(interval) = args.retry_interval.filter(|interval| !interval.is_zero()) {
        spec.insert("retryInterval", text(interval));
    }
    if let Some(secret) = &args.kubeconfig_secret_ref {
        node.ensure_map(&["spec", "kubeConfig"]).insert("secretRef", named(secret));
    }
    if let Some(provider) = &args.decryption_provider {
        let decryption = node.ensure_map(&["spec", "decryption"]);
        decryption.insert("provider", provider.as_str());
        if let Some(secret) = &args.decryption_secret {
            decryption.insert("secretRef", named(secret));
        }
    }
    node
}

/// The path from the root of the source, with its `..` resolved there, as flux writes it.
fn safe(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.trim().split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("./{}", parts.join("/"))
}

/// `[NAMESPACE/]NAME[@EXPRESSION]`, the expression in CEL for when it is ready.
fn dependency(text: &str) -> Node {
    let (object, expression) = match text.split_once('@') {
        Some((object, expression)) => (object, Some(expression)),
        None => (text, None),
    };
    let (namespace, name) = match object.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, object),
    };
    let mut node = Node::map();
    node.set("name", name);
    for (key, value) in [("namespace", namespace), ("readyExpr", expression)] {
        if let Some(value) = value {
            node.set(key, value);
        }
    }
    node
}

fn health_check(check: &Check) -> Node {
    let mut node = Node::map();
    if let Some(api_version) = check.api_version {
        node.set("apiVersion", api_version);
    }
    node.set("kind", check.kind);
    node.set("name", check.name.as_str());
    node.set("namespace", check.namespace.as_str());
    node
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use weir_doc::emit::to_yaml;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(line: &str) -> Result<Args, String> {
        let words = ["x", "apps"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_become_a_spec() {
        let cases = [
            (
                "--source=podinfo --prune",
                "  interval: 1m0s\n  path: ./\n  prune: true\n  sourceRef:\n    kind: GitRepository\n    name: podinfo\n",
            ),
            (
                "--source=ocirepository/a.b.c --path=deploy/../../x/ --depends-on=one,two/three --retry-interval=30s",
                "  dependsOn:\n  - name: one\n  - name: three\n    namespace: two\n  interval: 1m0s\n  path: ./x\n  \
                 prune: false\n  retryInterval: 30s\n  sourceRef:\n    kind: OCIRepository\n    name: a.b\n    \
                 namespace: c\n",
            ),
            (
                "--source=Bucket/x --health-check=Deployment/a.b,HelmRelease/c.d --service-account=me \
                 --decryption-provider=sops --decryption-secret=keys --kubeconfig-secret-ref=far",
                "  decryption:\n    provider: sops\n    secretRef:\n      name: keys\n  healthChecks:\n  - kind: \
                 Deployment\n    name: a\n    namespace: b\n  - apiVersion: helm.toolkit.fluxcd.io/v2\n    kind: \
                 HelmRelease\n    name: c\n    namespace: d\n  interval: 1m0s\n  kubeConfig:\n    secretRef:\n      \
                 name: far\n  path: ./\n  prune: false\n  serviceAccountName: me\n  sourceRef:\n    kind: Bucket\n    \
                 name: x\n  timeout: 2m0s\n",
            ),
            (
                "--source=x --wait --health-check=Deployment/a.b --health-check-timeout=3m --target-namespace=t",
                "  interval: 1m0s\n  path: ./\n  prune: false\n  sourceRef:\n    kind: GitRepository\n    name: x\n  \
                 targetNamespace: t\n  timeout: 3m0s\n  wait: true\n",
            ),
        ];
        for (line, spec) in cases {
            let expected = format!(
                "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: apps\n  namespace: \
                 flux-system\nspec:\n{spec}"
            );
            assert_eq!(to_yaml(&kustomization(&parsed(line).expect(line))), expected, "{line}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let told = |line: &str| parsed(line).err().expect("is refused");
        assert!(told("").contains("--source"));
        assert!(told("--source=GitRepository").contains("write GitRepository/NAME"));
        assert!(told("--source=Helm/x").contains("must be one of: OCIRepository, GitRepository, Bucket"));
        assert!(told("--source=x --health-check=Pod/a.b").contains("invalid health check kind 'Pod'"));
        assert!(told("--source=x --health-check=Deployment/a").contains("in the format 'kind/name.namespace'"));
        assert!(told("--source=x --decryption-provider=other").contains("[possible values: sops]"));
    }
}
