//! One request to a service: repeated where that may help, its refusal read.

use crate::CloudError;
use crate::error::Refusal;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Request, header};
use serde_json::Value;
use std::time::Duration;
use weir_net::{HttpClient, NetError, Reply};
use zeroize::Zeroizing;

/// Flux's own limit for the requests for a token.
const WITHIN: Duration = Duration::from_secs(10);

/// Metadata servers are near, and elsewhere than at their cloud nobody answers at their address.
pub(crate) const METADATA_WITHIN: Duration = Duration::from_secs(5);

/// Headers that prove something; they are marked, so that nobody's log shows them.
const PROOFS: [&str; 4] = ["authorization", "x-amz-security-token", "x-aws-ec2-metadata-token", "x-vault-token"];

/// Waiting times before the second and the third attempt.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// Most bytes of an answer with a token or a key.
const LIMIT: usize = 64 << 10;

/// A request and what it is for.
pub(crate) struct Ask<'a> {
    pub client: &'a HttpClient,
    /// What was asked, as an error says it: "decrypting with the key ...".
    pub what: &'a str,
    /// What was sent and must not come back in a message.
    pub hide: &'a [&'a str],
    pub within: Duration,
    pub limit: usize,
}

impl<'a> Ask<'a> {
    pub fn new(client: &'a HttpClient, what: &'a str, hide: &'a [&'a str]) -> Self {
        Self { client, what, hide, within: WITHIN, limit: LIMIT }
    }

    /// The answer of status 2xx. `build` is called for each attempt, since a signature has a time in it.
    pub async fn send(
        &self,
        build: impl Fn() -> http::Result<Request<Bytes>> + Send + Sync,
    ) -> Result<Reply, CloudError> {
        let mut waits = AGAIN_AFTER.iter();
        loop {
            let error = match self.once(build()).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            match waits.next().filter(|_| error.may_pass()) {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => return Err(error),
            }
        }
    }

    async fn once(&self, request: http::Result<Request<Bytes>>) -> Result<Reply, CloudError> {
        let net = |error| CloudError::Net { asked: self.what.to_owned(), error };
        let mut request = request
            .map_err(|error| net(NetError::Url { url: "the request".to_owned(), message: error.to_string() }))?;
        for name in PROOFS {
            if let Some(value) = request.headers_mut().get_mut(name) {
                value.set_sensitive(true);
            }
        }
        let host = request.uri().authority().map(|authority| authority.to_string()).unwrap_or_default();
        let reply = self.client.exchange(request, self.within, self.limit).await.map_err(net)?;
        if reply.status.is_success() {
            return Ok(reply);
        }
        let refusal = Box::new(refusal(&host, &reply, self.hide));
        Err(CloudError::Refused { asked: self.what.to_owned(), refusal, remedy: None })
    }

    /// The answer of status 2xx as JSON.
    pub async fn json(
        &self,
        build: impl Fn() -> http::Result<Request<Bytes>> + Send + Sync,
    ) -> Result<Value, CloudError> {
        let reply = self.send(build).await?;
        serde_json::from_slice(&reply.body).map_err(|_| self.bad("it is not JSON"))
    }

    pub fn bad(&self, message: &str) -> CloudError {
        CloudError::Answer { asked: self.what.to_owned(), message: message.to_owned() }
    }
}

/// A request that a bearer token goes with.
pub(crate) fn bearing(request: http::request::Builder, token: &str) -> http::request::Builder {
    request.header(header::AUTHORIZATION, format!("Bearer {token}"))
}

/// A POST of a JSON text that a bearer token goes with.
pub(crate) fn post_json(url: &str, token: &str, body: &Bytes) -> http::Result<Request<Bytes>> {
    bearing(Request::post(url), token).header(header::CONTENT_TYPE, "application/json").body(body.clone())
}

