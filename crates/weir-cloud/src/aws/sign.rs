//! AWS Signature Version 4.

use crate::http::encoded;
use crate::identity::SecretText;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use jiff::Timestamp;
use std::fmt;
use std::time::{Duration, SystemTime};
use weir_base::hex;
use zeroize::Zeroizing;

/// What AWS gives to whoever has a role.
pub(crate) struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: SecretText,
    pub session_token: Option<SecretText>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<credentials>")
    }
}

impl Credentials {
    /// What must not be seen in a message.
    pub fn secrets(&self) -> Vec<&str> {
        let mut secrets = vec![self.secret_access_key.expose().as_str()];
        secrets.extend(self.session_token.iter().map(|token| token.expose().as_str()));
        secrets
    }
}

/// For whom a signature is.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub region: &'a str,
    pub service: &'a str,
}

/// Signs a request with all its headers, at a time.
pub(crate) fn sign(
    request: http::request::Builder,
    body: Bytes,
    credentials: &Credentials,
    scope: Scope<'_>,
    now: SystemTime,
) -> http::Result<Request<Bytes>> {
    let mut request = request.body(body)?;
    let stamp = Stamp::of(now, scope);
    let (uri, method) = (request.uri().clone(), request.method().clone());
    let payload = hex(digest(&SHA256, request.body()).as_ref());
    let headers = request.headers_mut();
    headers.insert("x-amz-date", HeaderValue::from_str(&stamp.time)?);
    if let Some(token) = &credentials.session_token {
        headers.insert("x-amz-security-token", HeaderValue::from_str(token.expose())?);
    }
    let (names, lines) = canonical(&uri, headers);
    let canonical = format!("{method}\n{}\n{}\n{lines}\n{names}\n{payload}", path(&uri), query(&uri, &[]));
    let signature = stamp.signature(&canonical, credentials);
    let text = format!(
        "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key_id, stamp.scope
    );
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&text)?);
    Ok(request)
}

/// The URL of a GET that holds for a time, for somebody else to send, with these headers beside `host`.
pub(crate) fn presigned(
    uri: &Uri,
    headers: &[(&'static str, &str)],
    credentials: &Credentials,
    scope: Scope<'_>,
    (now, holds): (SystemTime, Duration),
) -> http::Result<Zeroizing<String>> {
    let stamp = Stamp::of(now, scope);
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_str(value)?);
    }
    let (names, lines) = canonical(uri, &map);
    let credential = format!("{}/{}", credentials.access_key_id, stamp.scope);
    let holds = holds.as_secs().to_string();
    let mut added = vec![
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", &stamp.time),
        ("X-Amz-Expires", &holds),
        ("X-Amz-SignedHeaders", &names),
    ];
    if let Some(token) = &credentials.session_token {
        added.push(("X-Amz-Security-Token", token.expose()));
    }
    let query = Zeroizing::new(query(uri, &added));
    let empty = hex(digest(&SHA256, b"").as_ref());
    let canonical = Zeroizing::new(format!("GET\n{}\n{}\n{lines}\n{names}\n{empty}", path(uri), *query));
    let signature = stamp.signature(&canonical, credentials);
    let base = format!("{}://{}{}", uri.scheme_str().unwrap_or("https"), host(uri), path(uri));
    Ok(Zeroizing::new(format!("{base}?{}&X-Amz-Signature={signature}", *query)))
}

struct Stamp<'a> {
    time: String,
    scope: String,
    parts: Scope<'a>,
}

impl<'a> Stamp<'a> {
    fn of(now: SystemTime, parts: Scope<'a>) -> Self {
        let now = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{}/{}/{}/aws4_request", &time[..8], parts.region, parts.service);
        Self { time, scope, parts }
    }

    fn signature(&self, canonical: &str, credentials: &Credentials) -> String {
        let hash = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{}\n{}\n{hash}", self.time, self.scope);
        let secret = Zeroizing::new(format!("AWS4{}", credentials.secret_access_key.expose().as_str()));
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        for part in [&self.time[..8], self.parts.region, self.parts.service, "aws4_request"] {
            key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
        }
        hex(hmac::sign(&key, text.as_bytes()).as_ref())
    }
}

