//! AWS Security Token Service: roles, for a token of Kubernetes or for other credentials.

use super::arn::endpoint;
use super::sign::{Credentials, Scope, sign};
use crate::cache::{Proof, Token};
use crate::http::{Ask, FORM, element, form};
use crate::{Cloud, CloudError};
use http::{Request, header};
use jiff::Timestamp;
use std::time::SystemTime;
use weir_base::Secret;
use weir_net::Reply;
use zeroize::Zeroizing;

const VERSION: &str = "2011-06-15";

/// The role for a web identity: a token that the cluster's issuer has signed. Such a request is not signed.
pub(crate) async fn with_web_identity(
    cloud: &Cloud,
    region: &str,
    role: &str,
    session: &str,
    token: &str,
) -> Result<Token, CloudError> {
    let what = format!("assuming the role '{role}' at AWS STS");
    let body = form(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", VERSION),
        ("RoleArn", role),
        ("RoleSessionName", session),
        ("WebIdentityToken", token),
    ]);
    let url = format!("{}/", endpoint(&cloud.env, "sts", region));
    let hide = [token];
    let ask = Ask::new(&cloud.http.open, &what, &hide);
    let reply = ask.send(|| Request::post(&url).header(header::CONTENT_TYPE, FORM).body(body.clone())).await;
    let reply = reply.map_err(|error| {
        error.with_remedy(
            "the role's trust policy has to allow sts:AssumeRoleWithWebIdentity for the cluster's OIDC provider, \
             the audience sts.amazonaws.com and this ServiceAccount",
        )
    })?;
    read(&ask, &reply)
}

/// The role that a file names beside its key, for credentials that may assume it.
pub(crate) async fn assume_role(
    cloud: &Cloud,
    region: &str,
    role: &str,
    credentials: &Credentials,
) -> Result<Token, CloudError> {
    let what = format!("assuming the role '{}' at AWS STS", crate::error::shown(role));
    let session = session_name(cloud.env.get("HOSTNAME").unwrap_or("weir"));
    let body =
        form(&[("Action", "AssumeRole"), ("Version", VERSION), ("RoleArn", role), ("RoleSessionName", &session)]);
    let url = format!("{}/", endpoint(&cloud.env, "sts", region));
    let hide = credentials.secrets();
    let ask = Ask::new(&cloud.http.open, &what, &hide);
    let scope = Scope { region, service: "sts" };
    let build = || {
        let request = Request::post(&url).header(header::CONTENT_TYPE, FORM);
        sign(request, body.clone(), credentials, scope, SystemTime::now())
    };
    let reply = ask.send(build).await.map_err(|error| {
        error.with_remedy("the role's trust policy and the identity's own policy have to allow sts:AssumeRole")
    })?;
    read(&ask, &reply)
}

/// `sops@HOST`, of the characters that sops leaves in it and 64 at most.
fn session_name(host: &str) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '=' | ',' | '.' | '@' | '_');
    format!("sops@{}", host.chars().filter(kept).collect::<String>()).chars().take(64).collect()
}

fn read(ask: &Ask<'_>, reply: &Reply) -> Result<Token, CloudError> {
    let text = std::str::from_utf8(&reply.body).map_err(|_| ask.bad("it is not text"))?;
    let element =
        |name| element(text, name).filter(|text| !text.is_empty()).ok_or_else(|| ask.bad(&format!("it has no {name}")));
    let secret = |name| element(name).map(|text| Secret::new(Zeroizing::new(text)));
    let expires: Timestamp = element("Expiration")?.parse().map_err(|_| ask.bad("Expiration is not a time"))?;
    let credentials = Credentials {
        access_key_id: element("AccessKeyId")?,
        secret_access_key: secret("SecretAccessKey")?,
        session_token: Some(secret("SessionToken")?),
    };
    Ok(Token { proof: Proof::Aws(credentials), expires: Some(expires.into()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_as_sops_names_it() {
        assert_eq!(session_name("kustomize-controller-5d_x.y"), "sops@kustomizecontroller5d_x.y");
        assert_eq!(session_name(&"a".repeat(99)).len(), 64);
    }
}
