use super::cluster::upsert;
use super::create::{Common, object};
use super::export::print;
use super::{Cluster, Say};
use crate::error::CliError;
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use std::time::Duration;
use weir_base::Secret;
use weir_doc::Node;
use weir_git::ssh::{self, Curve, KeyKind, KeyPair};

/// Longest look at a host's keys.
const SCAN: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub struct Args {
    /// Name of the Secret.
    name: String,
    /// URL of the repository.
    #[arg(long, value_name = "URL")]
    url: String,
    #[command(flatten)]
    login: Login,
    /// A token for http and https.
    #[arg(long, value_name = "TOKEN")]
    bearer_token: Option<String>,
    /// File with certificates of authorities that the server's is signed by.
    #[arg(long, value_name = "FILE")]
    ca_crt_file: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    cluster: Cluster,
}

/// What both commands for Git take.
#[derive(clap::Args)]
pub(super) struct Login {
    /// User for http and https.
    #[arg(short, long, value_name = "NAME")]
    pub username: Option<String>,
    /// Password for http and https; passphrase of the private key for ssh.
    #[arg(short, long, value_name = "PASSWORD")]
    pub password: Option<String>,
    /// Kind of the key that is made.
    #[arg(long, default_value = "ecdsa", value_name = "KIND")]
    pub ssh_key_algorithm: Algorithm,
    /// Bits of an RSA key: 2048, 3072, 4096 or 8192.
    #[arg(long, default_value_t = 2048, value_name = "BITS")]
    pub ssh_rsa_bits: u32,
    /// Curve of an ECDSA key.
    #[arg(long, default_value = "p384", value_name = "CURVE")]
    pub ssh_ecdsa_curve: EcdsaCurve,
    /// File with the private key to use instead of a new one.
    #[arg(long, value_name = "FILE")]
    pub private_key_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Algorithm {
    Rsa,
    Ecdsa,
    Ed25519,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum EcdsaCurve {
    P256,
    P384,
    P521,
}

pub(super) async fn run(args: Args, say: &Say<'_>) -> Result<(), CliError> {
    let Args { name, url, login, bearer_token, ca_crt_file, common, cluster } = args;
    let mut data: Vec<(&str, String)> = Vec::new();
    match url.split_once("://").map(|(scheme, _)| scheme) {
        Some("ssh") => data.extend(ssh_data(&url, &login).await?),
        Some("http" | "https") => {
            match (login.username, login.password, bearer_token) {
                (Some(_), Some(_), Some(_)) => {
                    return Err(CliError::new("user credentials and bearer token cannot be used together"));
                }
                (Some(username), Some(password), None) => {
                    data.extend([("username", username), ("password", password)]);
                }
                (_, _, Some(token)) => data.push(("bearerToken", token)),
                _ => {
                    let needed = "for Git over HTTP/S the username and password, or a bearer token is required";
                    return Err(CliError::new(needed));
                }
            }
            if let Some(file) = ca_crt_file {
                data.push(("ca.crt", text_of(&file)?));
            }
        }
        scheme => return Err(unsupported(scheme)),
    }
    let secret = secret(&cluster.namespace, &name, &common, &data);
    if common.export {
        print(say, &secret);
        return Ok(());
    }
    if let Some((_, key)) = data.iter().find(|(key, _)| *key == "identity.pub") {
        say.generate(&format!("deploy key: {key}"));
    }
    let session = cluster.connect().await?;
    upsert(&session, &secret, &["data", "stringData"]).await?;
    say.action(&format!("git secret '{name}' created in '{}' namespace", cluster.namespace));
    Ok(())
}

pub(super) fn unsupported(scheme: Option<&str>) -> CliError {
    let scheme = scheme.unwrap_or_default();
    CliError::new(format!("git URL scheme '{scheme}' not supported, can be: ssh, http and https"))
}

pub(super) fn secret(namespace: &str, name: &str, common: &Common, data: &[(&str, String)]) -> Node {
    let mut secret = object("v1", "Secret", (namespace, name), common);
    for (key, value) in data {
        secret.ensure_map(&["stringData"]).insert(*key, value.as_str());
    }
    secret
}

/// The keys of a Secret for an ssh URL: ours, and those that the host shows now.
pub(super) async fn ssh_data(url: &str, login: &Login) -> Result<Vec<(&'static str, String)>, CliError> {
    let passphrase = login.password.clone().map(Secret::new);
    let pair = match &login.private_key_file {
        Some(file) => {
            let pem = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
            KeyPair::read(pem.into(), passphrase.as_ref(), &file.display().to_string())?
        }
        None => KeyPair::generate(match login.ssh_key_algorithm {
            Algorithm::Rsa => KeyKind::Rsa(login.ssh_rsa_bits),
            Algorithm::Ed25519 => KeyKind::Ed25519,
            Algorithm::Ecdsa => KeyKind::Ecdsa(match login.ssh_ecdsa_curve {
                EcdsaCurve::P256 => Curve::P256,
                EcdsaCurve::P384 => Curve::P384,
                EcdsaCurve::P521 => Curve::P521,
            }),
        })?,
    };
    let (host, port) = ssh::host_of(url)?;
    let scan = move || ssh::scan(&host, port, &ssh::Options::default(), SCAN);
    let lines = tokio::task::spawn_blocking(scan).await.map_err(|error| CliError::new(error.to_string()))??;
    let mut data = vec![
        ("identity", pair.private.into_inner()),
        ("identity.pub", format!("{}\n", pair.public)),
        ("known_hosts", format!("{}\n", lines.join("\n"))),
    ];
    // Of no use to a key that was made here, which is not encrypted.
    if let (Some(passphrase), Some(_)) = (passphrase, &login.private_key_file) {
        data.push(("password", passphrase.into_inner()));
    }
    Ok(data)
}

pub(super) fn text_of(file: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &std::io::Error) -> CliError {
    CliError::new(format!("{} cannot be read: {error}", file.display()))
}
