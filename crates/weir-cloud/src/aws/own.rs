//! Whom the controller is to AWS: what its environment says, in the order of AWS's SDKs.

use super::sign::Credentials;
use super::sts;
use crate::cache::{Proof, Token};
use crate::http::{Ask, METADATA_WITHIN, take};
use crate::identity::SecretText;
use crate::{Cloud, CloudError};
use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use serde_json::Value;
use std::net::IpAddr;
use weir_base::Secret;
use zeroize::Zeroizing;

const CONTAINER: &str = "getting credentials of the container from AWS";

/// Credentials in variables, a web identity, the container's agent, the machine's metadata.
pub(crate) async fn token(cloud: &Cloud, region: &str) -> Result<Token, CloudError> {
    let env = &cloud.env;
    let first = |names: [&str; 2]| names.into_iter().find_map(|name| env.get(name));
    let id = first(["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"]);
    let secret = first(["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"]);
    if let (Some(id), Some(secret)) = (id, secret) {
        let text = |text: &str| Secret::new(Zeroizing::new(text.to_owned()));
        let session_token = env.get("AWS_SESSION_TOKEN").map(text);
        let credentials = Credentials { access_key_id: id.to_owned(), secret_access_key: text(secret), session_token };
        return Ok(Token { proof: Proof::Aws(credentials), expires: None });
    }
    if let Some(token) = env.file("AWS_WEB_IDENTITY_TOKEN_FILE").await? {
        let role = env
            .get("AWS_ROLE_ARN")
            .ok_or_else(|| CloudError::entry("AWS_ROLE_ARN", "it is not set, and AWS_WEB_IDENTITY_TOKEN_FILE is"))?;
        let session = env.get("AWS_ROLE_SESSION_NAME").unwrap_or("weir");
        return sts::with_web_identity(cloud, region, role, session, token.expose()).await;
    }
    if let Some(url) = container_url(cloud)? {
        return container(cloud, &url).await;
    }
    if env.is_true("AWS_EC2_METADATA_DISABLED") {
        return Err(none("the metadata server of EC2 is switched off by AWS_EC2_METADATA_DISABLED".to_owned()));
    }
    let no_machine = |why: &str| none(format!("the metadata server of EC2 {why}"));
    machine(cloud).await.map_err(|error| error.of_metadata(no_machine))
}

fn none(why: String) -> CloudError {
    CloudError::NoCredentials {
        service: "AWS",
        message: format!("neither the environment, nor a web identity, nor a container's agent has any, and {why}"),
        remedy: "add the entry sops.aws-kms to the decryption Secret, set decryption.serviceAccountName, or give the \
                 controller a role (IRSA or EKS Pod Identity) and restart it"
            .to_owned(),
    }
}

/// Where ECS and EKS Pod Identity answer. The agent gets a token of the pod's, so that its address has to be
/// https, or one of this machine, as in AWS's SDKs.
fn container_url(cloud: &Cloud) -> Result<Option<String>, CloudError> {
    const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    if let Some(path) = cloud.env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        return Ok(Some(format!("http://169.254.170.2{path}")));
    }
    let Some(url) = cloud.env.get(FULL) else { return Ok(None) };
    let uri: http::Uri = url.parse().map_err(|_| CloudError::entry(FULL, "it is not a URL"))?;
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_own = match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"].contains(&host),
        Err(_) => host == "localhost",
    };
    if uri.scheme_str() == Some("https") || is_own {
        return Ok(Some(url.to_owned()));
    }
    Err(CloudError::entry(FULL, "it has to be https, or an address of this machine or of the agents of ECS and EKS"))
}

async fn container(cloud: &Cloud, url: &str) -> Result<Token, CloudError> {
    let mut authorization = cloud.env.file("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").await?;
    if authorization.is_none() {
        let inline = cloud.env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN");
        authorization = inline.map(|text| Secret::new(Zeroizing::new(text.to_owned())));
    }
    let authorization = authorization.as_ref().map(|text| text.expose().as_str());
    let hide: Vec<&str> = authorization.into_iter().collect();
    let ask = Ask::new(&cloud.http.direct, CONTAINER, &hide);
    let build = || {
        let mut request = Request::get(url);
        if let Some(token) = authorization {
            request = request.header("authorization", token);
        }
        request.body(Bytes::new())
    };
    credentials(&ask, ask.json(build).await?)
}

/// IMDSv2.
async fn machine(cloud: &Cloud) -> Result<Token, CloudError> {
    let is_six =
        cloud.env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").is_some_and(|m| m.eq_ignore_ascii_case("ipv6"));
    let usual = if is_six { "http://[fd00:ec2::254]" } else { "http://169.254.169.254" };
    let base = cloud.env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or(usual).trim_end_matches('/');
    let what = "getting credentials of the machine from EC2's metadata server";
    let mut ask = Ask::new(&cloud.http.direct, what, &[]);
    ask.within = METADATA_WITHIN;
    let token = ask
        .send(|| {
            Request::put(format!("{base}/latest/api/token"))
                .header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
                .body(Bytes::new())
        })
        .await?;
    let token = header_text(&ask, &token.body)?;
    let get = |path: String| {
        let token = token.expose().as_str();
        move || Request::get(&path).header("x-aws-ec2-metadata-token", token).body(Bytes::new())
    };
    let roles = format!("{base}/latest/meta-data/iam/security-credentials/");
    let list = ask.send(get(roles.clone())).await?;
    let name = header_text(&ask, &list.body)?;
    let name = name.expose().lines().next().unwrap_or_default().trim().to_owned();
    credentials(&ask, ask.json(get(format!("{roles}{}", crate::http::encoded(&name)))).await?)
}

fn header_text(ask: &Ask<'_>, body: &[u8]) -> Result<SecretText, CloudError> {
    let text = std::str::from_utf8(body).map_err(|_| ask.bad("it is not text"))?;
    Ok(Secret::new(Zeroizing::new(text.trim().to_owned())))
}

fn credentials(ask: &Ask<'_>, mut answer: Value) -> Result<Token, CloudError> {
    if let Some(code) = answer["Code"].as_str().filter(|code| *code != "Success") {
        return Err(ask.bad(&format!("its code is '{}'", crate::error::shown(code))));
    }
    let expires = match answer["Expiration"].as_str() {
        Some(time) => Some(time.parse::<Timestamp>().map_err(|_| ask.bad("Expiration is not a time"))?.into()),
        None => None,
    };
    let mut text = |name| take(&mut answer, name).ok_or_else(|| ask.bad(&format!("it has no {name}")));
    let credentials = Credentials {
        access_key_id: text("AccessKeyId")?.to_string(),
        secret_access_key: Secret::new(text("SecretAccessKey")?),
        session_token: text("Token").ok().map(Secret::new),
    };
    Ok(Token { proof: Proof::Aws(credentials), expires })
}
