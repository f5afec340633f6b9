//! Credential files of Google.

use crate::CloudError;
use crate::http::take;
use crate::identity::SecretText;
use crate::jwt::rsa_key;
use aws_lc_rs::rsa::KeyPair;
use serde_json::Value;
use std::fmt;
use weir_base::Secret;

/// Where a service account's assertion goes when its file does not say.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// A file's way to a token.
pub(crate) enum Source {
    ServiceAccount { email: String, key_id: String, key: Box<KeyPair>, token_uri: String },
    AuthorizedUser { client_id: String, client_secret: SecretText, refresh_token: SecretText },
    External(External),
}

/// Workload identity federation, whose token the file says where to find. The operator's only.
pub(crate) struct External {
    pub audience: String,
    pub subject_token_type: String,
    pub token_url: String,
    pub impersonation_url: Option<String>,
    pub subject: Subject,
    /// The field of a JSON document that has the token.
    pub field: Option<String>,
}

pub(crate) enum Subject {
    File(String),
    Url { url: String, headers: Vec<(String, String)> },
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::ServiceAccount { .. } => "service_account",
            Source::AuthorizedUser { .. } => "authorized_user",
            Source::External(_) => "external_account",
        })
    }
}

impl Source {
    /// The entry `sops.gcp-kms`, which a tenant writes. It is not let to name files of the controller
    /// or addresses that the controller would ask for it.
    pub fn of_tenant(entry: &str, bytes: &[u8]) -> Result<Self, CloudError> {
        let json = parse(entry, bytes)?;
        match json["type"].as_str() {
            Some("service_account" | "authorized_user") => Self::read(entry, json),
            Some("external_account") => Err(CloudError::entry(
                entry,
                "credentials of the type external_account would have the controller read its own files and send them \
                 where the Secret says",
            )
            .with_remedy(
                "set decryption.serviceAccountName, with the annotation gcp.auth.fluxcd.io/workload-identity-provider",
            )),
            kind => Err(unknown(entry, kind)),
        }
    }

    /// The file that GOOGLE_APPLICATION_CREDENTIALS names, which is the operator's.
    pub fn of_operator(entry: &str, bytes: &[u8]) -> Result<Self, CloudError> {
        let json = parse(entry, bytes)?;
        if json["type"].as_str() == Some("external_account") {
            return external(entry, &json).map(Source::External);
        }
        Self::read(entry, json)
    }

    fn read(entry: &str, mut json: Value) -> Result<Self, CloudError> {
        let kind = json["type"].as_str().map(str::to_owned);
        let mut text = |name: &str| {
            take(&mut json, name).ok_or_else(|| CloudError::entry(entry, format!("the field '{name}' is missing")))
        };
        match kind.as_deref() {
            Some("service_account") => {
                let email = text("client_email")?.to_string();
                let key = rsa_key(text("private_key")?.as_bytes()).map_err(|why| {
                    CloudError::entry(entry, format!("the field 'private_key' cannot be used: {why}"))
                })?;
                let key_id = text("private_key_id").map(|id| id.to_string()).unwrap_or_default();
                let token_uri = text("token_uri").map_or_else(|_| TOKEN_URI.to_owned(), |uri| uri.to_string());
                if !is_google(&token_uri) {
                    return Err(CloudError::entry(
                        entry,
                        "the field 'token_uri' is not an https address of googleapis.com",
                    ));
                }
                Ok(Source::ServiceAccount { email, key_id, key: Box::new(key), token_uri })
            }
            Some("authorized_user") => Ok(Source::AuthorizedUser {
                client_id: text("client_id")?.to_string(),
                client_secret: Secret::new(text("client_secret")?),
                refresh_token: Secret::new(text("refresh_token")?),
            }),
            kind => Err(unknown(entry, kind)),
        }
    }
}

fn parse(entry: &str, bytes: &[u8]) -> Result<Value, CloudError> {
    // The parser's own message may quote what it stumbled over.
    serde_json::from_slice(bytes)
        .map_err(|error| CloudError::entry(entry, format!("it is not JSON (line {})", error.line())))
}

fn unknown(entry: &str, kind: Option<&str>) -> CloudError {
    let message = match kind {
        Some(kind) => format!("credentials of the type '{}' are not known", crate::error::shown(kind)),
        None => "missing 'type' field in credentials".to_owned(),
    };
    CloudError::entry(entry, message).with_remedy("it has to be the JSON key of a service account")
}

/// An address over https on Google's domain or below it.
fn is_google(url: &str) -> bool {
    const DOMAIN: &str = "googleapis.com";
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let is_below = host == DOMAIN || host.strip_suffix(DOMAIN).is_some_and(|rest| rest.ends_with('.'));
    let has_login = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    uri.scheme_str() == Some("https") && is_below && !has_login && uri.port_u16().is_none_or(|port| port == 443)
}

fn external(entry: &str, json: &Value) -> Result<External, CloudError> {
    let bad = |message: String| CloudError::entry(entry, message);
    let text = |name: &str| {
        json[name].as_str().map(str::to_owned).ok_or_else(|| bad(format!("the field '{name}' is missing")))
    };
    let source = &json["credential_source"];
    let subject = match (source["file"].as_str(), source["url"].as_str()) {
        (Some(path), _) => Subject::File(path.to_owned()),
        (None, Some(url)) => {
            let headers = source["headers"].as_object().into_iter().flatten();
            let headers =
                headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
            Subject::Url { url: url.to_owned(), headers }
        }
        (None, None) => {
            return Err(bad("of the credential sources only 'file' and 'url' are known".to_owned())
                .with_remedy("programs are not started, and AWS is not asked, for a token of Google"));
        }
    };
    let format = &source["format"];
    let field = (format["type"].as_str() == Some("json"))
        .then(|| format["subject_token_field_name"].as_str().unwrap_or_default().to_owned());
    Ok(External {
        audience: text("audience")?,
        subject_token_type: text("subject_token_type")?,
        token_url: text("token_url")?,
        impersonation_url: json["service_account_impersonation_url"].as_str().map(str::to_owned),
        subject,
        field,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_s_entry_cannot_name_files_or_other_hosts() {
        let refused = |json: &str| Source::of_tenant("sops.gcp-kms", json.as_bytes()).expect_err("refused").to_string();
        let external = r#"{"type":"external_account","audience":"a","subject_token_type":"t","token_url":"https://evil.example",
            "credential_source":{"file":"/var/run/secrets/kubernetes.io/serviceaccount/token"}}"#;
        assert!(refused(external).contains("its own files"), "{}", refused(external));
        assert!(Source::of_operator("f", external.as_bytes()).is_ok());
        assert_eq!(refused("{}"), "sops.gcp-kms: missing 'type' field in credentials");
        assert!(refused(r#"{"type":"magic"}"#).contains("'magic' are not known"));
        assert!(!refused("hunter2").contains("hunter2"));
        assert!(
            refused(r#"{"type":"service_account","client_email":"e","private_key":"hunter2"}"#)
                .contains("no private key")
        );
    }

    #[test]
    fn hosts_of_google_are_told_apart() {
        for good in ["https://oauth2.googleapis.com/token", "https://googleapis.com:443/t"] {
            assert!(is_google(good), "{good}");
        }
        for bad in [
            "http://oauth2.googleapis.com/token",
            "https://evilgoogleapis.com/",
            "https://googleapis.com.evil.example/",
            "https://googleapis.com@evil.example/",
            "https://a@googleapis.com/",
            "https://oauth2.googleapis.com:8443/",
            "https://169.254.169.254/",
        ] {
            assert!(!is_google(bad), "{bad}");
        }
    }
}
