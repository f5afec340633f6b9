use super::cluster::{duration, upsert};
use super::create::{Common, object};
use super::create_secret::{Login, secret, ssh_data, text_of, unsupported};
use super::export::print;
use super::kind::GIT;
use super::{Cluster, Say, wait};
use crate::error::CliError;
use clap::ArgGroup;
use std::path::PathBuf;
use std::time::Duration;
use weir_doc::Node;

#[derive(clap::Args)]
#[command(group(ArgGroup::new("reference").required(true).multiple(true)))]
pub struct Args {
    /// Name of the GitRepository.
    name: String,
    /// URL of the repository.
    #[arg(long, value_name = "URL")]
    url: String,
    #[arg(long, value_name = "NAME", group = "reference")]
    branch: Option<String>,
    #[arg(long, value_name = "NAME", group = "reference")]
    tag: Option<String>,
    /// Newest tag in a range of versions.
    #[arg(long, value_name = "RANGE", group = "reference")]
    tag_semver: Option<String>,
    /// Full name of a reference, such as refs/pull/1/head.
    #[arg(long, value_name = "NAME", group = "reference")]
    ref_name: Option<String>,
    #[arg(long, value_name = "ID", group = "reference")]
    commit: Option<String>,
    #[command(flatten)]
    login: Login,
    /// A Secret that is there, instead of a new one.
    #[arg(long, value_name = "NAME")]
    secret_ref: Option<String>,
    /// A Secret with the address of a proxy.
    #[arg(long, value_name = "NAME")]
    proxy_secret_ref: Option<String>,
    /// generic, aws, azure or github.
    #[arg(long, value_name = "NAME", value_parser = ["generic", "aws", "azure", "github"])]
    provider: Option<String>,
    /// File with certificates of authorities that the server's is signed by.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The files of submodules too.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    recurse_submodules: bool,
    /// Paths that are left out, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "PATHS")]
    ignore_paths: Vec<String>,
    /// The only folders that are taken, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "PATHS")]
    sparse_checkout_paths: Vec<String>,
    /// Do not ask whether the deploy key is known to the server.
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    silent: bool,
    /// How often the repository is looked at.
    #[arg(long, default_value = "1m", value_parser = duration, value_name = "DURATION")]
    interval: Duration,
    /// Limit of one Git operation.
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    fetch_timeout: Option<Duration>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    cluster: Cluster,
}

pub(super) async fn run(mut args: Args, say: &Say<'_>) -> Result<(), CliError> {
    let scheme = args.url.split_once("://").map(|(scheme, _)| scheme.to_owned());
    if !matches!(scheme.as_deref(), Some("http" | "https" | "ssh")) {
        return Err(unsupported(scheme.as_deref()));
    }
    let is_ssh = scheme.as_deref() == Some("ssh");
    if is_ssh && args.ca_file.is_some() {
        return Err(CliError::new("specifying a CA file is not supported for Git over SSH"));
    }
    if args.common.export {
        print(say, &repository(&args));
        return Ok(());
    }
    let session = args.cluster.connect().await?;
    say.generate("generating GitRepository source");
    if args.secret_ref.is_none() {
        let data = credentials(&args, is_ssh).await?;
        if !data.is_empty() {
            announce(&data, args.silent, say)?;
            if scheme.as_deref() == Some("http") {
                say.warning("insecure configuration: credentials configured for an HTTP URL");
            }
            say.action("applying secret with repository credentials");
            let unlabelled = Common { labels: Vec::new(), ..args.common.clone() };
            let secret = secret(&args.cluster.namespace, &args.name, &unlabelled, &data);
            upsert(&session, &secret, &["data", "stringData"]).await?;
            args.secret_ref = Some(args.name.clone());
            say.success("authentication configured");
        }
    }
    say.action("applying GitRepository source");
    let created = upsert(&session, &repository(&args), &["spec"]).await?;
    say.success(if created { "GitRepository source created" } else { "GitRepository source updated" });
    say.waiting("waiting for GitRepository source reconciliation");
    let object = args.cluster.object(&GIT, &args.name);
    let done = wait::ready(&session, &object, args.cluster.timeout, false, |_| true).await?;
    say.success("GitRepository source reconciliation completed");
    let revision = done.str_at(GIT.revision);
    let revision = revision
        .ok_or_else(|| CliError::new("GitRepository source reconciliation completed but no artifact was found"))?;
    say.success(&format!("fetched revision: {revision}"));
    Ok(())
}

/// What the Secret of a repository has to hold; nothing for one that anybody may read.
async fn credentials(args: &Args, is_ssh: bool) -> Result<Vec<(&'static str, String)>, CliError> {
    if is_ssh {
        return ssh_data(&args.url, &args.login).await;
    }
    let mut data = Vec::new();
    if let (Some(username), Some(password)) = (&args.login.username, &args.login.password) {
        data.extend([("username", username.clone()), ("password", password.clone())]);
    }
    if let Some(file) = &args.ca_file {
        data.push(("ca.crt", text_of(file)?));
    }
    Ok(data)
}

