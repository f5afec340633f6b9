//! What of somebody else's kubeconfig may be used.
//!
//! As in Flux, that is: the server with its certificates, its proxy, and a token, a password or a client certificate that
//! stand in the text. A kubeconfig is written by a tenant and read by the controller, so nothing in it may start a
//! program, read a file of the controller, or act as another user. What Flux leaves out without a word is refused, if the
//! kubeconfig would mean something else without it.

use super::{Access, RemoteError};
use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};
use weir_net::Reach;

/// A kubeconfig is a value of a Secret, which holds no more.
const LIMIT: usize = 1 << 20;

/// The current context of the kubeconfig, with what may be used of it.
pub(super) fn read(text: &[u8], access: Access) -> Result<Kubeconfig, RemoteError> {
    if text.len() > LIMIT {
        return Err(RemoteError::Malformed(format!("it is larger than {LIMIT} bytes")));
    }
    let text = std::str::from_utf8(text).map_err(|_| RemoteError::Malformed("it is not UTF-8".to_owned()))?;
    let Kubeconfig { clusters, auth_infos, contexts, current_context, .. } = Kubeconfig::from_yaml(text)
        // The parser's words quote the text.
        .map_err(|_| RemoteError::Malformed("it is not the YAML of a kubeconfig".to_owned()))?;
    let missing = |what: &str| RemoteError::Malformed(format!("{what} is not there"));
    let current = current_context.filter(|name| !name.is_empty()).ok_or_else(|| missing("current-context"))?;
    let context = contexts.into_iter().find(|context| context.name == current).and_then(|named| named.context);
    let context = context.ok_or_else(|| missing(&format!("the context '{current}'")))?;
    let cluster = clusters.into_iter().find(|cluster| cluster.name == context.cluster).and_then(|named| named.cluster);
    let cluster = cluster.ok_or_else(|| missing(&format!("the cluster '{}'", context.cluster)))?;
    let user = match context.user.filter(|name| !name.is_empty()) {
        Some(name) => auth_infos
            .into_iter()
            .find(|user| user.name == name)
            .and_then(|named| named.auth_info)
            .ok_or_else(|| missing(&format!("the user '{name}'")))?,
        None => AuthInfo::default(),
    };
    Ok(Kubeconfig {
        clusters: vec![NamedCluster {
            name: "remote".to_owned(),
            cluster: Some(allowed_cluster(cluster, access)?),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: "remote".to_owned(),
            auth_info: Some(allowed_user(user, access)?),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: "remote".to_owned(),
            context: Some(Context {
                cluster: "remote".to_owned(),
                user: Some("remote".to_owned()),
                ..Context::default()
            }),
            ..NamedContext::default()
        }],
        current_context: Some("remote".to_owned()),
        ..Kubeconfig::default()
    })
}

fn allowed_cluster(cluster: Cluster, access: Access) -> Result<Cluster, RemoteError> {
    // Without `..`: a new field has to be thought about here.
    let Cluster {
        server,
        insecure_skip_tls_verify,
        certificate_authority,
        certificate_authority_data,
        proxy_url,
        disable_compression,
        tls_server_name,
        extensions: _,
        other: _,
    } = cluster;
    let has_ca = is_given(&certificate_authority_data);
    if is_given(&certificate_authority) && !has_ca {
        return Err(RemoteError::File("cluster.certificate-authority"));
    }
    let is_insecure = insecure_skip_tls_verify == Some(true);
    if is_insecure && !access.insecure_tls && !has_ca {
        return Err(RemoteError::Refused {
            field: "cluster.insecure-skip-tls-verify",
            remedy: "give cluster.certificate-authority-data (--insecure-kubeconfig-tls allows it)",
        });
    }
    let server = server.filter(|server| !server.is_empty());
    let server = server.ok_or_else(|| RemoteError::Malformed("cluster.server is not there".to_owned()))?;
    // kubectl takes HOST:PORT too.
    let server = if server.contains("://") { server } else { format!("https://{server}") };
    check("cluster.server", &server, access.reach)?;
    if let Some(proxy) = &proxy_url {
        check("cluster.proxy-url", proxy, access.reach)?;
    }
    Ok(Cluster {
        server: Some(server),
        insecure_skip_tls_verify: Some(is_insecure && access.insecure_tls),
        certificate_authority_data: certificate_authority_data.filter(|_| has_ca),
        proxy_url,
        disable_compression,
        tls_server_name,
        ..Cluster::default()
    })
}

fn allowed_user(user: AuthInfo, access: Access) -> Result<AuthInfo, RemoteError> {
    let AuthInfo {
        username,
        password,
        token,
        token_file,
        client_certificate,
        client_certificate_data,
        client_key,
        client_key_data,
        impersonate,
        impersonate_uid,
        impersonate_groups,
        impersonate_user_extra,
        extensions: _,
        auth_provider,
        exec,
        other: _,
    } = user;
    let acts_as = is_given(&impersonate)
        || is_given(&impersonate_uid)
        || impersonate_groups.is_some_and(|groups| !groups.is_empty())
        || impersonate_user_extra.is_some_and(|extra| !extra.is_empty());
    if acts_as {
        return Err(RemoteError::Refused {
            field: "user.as",
            remedy: "leave it out; spec.serviceAccountName says whom to impersonate",
        });
    }
    let has_login = token.is_some() || is_given(&client_certificate_data) || is_given(&username);
    for (field, path, has_data) in [
        ("user.tokenFile", &token_file, token.is_some()),
        ("user.client-certificate", &client_certificate, is_given(&client_certificate_data)),
        ("user.client-key", &client_key, client_key_data.is_some()),
    ] {
        if is_given(path) && !has_data {
            return Err(RemoteError::File(field));
        }
    }
    if auth_provider.is_some() {
        return Err(RemoteError::Refused {
            field: "user.auth-provider",
            remedy: "clients have no such plugins any more",
        });
    }
    if exec.is_some() && !access.exec && !has_login {
        return Err(RemoteError::Refused {
            field: "user.exec",
            remedy: "use a token, or spec.kubeConfig.configMapRef with a provider (--insecure-kubeconfig-exec allows it)",
        });
    }
    Ok(AuthInfo {
        username,
        password,
        token,
        client_certificate_data,
        client_key_data,
        exec: exec.filter(|_| access.exec),
        ..AuthInfo::default()
    })
}