/// Text of a form.
pub(crate) fn form(pairs: &[(&str, &str)]) -> Bytes {
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
    Bytes::from(pairs.join("&"))
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Everything is encoded but letters, digits and `-_.~` (RFC 3986, and the rule of AWS's signatures).
pub(crate) fn encoded(text: &str) -> String {
    weir_net::percent_encoded(text, b"")
}

/// A text of an answer, out of it.
pub(crate) fn take(value: &mut Value, name: &str) -> Option<Zeroizing<String>> {
    match value.get_mut(name).map(Value::take) {
        Some(Value::String(text)) if !text.is_empty() => Some(Zeroizing::new(text)),
        _ => None,
    }
}

/// Bytes that an answer has in base64.
pub(crate) fn take_base64(value: &mut Value, name: &str) -> Option<Zeroizing<Vec<u8>>> {
    BASE64_STANDARD.decode(take(value, name)?.as_bytes()).ok().map(Zeroizing::new)
}

/// A number that some services write as a text.
pub(crate) fn seconds(value: &Value, name: &str) -> Option<Duration> {
    let value = value.get(name)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).map(Duration::from_secs)
}

/// What a service says of its refusal, in the forms that are known; of any other body nothing is
/// shown, since nobody knows what is in it.
fn refusal(host: &str, reply: &Reply, hide: &[&str]) -> Refusal {
    let status = reply.status.as_u16();
    // Before it is cut: a part of a token is none that could be found.
    let clean = |text: String| {
        let secrets = hide.iter().filter(|secret| !secret.is_empty());
        secrets.fold(text, |text, secret| text.replace(secret, "*****"))
    };
    if reply.status.is_redirection() {
        return Refusal::new(host, status, "", "redirects are not followed");
    }
    let Ok(body) = std::str::from_utf8(&reply.body) else { return Refusal::new(host, status, "", "") };
    let Ok(json) = serde_json::from_str::<Value>(body) else {
        let text = |name| element(body, name).unwrap_or_default();
        return Refusal::new(host, status, &clean(text("Code")), &clean(text("Message")));
    };
    let text = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
    let (code, message) = match (&json["error"], &json["errors"], &json["__type"]) {
        // OAuth.
        (Value::String(code), ..) => (code.clone(), text(&json["error_description"])),
        // Google (status) and Azure (code).
        (error @ Value::Object(_), ..) => {
            let code = error.get("status").or_else(|| error.get("code")).map(text).unwrap_or_default();
            (code, text(&error["message"]))
        }
        // Vault.
        (_, Value::Array(errors), _) => (String::new(), errors.iter().map(text).collect::<Vec<_>>().join("; ")),
        // AWS.
        (.., Value::String(kind)) => {
            let code = kind.rsplit('#').next().unwrap_or_default().to_owned();
            (code, text(json.get("message").or_else(|| json.get("Message")).unwrap_or(&Value::Null)))
        }
        _ => {
            let kind = reply.headers.get("x-amzn-errortype").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            (kind.split(':').next().unwrap_or_default().to_owned(), text(&json["message"]))
        }
    };
    Refusal::new(host, status, &clean(code), &clean(message))
}

/// The text of the first element of a name in the XML of AWS, which has no attributes where there is text.
pub(crate) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once('<')?;
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    Some(plain.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};

    fn refused(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).expect("a status");
        {
            let body = Zeroizing::new(body.as_bytes().to_vec());
            refusal("h", &Reply { status, headers: HeaderMap::new(), body }, &["s3cret"]).to_string()
        }
    }

    #[test]
    fn each_service_s_refusal_is_read_and_nothing_else_is_shown() {
        let rows = [
            (
                400,
                r#"{"__type":"com.amazonaws.kms#NotFoundException","message":"no key"}"#,
                "400 NotFoundException: no key",
            ),
            (
                403,
                "<ErrorResponse><Error><Code>AccessDenied</Code><Message>a &lt;b&gt; &amp;lt;</Message></Error>",
                "403 AccessDenied: a <b> &lt;",
            ),
            (403, r#"{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}"#, "403 PERMISSION_DENIED: no"),
            (403, r#"{"error":{"code":"Forbidden","message":"no"}}"#, "403 Forbidden: no"),
            (
                401,
                r#"{"error":"invalid_client","error_description":"AADSTS7000215"}"#,
                "401 invalid_client: AADSTS7000215",
            ),
            (403, r#"{"errors":["1 error","permission denied"]}"#, "403: 1 error; permission denied"),
            (500, "<html>hunter2</html>", "500"),
            (400, r#"{"hunter2":1}"#, "400"),
            (403, r#"{"errors":["no s3cret"]}"#, "403: no *****"),
            (307, "hunter2", "307: redirects are not followed"),
        ];
        for (status, body, expected) in rows {
            assert_eq!(refused(status, body), expected);
        }
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(form(&[("a b", "c&d=é"), ("e", "~-_.")]), "a%20b=c%26d%3D%C3%A9&e=~-_.");
    }
}
