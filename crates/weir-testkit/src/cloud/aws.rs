use super::http::{Asked, CloudServer, Said, decoded};
use super::jwt::Issuer;
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// An access key that AWS knows.
#[derive(Clone, Debug)]
pub struct AwsKey {
    pub id: String,
    pub secret: String,
    pub session: String,
    /// What it stands for: a user's or a role's ARN.
    pub who: String,
}

#[derive(Default)]
struct State {
    keys: Vec<AwsKey>,
    /// Who may decrypt with which key; nobody else.
    grants: Vec<(String, String)>,
    /// Access keys that have run out.
    expired: Vec<String>,
    made: usize,
    clusters: Vec<(String, String, String)>,
}

/// AWS: STS, KMS and EKS, at one address; ECS's agent and EC2's metadata server at others.
pub struct Aws {
    pub server: CloudServer,
    state: Arc<Mutex<State>>,
}

impl Aws {
    /// STS believes the issuer for `sts.amazonaws.com`.
    pub fn start(issuer: &Issuer) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, issuer) = (state.clone(), issuer.clone());
        let server = CloudServer::start(None, move |asked| {
            let mut state = shared.lock().unwrap();
            match asked.header("x-amz-target") {
                "" if asked.method == "GET" => state.describe(asked),
                "" => state.sts(asked, &issuer),
                "TrentService.Decrypt" => state.decrypt(asked),
                _ => Said::json(400, &json!({"__type": "UnknownOperationException"})),
            }
        });
        Self { server, state }
    }

    /// A new access key; with a session's token where it is a role's.
    pub fn key(&self, who: &str) -> AwsKey {
        self.state.lock().unwrap().key(who)
    }

    pub fn grant(&self, who: &str, key: &str) {
        self.state.lock().unwrap().grants.push((who.to_owned(), key.to_owned()));
    }

    /// From now on whatever was given out is no longer taken.
    pub fn expire_all(&self) {
        let mut state = self.state.lock().unwrap();
        let all: Vec<String> = state.keys.iter().map(|key| key.id.clone()).collect();
        state.expired.extend(all);
    }

    /// An EKS cluster: its endpoint and authority.
    pub fn cluster(&self, name: &str, endpoint: &str, ca: &str) {
        self.state.lock().unwrap().clusters.push((name.to_owned(), endpoint.to_owned(), ca.to_owned()));
    }

    /// Whom EKS would let into a cluster for a token.
    pub fn entering(&self, token: &str, cluster: &str) -> Option<String> {
        let url = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix("k8s-aws-v1.")?).ok()?;
        self.state.lock().unwrap().presigned(&String::from_utf8(url).ok()?, cluster)
    }

    /// What a SOPS file would have for a data key.
    pub fn encrypt(&self, key: &str, context: &BTreeMap<String, String>, plain: &[u8]) -> String {
        BASE64_STANDARD.encode(json!({"key": key, "context": context, "plain": plain}).to_string())
    }

    /// The agent that ECS and EKS Pod Identity have; it wants to see this token.
    pub fn agent(&self, authorization: &str, who: &str) -> CloudServer {
        let (state, expected, who) = (self.state.clone(), authorization.to_owned(), who.to_owned());
        CloudServer::start(None, move |asked| {
            if asked.header("authorization") != expected {
                return Said::json(401, &json!({"message": "no"}));
            }
            let key = state.lock().unwrap().key(&who);
            Said::json(200, &document(&key))
        })
    }

    /// EC2's metadata server in its second version, on a machine of this role.
    pub fn metadata(&self, role: &str) -> CloudServer {
        let (state, role) = (self.state.clone(), role.to_owned());
        let name = role.rsplit('/').next().unwrap().to_owned();
        CloudServer::start(None, move |asked| {
            if asked.path() == "/latest/api/token" {
                let is_right =
                    asked.method == "PUT" && !asked.header("x-aws-ec2-metadata-token-ttl-seconds").is_empty();
                return if is_right { Said::text(200, "session") } else { Said::text(400, "") };
            }
            if asked.header("x-aws-ec2-metadata-token") != "session" {
                return Said::text(401, "");
            }
            match asked.path().strip_prefix("/latest/meta-data/iam/security-credentials/") {
                Some("") => Said::text(200, name.as_str()),
                Some(asked) if asked == name => {
                    let key = state.lock().unwrap().key(&role);
                    let mut document = document(&key);
                    document["Code"] = "Success".into();
                    Said::json(200, &document)
                }
                _ => Said::text(404, ""),
            }
        })
    }
}

