use super::http::{Asked, CloudServer, Said};
use super::jwt::{Issuer, Rsa};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::json;
use std::sync::{Arc, Mutex};

struct Application {
    tenant: String,
    id: String,
    secret: String,
    /// Key and certificate.
    certificate: Option<(Rsa, Vec<u8>)>,
    /// The subject of a federated credential.
    subject: String,
}

#[derive(Default)]
struct State {
    applications: Vec<Application>,
    /// Tokens that were given out: text, whose, for which scope.
    tokens: Vec<(String, String, String)>,
    /// Who may decrypt.
    granted: Vec<String>,
}

/// Entra ID, and Key Vault with one key, at one address; the metadata server at another.
pub struct Azure {
    pub server: CloudServer,
    state: Arc<Mutex<State>>,
    public: OaepPublicEncryptingKey,
}

impl Azure {
    /// Federated credentials are for the issuer. `host` is what a client calls the authority.
    pub fn start(issuer: &Issuer, host: &'static str) -> Self {
        let private = PrivateDecryptingKey::from_pkcs8(&Rsa::new().pkcs8()).unwrap();
        let public = OaepPublicEncryptingKey::new(private.public_key()).unwrap();
        let private = OaepPrivateDecryptingKey::new(private).unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, issuer) = (state.clone(), issuer.clone());
        let server = CloudServer::start(None, move |asked| {
            let mut state = shared.lock().unwrap();
            match asked.path().strip_suffix("/oauth2/v2.0/token") {
                Some(tenant) => state.token(asked, tenant.trim_start_matches('/'), host, &issuer),
                None if asked.path().starts_with("/subscriptions/") => state.cluster(asked),
                None => state.decrypt(asked, &private),
            }
        });
        Self { server, state, public }
    }

    fn add(&self, tenant: &str, id: &str) -> std::sync::MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap();
        state.applications.push(Application {
            tenant: tenant.to_owned(),
            id: id.to_owned(),
            secret: String::new(),
            certificate: None,
            subject: String::new(),
        });
        state
    }

    pub fn with_secret(&self, tenant: &str, id: &str, secret: &str) {
        self.add(tenant, id).applications.last_mut().unwrap().secret = secret.to_owned();
    }

    /// Key and certificate of a new application, as PEM in one text.
    pub fn with_certificate(&self, tenant: &str, id: &str) -> String {
        let key = Rsa::new();
        let signer = rcgen::KeyPair::from_pem_and_sign_algo(&key.pem(), &rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&signer).unwrap();
        let pem = format!("{}{}", key.pem(), certificate.pem());
        self.add(tenant, id).applications.last_mut().unwrap().certificate = Some((key, certificate.der().to_vec()));
        pem
    }

    pub fn with_federation(&self, tenant: &str, id: &str, subject: &str) {
        self.add(tenant, id).applications.last_mut().unwrap().subject = subject.to_owned();
    }

    /// Lets an application or identity use the key.
    pub fn grant(&self, id: &str) {
        self.state.lock().unwrap().granted.push(id.to_owned());
    }

    /// From now on no token that was given out is taken.
    pub fn expire_all(&self) {
        self.state.lock().unwrap().tokens.clear();
    }

    /// What a SOPS file would have for a data key.
    pub fn encrypt(&self, plain: &[u8]) -> String {
        let mut out = vec![0; self.public.ciphertext_size()];
        let out = self.public.encrypt(&OAEP_SHA256_MGF1SHA256, plain, &mut out, None).unwrap();
        BASE64_URL_SAFE_NO_PAD.encode(out)
    }

    /// The metadata server of a machine with this identity beside its own.
    pub fn metadata(&self, client: &str) -> CloudServer {
        let (state, client) = (self.state.clone(), client.to_owned());
        CloudServer::start(None, move |asked| {
            let query = asked.query();
            let field = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
            if asked.header("metadata") != "true" || field("api-version") != "2018-02-01" {
                return Said::json(
                    400,
                    &json!({"error": "invalid_request", "error_description": "Required metadata header"}),
                );
            }
            if !["", &client].contains(&field("client_id")) {
                return Said::json(
                    400,
                    &json!({"error": "invalid_request", "error_description": "Identity not found"}),
                );
            }
            let who = if field("client_id").is_empty() { "system" } else { &client };
            state.lock().unwrap().give(who, &format!("{}/.default", field("resource")), "3599".into())
        })
    }
}

impl State {
    fn give(&mut self, who: &str, scope: &str, life: serde_json::Value) -> Said {
        let text = format!("eyJ.{}.{who}", self.tokens.len());
        self.tokens.push((text.clone(), who.to_owned(), scope.to_owned()));
        Said::json(200, &json!({"access_token": text, "expires_in": life, "token_type": "Bearer"}))
    }

