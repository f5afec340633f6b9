use super::http::{Asked, CloudServer, Said};
use super::jwt::{Issuer, Rsa};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

#[derive(Default)]
struct State {
    /// Tokens that were given out: text, whose, for which scopes.
    tokens: Vec<(String, String, String)>,
    /// Service accounts with their keys.
    accounts: Vec<(String, Rsa)>,
    /// Who may be whom, or decrypt with which key.
    grants: Vec<(String, String)>,
}

/// Google: tokens, federation, impersonation, KMS, all at one address; the metadata server at another.
pub struct Gcp {
    pub server: CloudServer,
    state: Arc<Mutex<State>>,
}

impl Gcp {
    /// STS believes the issuer for an audience; a token of an account of GKE has its pool as the
    /// audience, and STS is asked with the cluster.
    pub fn start(issuer: &Issuer) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, issuer) = (state.clone(), issuer.clone());
        let server = CloudServer::start(None, move |asked| {
            let mut state = shared.lock().unwrap();
            match asked.path() {
                "/token" => state.token(asked),
                "/v1/token" => state.exchange(asked, &issuer),
                path if path.ends_with(":generateAccessToken") => state.impersonate(asked),
                path if path.contains("/clusters/") => state.cluster(asked),
                path if path.ends_with(":decrypt") => state.decrypt(asked),
                _ => Said::text(404, "<html>404</html>"),
            }
        });
        Self { server, state }
    }

    /// The JSON key of a new service account.
    pub fn key_file(&self, email: &str) -> String {
        let key = Rsa::new();
        self.state.lock().unwrap().accounts.push((email.to_owned(), key.clone()));
        json!({
            "type": "service_account", "project_id": "p", "private_key_id": "kid-1", "private_key": key.pem(),
            "client_email": email, "client_id": "1", "token_uri": TOKEN_URI,
        })
        .to_string()
    }

    /// Lets somebody decrypt with a key, or become a service account.
    pub fn grant(&self, who: &str, what: &str) {
        self.state.lock().unwrap().grants.push((who.to_owned(), what.to_owned()));
    }

    /// From now on no token that was given out is taken.
    pub fn expire_all(&self) {
        self.state.lock().unwrap().tokens.clear();
    }

    /// What a SOPS file would have for a data key.
    pub fn encrypt(&self, key: &str, plain: &[u8]) -> String {
        BASE64_STANDARD.encode(json!({"key": key, "plain": plain}).to_string())
    }

    /// The metadata server of a machine, or of GKE for a pod, with the identity of a service account.
    pub fn metadata(&self, email: &str) -> CloudServer {
        let (state, email) = (self.state.clone(), email.to_owned());
        CloudServer::start(None, move |asked| {
            if asked.header("metadata-flavor") != "Google" {
                return Said::text(403, "Missing Metadata-Flavor:Google header.");
            }
            let said = match asked.path().trim_start_matches("/computeMetadata/v1/") {
                "project/project-id" => Said::text(200, "proj"),
                "instance/attributes/cluster-location" => Said::text(200, "europe-west1"),
                "instance/attributes/cluster-name" => Said::text(200, "prod"),
                "instance/service-accounts/default/token" => {
                    let scopes = asked.query().get("scopes").cloned().unwrap_or_default().replace(',', " ");
                    state.lock().unwrap().give(&email, &scopes)
                }
                _ => Said::text(404, ""),
            };
            said.with("Metadata-Flavor", "Google")
        })
    }
}

fn refuse(status: u16, kind: &str, why: &str) -> Said {
    Said::json(status, &json!({"error": {"code": status, "message": why, "status": kind}}))
}

fn invalid(why: &str) -> Said {
    Said::json(400, &json!({"error": "invalid_grant", "error_description": why}))
}

impl State {
    fn give(&mut self, who: &str, scopes: &str) -> Said {
        let text = format!("ya29.{}.{who}", self.tokens.len());
        self.tokens.push((text.clone(), who.to_owned(), scopes.to_owned()));
        Said::json(200, &json!({"access_token": text, "expires_in": 3599, "token_type": "Bearer"}))
    }

    fn whose(&self, asked: &Asked) -> Option<String> {
        let found = self.tokens.iter().find(|(text, ..)| text == asked.bearer())?;
        found.2.contains("https://www.googleapis.com/auth/cloud-platform").then(|| found.1.clone())
    }