fn document(key: &AwsKey) -> Value {
    json!({"AccessKeyId": key.id, "SecretAccessKey": key.secret, "Token": key.session, "Expiration": "2099-01-01T00:00:00Z"})
}

impl State {
    fn key(&mut self, who: &str) -> AwsKey {
        self.made += 1;
        let is_role = who.contains(":role/");
        let key = AwsKey {
            id: format!("{}{:04}", if is_role { "ASIA" } else { "AKIA" }, self.made),
            secret: format!("secret/{}+{who}", self.made),
            session: if is_role { format!("session/{}=={who}", self.made) } else { String::new() },
            who: who.to_owned(),
        };
        self.keys.push(key.clone());
        key
    }

    fn sts(&mut self, asked: &Asked, issuer: &Issuer) -> Said {
        let form = asked.form();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default().to_owned();
        let refuse = |status, code: &str, why: &str| {
            Said::text(
                status,
                format!("<ErrorResponse><Error><Code>{code}</Code><Message>{why}</Message></Error></ErrorResponse>"),
            )
        };
        if field("Version") != "2011-06-15" || field("RoleSessionName").is_empty() {
            return refuse(400, "ValidationError", "version or session");
        }
        let role = field("RoleArn");
        match field("Action").as_str() {
            "AssumeRoleWithWebIdentity" => {
                let token = field("WebIdentityToken");
                if issuer.subject(&token, "sts.amazonaws.com").is_none() {
                    return refuse(400, "InvalidIdentityToken", &format!("the token {token} is not of this issuer"));
                }
                if role.ends_with("/forbidden") {
                    return refuse(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
                }
            }
            "AssumeRole" => match self.signed(asked, "sts") {
                Ok((who, _)) if self.grants.contains(&(who.clone(), role.clone())) => {}
                Ok((who, _)) => {
                    return refuse(
                        403,
                        "AccessDenied",
                        &format!("User: {who} is not authorized to perform: sts:AssumeRole"),
                    );
                }
                Err(code) => return refuse(403, code, "the signature is wrong"),
            },
            _ => return refuse(400, "InvalidAction", "what?"),
        }
        let key = self.key(&role);
        Said::text(
            200,
            format!(
                "<R xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}\
                 </SecretAccessKey><SessionToken>{}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></R>",
                key.id, key.secret, key.session
            ),
        )
    }

    fn describe(&self, asked: &Asked) -> Said {
        let refuse = |status, code: &str| Said::json(status, &json!({"message": "no"})).with("x-amzn-ErrorType", code);
        let Ok((who, _)) = self.signed(asked, "eks") else { return refuse(403, "InvalidSignatureException:") };
        let name = asked.path().trim_start_matches("/clusters/");
        if !self.grants.contains(&(who, name.to_owned())) {
            return refuse(403, "AccessDeniedException:");
        }
        match self.clusters.iter().find(|(own, ..)| own == name) {
            Some((name, endpoint, ca)) => Said::json(
                200,
                &json!({"cluster": {"name": name, "endpoint": endpoint, "certificateAuthority": {"data": BASE64_STANDARD.encode(ca)}}}),
            ),
            None => refuse(404, "ResourceNotFoundException:"),
        }
    }

    /// Whose question to STS a URL is, for a cluster.
    fn presigned(&self, url: &str, cluster: &str) -> Option<String> {
        let (base, query) = url.split_once('?')?;
        let (host, path) = base.strip_prefix("http://")?.split_once('/')?;
        let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("X-Amz-Signature=")).collect();
        pairs.sort_unstable();
        let field = |name: &str| {
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
                .map(decoded)
                .unwrap_or_default()
        };
        let credential = field("X-Amz-Credential");
        let [id, day, region, "sts", "aws4_request"] = credential.split('/').collect::<Vec<_>>()[..] else {
            return None;
        };
        let key = self.keys.iter().find(|key| key.id == id && key.session == field("X-Amz-Security-Token"))?;
        let is_right = field("Action") == "GetCallerIdentity"
            && field("X-Amz-Expires") == "900"
            && field("X-Amz-SignedHeaders") == "host;x-k8s-aws-id";
        let canonical = format!(
            "GET\n/{path}\n{}\nhost:{host}\nx-k8s-aws-id:{cluster}\n\nhost;x-k8s-aws-id\n{}",
            pairs.join("&"),
            sum(b"")
        );
        let signature = signature(&key.secret, &field("X-Amz-Date"), [day, region, "sts"], &canonical);
        (is_right && signature == field("X-Amz-Signature")).then(|| key.who.clone())
    }