/// Names and lines of the headers, `host` among them, in the order of their names.
fn canonical(uri: &Uri, headers: &HeaderMap) -> (String, String) {
    let mut all: Vec<(String, String)> = vec![("host".to_owned(), host(uri))];
    for name in headers.keys().filter(|name| *name != header::HOST) {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let values: Vec<String> = values.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        all.push((name.as_str().to_owned(), values.join(",")));
    }
    all.sort();
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    let lines = all.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    (names.join(";"), lines)
}

/// As the `Host` header will be.
fn host(uri: &Uri) -> String {
    let usual = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    match uri.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{}:{port}", uri.host().unwrap_or_default()),
        None => uri.host().unwrap_or_default().to_owned(),
    }
}

/// Encoded once more than it is sent, which is the rule for all services but S3.
fn path(uri: &Uri) -> String {
    let segments: Vec<String> = uri.path().split('/').map(encoded).collect();
    segments.join("/")
}

/// The parameters of the URL, which are encoded, and further ones, which are not.
fn query(uri: &Uri, added: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(String, String)> = added.iter().map(|(key, value)| (encoded(key), encoded(value))).collect();
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((key.to_owned(), value.to_owned()));
    }
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_base::Secret;

    fn example(token: Option<&str>) -> Credentials {
        Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new(Zeroizing::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned())),
            session_token: token.map(|token| Secret::new(Zeroizing::new(token.to_owned()))),
        }
    }

    fn at() -> SystemTime {
        "2015-08-30T12:36:00Z".parse::<Timestamp>().expect("a time").into()
    }

    fn authorization(request: http::request::Builder, service: &str, body: &'static str) -> String {
        let scope = Scope { region: "us-east-1", service };
        let signed = sign(request, Bytes::from(body), &example(None), scope, at()).expect("signed");
        signed.headers()[header::AUTHORIZATION].to_str().expect("text").to_owned()
    }

    /// The cases of AWS's published test suite (`aws-sig-v4-test-suite`) and of its documentation.
    #[test]
    fn the_published_signatures_are_made() {
        let get = |path: &str| Request::get(format!("https://example.amazonaws.com{path}"));
        let rows = [
            (get("/"), "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                get("/?Param2=value2&Param1=value1"),
                "",
                "host;x-amz-date",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                Request::post("https://example.amazonaws.com/")
                    .header("content-type", "application/x-www-form-urlencoded"),
                "Param1=value1",
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ];
        for (request, body, names, signature) in rows {
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, Signature={signature}"
            );
            assert_eq!(authorization(request, "service", body), expected);
        }
        let list_users = Request::get("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let signed = authorization(list_users, "iam", "");
        assert!(signed.ends_with("5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"), "{signed}");
    }

    #[test]
    fn a_session_s_token_is_signed_too() {
        let scope = Scope { region: "us-east-1", service: "kms" };
        let request = Request::post("https://kms.us-east-1.amazonaws.com:8443/");
        let signed = sign(request, Bytes::new(), &example(Some("tok")), scope, at()).expect("signed");
        assert_eq!(signed.headers()["x-amz-security-token"], "tok");
        let text = signed.headers()[header::AUTHORIZATION].to_str().expect("text");
        assert!(text.contains("SignedHeaders=host;x-amz-date;x-amz-security-token,"), "{text}");
        assert_eq!(format!("{:?}", example(Some("tok"))), "<credentials>");
    }

    /// Its form; the testkit verifies the signature.
    #[test]
    fn a_presigned_url_has_everything_in_its_query() {
        let uri: Uri =
            "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15".parse().expect("a URL");
        let scope = Scope { region: "eu-west-1", service: "sts" };
        let holds = (at(), Duration::from_secs(900));
        let url = presigned(&uri, &[("x-k8s-aws-id", "prod")], &example(Some("to/k")), scope, holds).expect("a URL");
        let start = "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=900\
             &X-Amz-Security-Token=to%2Fk&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature=";
        assert!(url.starts_with(start), "{}", *url);
    }
}