/// Shows the keys, and lets the user put ours where it belongs.
fn announce(data: &[(&str, String)], silent: bool, say: &Say<'_>) -> Result<(), CliError> {
    let value = |key: &str| data.iter().find(|(name, _)| *name == key).map(|(_, value)| value.trim_end());
    if let Some(keys) = value("known_hosts") {
        say.success(&format!("collected public key from SSH server:\n{keys}"));
    }
    let Some(key) = value("identity.pub") else { return Ok(()) };
    say.generate(&format!("deploy key: {key}"));
    if silent || say.confirmed("Have you added the deploy key to your repository") {
        return Ok(());
    }
    Err(CliError::new("aborting (--silent goes on without asking)"))
}

fn repository(args: &Args) -> Node {
    let mut node =
        object("source.toolkit.fluxcd.io/v1", GIT.info.kind, (&args.cluster.namespace, &args.name), &args.common);
    let spec = node.ensure_map(&["spec"]);
    spec.insert("url", args.url.as_str());
    let text = |duration: Duration| weir_api::common::Duration::from(duration).to_string();
    spec.insert("interval", text(args.interval));
    if let Some(timeout) = args.fetch_timeout {
        spec.insert("timeout", text(timeout));
    }
    if let Some(provider) = &args.provider {
        spec.insert("provider", provider.as_str());
    }
    if args.recurse_submodules {
        spec.insert("recurseSubmodules", true);
    }
    if !args.ignore_paths.is_empty() {
        spec.insert("ignore", args.ignore_paths.join("\n"));
    }
    if !args.sparse_checkout_paths.is_empty() {
        let paths: Vec<Node> = args.sparse_checkout_paths.iter().map(|path| Node::string(path.as_str())).collect();
        spec.insert("sparseCheckout", Node::from(paths));
    }
    // The most exact one wins; a commit may be looked for on a branch.
    let reference = match (&args.commit, &args.ref_name, &args.tag_semver, &args.tag, &args.branch) {
        (Some(commit), _, _, _, branch) => vec![("commit", Some(commit)), ("branch", branch.as_ref())],
        (None, Some(name), ..) => vec![("name", Some(name))],
        (None, None, Some(range), ..) => vec![("semver", Some(range))],
        (None, None, None, Some(tag), _) => vec![("tag", Some(tag))],
        (None, None, None, None, branch) => vec![("branch", branch.as_ref())],
    };
    for (key, value) in reference {
        if let Some(value) = value {
            node.ensure_map(&["spec", "ref"]).insert(key, value.as_str());
        }
    }
    for (key, name) in [("secretRef", &args.secret_ref), ("proxySecretRef", &args.proxy_secret_ref)] {
        if let Some(name) = name {
            node.ensure_map(&["spec", key]).insert("name", name.as_str());
        }
    }
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
        let words = ["x", "podinfo", "--url=https://example.com/podinfo"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.args).map_err(|error| error.to_string())
    }

    /// What flux prints for the same flags.
    #[test]
    fn flags_become_a_spec() {
        let cases = [
            ("--branch=main --commit=c88a2f41", "  interval: 1m0s\n  ref:\n    branch: main\n    commit: c88a2f41\n"),
            ("--ref-name=refs/heads/main --tag=v1", "  interval: 1m0s\n  ref:\n    name: refs/heads/main\n"),
            ("--tag-semver=v1.01 --tag=v1", "  interval: 1m0s\n  ref:\n    semver: v1.01\n"),
            ("--tag=v1 --branch=main", "  interval: 1m0s\n  ref:\n    tag: v1\n"),
            (
                "--branch=test --provider github --secret-ref app --proxy-secret-ref=proxy --interval=90s",
                "  interval: 1m30s\n  provider: github\n  proxySecretRef:\n    name: proxy\n  ref:\n    branch: test\n  \
                 secretRef:\n    name: app\n",
            ),
            (
                "--branch=main --ignore-paths=.cosign,docs/ --sparse-checkout-paths=.cosign,docs/ --fetch-timeout=20s \
                 --recurse-submodules=true",
                "  ignore: |-\n    .cosign\n    docs/\n  interval: 1m0s\n  recurseSubmodules: true\n  ref:\n    branch: \
                 main\n  sparseCheckout:\n  - .cosign\n  - docs/\n  timeout: 20s\n",
            ),
        ];
        for (line, spec) in cases {
            let expected = format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  name: podinfo\n  namespace: \
                 flux-system\nspec:\n{spec}  url: https://example.com/podinfo\n"
            );
            assert_eq!(to_yaml(&repository(&parsed(line).expect(line))), expected, "{line}");
        }
    }

    #[test]
    fn labels_are_given_once_or_often() {
        let args = parsed("--branch=main --label=a=1,b=2 --label c=3").expect("parses");
        let yaml = to_yaml(&repository(&args));
        assert!(yaml.contains("  labels:\n    a: \"1\"\n    b: \"2\"\n    c: \"3\"\n"), "{yaml}");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let told = |line: &str| parsed(line).err().expect("is refused");
        assert!(told("").contains("--tag-semver"), "a reference is needed");
        assert!(told("--branch=main --provider dummy").contains("[possible values: generic, aws, azure, github]"));
        assert!(told("--branch=main --label a").contains("write KEY=VALUE"));
        assert!(told("--branch=main --interval 1").contains("1"));
    }
}