    fn token(&mut self, asked: &Asked) -> Said {
        let form = asked.form();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        match field("grant_type") {
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
                let assertion = field("assertion");
                let found = self.accounts.iter().find_map(|(email, key)| {
                    let (header, claims) = key.verified(assertion)?;
                    let is_right = claims["iss"] == **email && claims["aud"] == TOKEN_URI && header["kid"] == "kid-1";
                    is_right.then(|| (email.clone(), claims["scope"].as_str().unwrap_or_default().to_owned()))
                });
                match found {
                    Some((email, scope)) => self.give(&email, &scope),
                    None => invalid("Invalid JWT Signature."),
                }
            }
            "refresh_token" if field("refresh_token") == "1//refresh" && field("client_secret") == "s3cr3t" => {
                let scope = "https://www.googleapis.com/auth/cloud-platform";
                self.give(field("client_id"), scope)
            }
            _ => invalid("Bad Request"),
        }
    }

    fn exchange(&mut self, asked: &Asked, issuer: &Issuer) -> Said {
        let form = asked.form();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let is_right = field("grant_type") == "urn:ietf:params:oauth:grant-type:token-exchange"
            && field("requested_token_type") == "urn:ietf:params:oauth:token-type:access_token"
            && field("subject_token_type") == "urn:ietf:params:oauth:token-type:jwt";
        let audience = field("audience");
        let of_gke = "identitynamespace:proj.svc.id.goog:https://container.googleapis.com/v1/projects/proj/locations/europe-west1/clusters/prod";
        let for_subject = if audience == of_gke { "proj.svc.id.goog" } else { audience };
        match issuer.subject(field("subject_token"), for_subject) {
            Some(subject) if is_right => self.give(&subject, field("scope")),
            _ => invalid(&format!("The audience in ID Token [{}] does not match", field("subject_token"))),
        }
    }

    fn impersonate(&mut self, asked: &Asked) -> Said {
        let Some(who) = self.whose(asked) else { return refuse(401, "UNAUTHENTICATED", "no valid token") };
        let email =
            asked.path().trim_start_matches("/v1/projects/-/serviceAccounts/").trim_end_matches(":generateAccessToken");
        if !self.grants.contains(&(who, email.to_owned())) {
            return refuse(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied");
        }
        let body = asked.json();
        assert_eq!(body["lifetime"], "3600s");
        let scopes: Vec<&str> = body["scope"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let given: Value = serde_json::from_slice(&self.give(email, &scopes.join(" ")).body).unwrap();
        Said::json(200, &json!({"accessToken": given["access_token"], "expireTime": "2099-01-01T00:00:00Z"}))
    }

    fn cluster(&self, asked: &Asked) -> Said {
        let Some(who) = self.whose(asked) else { return refuse(401, "UNAUTHENTICATED", "no valid token") };
        let name = asked.path().trim_start_matches("/v1/").to_owned();
        if !self.grants.contains(&(who, name)) {
            return refuse(403, "PERMISSION_DENIED", "Required \"container.clusters.get\" permission");
        }
        Said::json(
            200,
            &json!({
                "endpoint": "34.44.60.80", "masterAuth": {"clusterCaCertificate": BASE64_STANDARD.encode("gke ca")},
                "privateClusterConfig": {"privateEndpoint": "10.0.0.2"},
                "controlPlaneEndpointsConfig": {"dnsEndpointConfig": {"endpoint": "gke-1.europe-west1.gke.goog"}},
            }),
        )
    }

    fn decrypt(&mut self, asked: &Asked) -> Said {
        let Some(who) = self.whose(asked) else {
            return refuse(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
        };
        let key = asked.path().trim_start_matches("/v1/").trim_end_matches(":decrypt");
        if !self.grants.contains(&(who, key.to_owned())) {
            return refuse(403, "PERMISSION_DENIED", "Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied");
        }
        let blob = BASE64_STANDARD.decode(asked.json()["ciphertext"].as_str().unwrap_or_default()).unwrap_or_default();
        match serde_json::from_slice::<Value>(&blob) {
            Ok(inner) if inner["key"] == key => {
                let plain: Vec<u8> = serde_json::from_value(inner["plain"].clone()).unwrap();
                Said::json(200, &json!({"plaintext": BASE64_STANDARD.encode(plain)}))
            }
            _ => refuse(400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid."),
        }
    }
}