fn is_given(text: &Option<String>) -> bool {
    text.as_ref().is_some_and(|text| !text.is_empty())
}

/// Whether a server may be spoken to. A name is looked at again when it is resolved.
fn check(field: &'static str, url: &str, reach: Reach) -> Result<(), RemoteError> {
    let uri: http::Uri =
        url.parse().map_err(|_| RemoteError::Malformed(format!("{field} is not the URL of a server")))?;
    let host = uri.host().unwrap_or_default();
    match (host.is_empty(), reach.allows(host)) {
        (true, _) => Err(RemoteError::Malformed(format!("{field} is not the URL of a server"))),
        (false, false) => Err(RemoteError::Inside { field, host: host.to_owned() }),
        (false, true) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cluster: &str, user: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
             clusters: [{{name: k, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
        )
    }

    const SERVER: &str = "server: 'https://remote.example:6443', certificate-authority-data: Y2E=";

    #[test]
    fn only_what_stands_in_the_text_is_used() {
        let user = "token: t, tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token, username: u, exec: {command: sh}";
        let kubeconfig = read(text(SERVER, user).as_bytes(), Access::default()).expect("is taken");
        let user = kubeconfig.auth_infos[0].auth_info.as_ref().expect("a user");
        assert!(user.token_file.is_none() && user.exec.is_none() && user.token.is_some());
        assert_eq!(user.username.as_deref(), Some("u"));
        let insecure = format!("{SERVER}, insecure-skip-tls-verify: true");
        let kubeconfig = read(text(&insecure, "token: t").as_bytes(), Access::default()).expect("is taken");
        let cluster = kubeconfig.clusters[0].cluster.as_ref().expect("a cluster");
        assert_eq!(cluster.insecure_skip_tls_verify, Some(false), "the certificate decides");
    }

    #[test]
    fn what_would_use_the_controller_is_refused() {
        let insecure = "server: 'https://remote.example', insecure-skip-tls-verify: true";
        for (cluster, user, expect) in [
            (SERVER, "exec: {command: sh, args: [-c, id]}", "user.exec is not allowed"),
            (SERVER, "auth-provider: {name: gcp}", "user.auth-provider is not allowed"),
            (SERVER, "token: t, as: 'system:admin'", "user.as is not allowed"),
            (SERVER, "token: t, as-groups: ['system:masters']", "user.as is not allowed"),
            (SERVER, "token: t, as-uid: '0'", "user.as is not allowed"),
            (SERVER, "token: t, as-user-extra: {a: [b]}", "user.as is not allowed"),
            (SERVER, "tokenFile: /var/run/secrets/t", "user.tokenFile names a file"),
            (SERVER, "client-certificate: /etc/c, client-key-data: a2V5", "user.client-certificate names a file"),
            (SERVER, "client-certificate-data: Yw==, client-key: /etc/k", "user.client-key names a file"),
            (
                "server: 'https://a', certificate-authority: /etc/ca",
                "token: t",
                "cluster.certificate-authority names a file",
            ),
            (insecure, "token: t", "cluster.insecure-skip-tls-verify is not allowed"),
            ("server: ''", "token: t", "cluster.server is not there"),
            ("server: 'https:///x'", "token: t", "cluster.server is not the URL of a server"),
            ("server: 'https://169.254.169.254'", "token: t", "cluster.server: 169.254.169.254 leads to"),
            ("server: '127.0.0.1:6443'", "token: t", "cluster.server: 127.0.0.1 leads to"),
            (
                "server: 'https://a', proxy-url: 'http://localhost:3128'",
                "token: t",
                "cluster.proxy-url: localhost leads to",
            ),
        ] {
            let outside = Access { reach: Reach::Outside, ..Access::default() };
            let error = read(text(cluster, user).as_bytes(), outside).expect_err(expect).to_string();
            assert!(error.contains(expect), "{cluster} {user}: {error}");
        }
        let all = Access { exec: true, insecure_tls: true, reach: Reach::Anywhere };
        let kubeconfig = read(text(insecure, "exec: {command: aws}").as_bytes(), all).expect("is allowed");
        assert!(kubeconfig.auth_infos[0].auth_info.as_ref().is_some_and(|user| user.exec.is_some()));
        assert!(read(text("server: '127.0.0.1:6443'", "token: t").as_bytes(), all).is_ok());
    }

    #[test]
    fn what_cannot_be_read_is_not_quoted() {
        let bomb = format!("a: &a [x]\nb: &b [{}]\nc: [{}]", "*a,".repeat(900), "*b,".repeat(900));
        for text in ["users: [hunter2", "hunter2", "users: {hunter2: [}", "current-context: x", "[]", &bomb] {
            let error = read(text.as_bytes(), Access::default()).expect_err("cannot be read").to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let error = read(&vec![b' '; LIMIT + 1], Access::default()).expect_err("too large").to_string();
        assert!(error.contains("larger than 1048576 bytes"), "{error}");
        assert!(read(b"\xff", Access::default()).is_err());
    }
}
