use crate::error::CliError;
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use weir_base::Secret;
use weir_kube::{Access, Clusters, Fence};

/// kubectl's flags for the way to a cluster. What is given here goes before what the file says.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cluster")]
pub struct Connection {
    /// Use the cluster of this file; default: KUBECONFIG, else the home folder's.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Use this context of the file.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Use this cluster of the file.
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Use this user of the file.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// URL of the API server.
    #[arg(long, value_name = "URL")]
    pub server: Option<http::Uri>,
    /// Bearer token to log in with.
    #[arg(long, value_name = "TOKEN", value_parser = hidden)]
    pub token: Option<Secret<String>>,
    /// User to act as.
    #[arg(long = "as", value_name = "USER")]
    pub impersonate: Option<String>,
    /// Group to act as; may be repeated.
    #[arg(long = "as-group", value_name = "GROUP", requires = "impersonate")]
    pub impersonate_groups: Vec<String>,
    /// UID to act as.
    #[arg(long = "as-uid", value_name = "UID", requires = "impersonate")]
    pub impersonate_uid: Option<String>,
    /// File with the certificate of the authority that the server's is signed by.
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// File with the certificate to log in with.
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_certificate: Option<PathBuf>,
    /// File with the key of that certificate.
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    pub client_key: Option<PathBuf>,
    /// Name that the server's certificate is checked for.
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Do not check the server's certificate.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub insecure_skip_tls_verify: bool,
}

fn hidden(text: &str) -> Result<Secret<String>, Infallible> {
    Ok(Secret::new(text.to_owned()))
}

impl Connection {
    pub async fn config(&self) -> Result<kube::Config, CliError> {
        let failed = |error: &dyn std::fmt::Display| {
            CliError::new(format!("no cluster: {error} (name one with --kubeconfig or KUBECONFIG)"))
        };
        let options =
            KubeConfigOptions { context: self.context.clone(), cluster: self.cluster.clone(), user: self.user.clone() };
        let is_chosen = self.context.is_some() || self.cluster.is_some() || self.user.is_some();
        let mut config = match (&self.kubeconfig, &self.server) {
            (Some(file), _) => {
                let read = Kubeconfig::read_from(file).map_err(|error| failed(&error))?;
                kube::Config::from_custom_kubeconfig(read, &options).await.map_err(|error| failed(&error))?
            }
            (None, _) if is_chosen => kube::Config::from_kubeconfig(&options).await.map_err(|error| failed(&error))?,
            (None, server) => match (kube::Config::infer().await, server) {
                (Ok(config), _) => config,
                (Err(_), Some(server)) => kube::Config::new(server.clone()),
                (Err(error), None) => return Err(failed(&error)),
            },
        };
        self.overrule(&mut config);
        Ok(config)
    }

    fn overrule(&self, config: &mut kube::Config) {
        if let Some(server) = &self.server {
            config.cluster_url = server.clone();
        }
        if let Some(file) = &self.certificate_authority {
            config.root_cert = None;
            config.root_cert_file = Some(file.clone());
        }
        if self.insecure_skip_tls_verify {
            config.accept_invalid_certs = true;
        }
        if let Some(name) = &self.tls_server_name {
            config.tls_server_name = Some(name.clone());
        }
        let login = &mut config.auth_info;
        if let Some(token) = &self.token {
            // One way in: that of the file is left.
            *login = kube::config::AuthInfo { token: Some(token.expose().clone().into()), ..Default::default() };
        }
        if let (Some(certificate), Some(key)) = (&self.client_certificate, &self.client_key) {
            login.client_certificate = Some(certificate.display().to_string());
            login.client_certificate_data = None;
            login.client_key = Some(key.display().to_string());
            login.client_key_data = None;
        }
        if let Some(user) = &self.impersonate {
            login.impersonate = Some(user.clone());
            login.impersonate_groups = Some(self.impersonate_groups.clone()).filter(|groups| !groups.is_empty());
            login.impersonate_uid = self.impersonate_uid.clone();
        }
    }

    /// The namespace of the context that is used.
    pub fn namespace(&self) -> Option<String> {
        let read = match &self.kubeconfig {
            Some(file) => Kubeconfig::read_from(file),
            None => Kubeconfig::read(),
        };
        let read = read.ok()?;
        let name = self.context.clone().or(read.current_context)?;
        let context = read.contexts.into_iter().find(|context| context.name == name)?;
        context.context?.namespace.filter(|namespace| !namespace.is_empty())
    }
}

/// The clusters that Kustomizations name. Where a kubeconfig of a Kustomization leads is as the controllers have it, but
/// that it may be on this machine.
pub fn clusters() -> Arc<Clusters> {
    Arc::new(Clusters::new(|_, _, _| {}, Fence::default(), Arc::default(), Access::default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        connection: Connection,
    }

    #[test]
    fn flags_go_before_the_file() {
        let line = "x --server https://example.com:1 --token s3cr3t --as me --as-group a --as-group b --as-uid 7 \
                    --tls-server-name n --insecure-skip-tls-verify=true --certificate-authority ca.crt";
        let connection = Line::try_parse_from(line.split_whitespace()).expect("parses").connection;
        let mut config = kube::Config::new("https://old.example.com".parse().expect("a URL"));
        config.auth_info.token_file = Some("old".to_owned());
        connection.overrule(&mut config);
        assert_eq!(config.cluster_url, "https://example.com:1/");
        assert!(config.accept_invalid_certs && config.auth_info.token.is_some());
        assert_eq!((config.auth_info.token_file.as_deref(), config.tls_server_name.as_deref()), (None, Some("n")));
        assert_eq!(config.auth_info.impersonate.as_deref(), Some("me"));
        assert_eq!(config.auth_info.impersonate_groups, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(config.auth_info.impersonate_uid.as_deref(), Some("7"));
        assert_eq!(config.root_cert_file, Some(PathBuf::from("ca.crt")));
        assert!(!format!("{connection:?}").contains("s3cr3t"));
        assert!(Line::try_parse_from(["x", "--as-group", "a"]).is_err(), "a group needs a user");
    }
}