    fn decrypt(&mut self, asked: &Asked) -> Said {
        let refuse = |code: &str, why: &str| Said::json(400, &json!({"__type": code, "message": why}));
        let (who, region) = match self.signed(asked, "kms") {
            Ok(found) => found,
            Err(code) => return refuse(code, "the signature is wrong"),
        };
        let body = asked.json();
        let key = body["KeyId"].as_str().unwrap_or_default();
        if key.split(':').nth(3) != Some(&region) {
            return refuse("NotFoundException", "another region");
        }
        if !self.grants.contains(&(who.clone(), key.to_owned())) {
            return refuse("AccessDeniedException", &format!("User: {who} is not authorized to perform: kms:Decrypt"));
        }
        let blob = BASE64_STANDARD.decode(body["CiphertextBlob"].as_str().unwrap_or_default()).unwrap_or_default();
        let Ok(inner) = serde_json::from_slice::<Value>(&blob) else { return refuse("InvalidCiphertextException", "") };
        let context = if body["EncryptionContext"].is_null() { json!({}) } else { body["EncryptionContext"].clone() };
        if inner["key"] != key || inner["context"] != context {
            return refuse("InvalidCiphertextException", "");
        }
        let plain: Vec<u8> = serde_json::from_value(inner["plain"].clone()).unwrap();
        Said::json(200, &json!({"KeyId": key, "Plaintext": BASE64_STANDARD.encode(plain)}))
    }

    /// Whose signature (version 4) a request has, and for which region; or why none.
    fn signed(&self, asked: &Asked, service: &str) -> Result<(String, String), &'static str> {
        let text =
            asked.header("authorization").strip_prefix("AWS4-HMAC-SHA256 ").ok_or("MissingAuthenticationToken")?;
        let fields: BTreeMap<&str, &str> = text.split(',').filter_map(|field| field.trim().split_once('=')).collect();
        let field = |name| fields.get(name).copied().ok_or("IncompleteSignature");
        let scope: Vec<&str> = field("Credential")?.split('/').collect();
        let [id, day, region, for_service, "aws4_request"] = scope[..] else { return Err("IncompleteSignature") };
        let key = self.keys.iter().find(|key| key.id == id).ok_or("UnrecognizedClientException")?;
        if self.expired.contains(&key.id) {
            return Err("ExpiredTokenException");
        }
        let time = asked.header("x-amz-date");
        let names: Vec<&str> = field("SignedHeaders")?.split(';').collect();
        let all_are = ["host", "x-amz-date"].iter().all(|name| names.contains(name))
            && asked
                .headers
                .keys()
                .filter(|name| name.starts_with("x-amz-"))
                .all(|name| names.contains(&name.as_str()));
        if for_service != service
            || !time.starts_with(day)
            || !all_are
            || asked.header("x-amz-security-token") != key.session
        {
            return Err("InvalidSignatureException");
        }
        let mut canonical = format!("{}\n{}\n", asked.method, asked.path());
        let query: Vec<String> = asked.query().keys().cloned().collect();
        assert!(query.is_empty(), "requests of KMS and STS have no parameters in their URLs");
        canonical.push('\n');
        for name in &names {
            canonical.push_str(&format!("{name}:{}\n", asked.header(name)));
        }
        canonical.push_str(&format!("\n{}\n{}", names.join(";"), sum(&asked.body)));
        if field("Signature")? != signature(&key.secret, time, [day, region, service], &canonical) {
            return Err("SignatureDoesNotMatch");
        }
        Ok((key.who.clone(), decoded(region)))
    }
}

fn sum(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signature(secret: &str, time: &str, [day, region, service]: [&str; 3], canonical: &str) -> String {
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{time}\n{day}/{region}/{service}/aws4_request\n{}", sum(canonical.as_bytes()));
    let mut secret = format!("AWS4{secret}").into_bytes();
    for part in [day, region, service, "aws4_request", to_sign.as_str()] {
        secret = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), part.as_bytes()).as_ref().to_vec();
    }
    hex(&secret)
}