    fn token(&mut self, asked: &Asked, tenant: &str, host: &str, issuer: &Issuer) -> Said {
        let form = asked.form();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let refuse = |why: &str| Said::json(401, &json!({"error": "invalid_client", "error_description": why}));
        let Some(application) =
            self.applications.iter().find(|one| one.tenant == tenant && one.id == field("client_id"))
        else {
            return Said::json(
                400,
                &json!({"error": "unauthorized_client", "error_description": "AADSTS700016: not found"}),
            );
        };
        if field("grant_type") != "client_credentials" {
            return Said::json(400, &json!({"error": "unsupported_grant_type"}));
        }
        let assertion = field("client_assertion");
        if !assertion.is_empty()
            && field("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        {
            return refuse("AADSTS50027: the assertion's type");
        }
        let by_secret = !application.secret.is_empty() && field("client_secret") == application.secret;
        let by_certificate = application.certificate.as_ref().is_some_and(|(key, certificate)| {
            key.verified(assertion).is_some_and(|(header, claims)| {
                let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate).as_ref());
                let chain = header.get("x5c").map(|chain| chain[0] == BASE64_STANDARD.encode(certificate));
                header["alg"] == "PS256"
                    && header["x5t#S256"] == *thumbprint
                    && chain != Some(false)
                    && claims["aud"] == *format!("{host}/{tenant}/oauth2/v2.0/token")
                    && claims["iss"] == *application.id
                    && claims["sub"] == *application.id
                    && claims["jti"].as_str().is_some_and(|id| id.len() >= 32)
            })
        });
        let by_federation = !application.subject.is_empty()
            && issuer.subject(assertion, "api://AzureADTokenExchange").as_ref() == Some(&application.subject);
        if !(by_secret || by_certificate || by_federation) {
            return refuse(&format!(
                "AADSTS7000215: Invalid client secret or assertion {}{assertion}",
                field("client_secret")
            ));
        }
        let (id, scope) = (application.id.clone(), field("scope").to_owned());
        self.give(&id, &scope, 3599.into())
    }

    /// One cluster, with two ways in; its group `no-aad` has one without Entra ID.
    fn cluster(&self, asked: &Asked) -> Said {
        let found = self.tokens.iter().find(|(text, ..)| text == asked.bearer());
        if found.is_none_or(|(_, who, scope)| {
            scope != "https://management.azure.com/.default" || !self.granted.contains(who)
        }) {
            return Said::json(403, &json!({"error": {"code": "AuthorizationFailed", "message": "no"}}));
        }
        if asked.query().get("api-version").is_none_or(|version| version != "2024-05-01") {
            return Said::json(400, &json!({"error": {"code": "NoRegisteredProviderFound", "message": "no"}}));
        }
        match (asked.method.as_str(), asked.path().ends_with("/listClusterUserCredential")) {
            ("GET", false) if asked.path().contains("/no-aad/") => Said::json(200, &json!({"properties": {}})),
            ("GET", false) => Said::json(200, &json!({"properties": {"aadProfile": {"managed": true}}})),
            ("POST", true) => {
                let kubeconfig = |server: &str, ca: &str| {
                    let text = format!(
                        "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts:\n- name: x\n  context: {{cluster: c, user: u}}\n\
                         clusters:\n- name: other\n  cluster: {{server: https://wrong}}\n- name: c\n  cluster:\n    server: {server}\n    \
                         certificate-authority-data: {}\n",
                        BASE64_STANDARD.encode(ca)
                    );
                    json!({"name": "clusterUser", "value": BASE64_STANDARD.encode(text)})
                };
                let first = kubeconfig("https://prod-1.hcp.eastus.azmk8s.io:443", "aks ca");
                let second = kubeconfig("https://private.azmk8s.io", "private ca");
                Said::json(200, &json!({"kubeconfigs": [first, second]}))
            }
            _ => Said::text(405, ""),
        }
    }

    /// The key is called `sops`, its version `v1`.
    fn decrypt(&mut self, asked: &Asked, key: &OaepPrivateDecryptingKey) -> Said {
        let refuse =
            |status, code: &str, why: &str| Said::json(status, &json!({"error": {"code": code, "message": why}}));
        let found = self.tokens.iter().find(|(text, ..)| text == asked.bearer());
        let Some((_, who, _)) = found.filter(|(.., scope)| scope == "https://vault.azure.net/.default") else {
            return refuse(401, "Unauthorized", "AKV10032: Invalid issuer or audience.");
        };
        if !self.granted.contains(who) {
            return refuse(403, "Forbidden", "Caller is not authorized to perform action on resource.");
        }
        let is_known = ["/keys/sops/v1/decrypt", "/keys/sops/decrypt"].contains(&asked.path());
        if !is_known || asked.method != "POST" || asked.query().get("api-version").is_none_or(|v| v != "2025-07-01") {
            return refuse(404, "KeyNotFound", "A key with (name/id) was not found in this key vault.");
        }
        let body = asked.json();
        let value = BASE64_URL_SAFE_NO_PAD.decode(body["value"].as_str().unwrap_or_default()).unwrap_or_default();
        let mut plain = vec![0; key.min_output_size()];
        match key.decrypt(&OAEP_SHA256_MGF1SHA256, &value, &mut plain, None) {
            Ok(plain) if body["alg"] == "RSA-OAEP-256" => Said::json(
                200,
                &json!({"kid": "https://a.vault.azure.net/keys/sops/v1", "value": BASE64_URL_SAFE_NO_PAD.encode(plain)}),
            ),
            _ => refuse(400, "BadParameter", "The parameter is incorrect."),
        }
    }
}
