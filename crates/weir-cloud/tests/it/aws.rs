use crate::common::{Cluster, PLAIN, account, failed};
use std::collections::BTreeMap;
use weir_cloud::{CacheOptions, Cloud, CloudError, Env, Identity, KeyRequest, Keys, StaticKeys};
use weir_testkit::cloud::{Aws, AwsKey};

const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab";
const ROLE: &str = "arn:aws:iam::123456789012:role/sops";
const USER: &str = "arn:aws:iam::123456789012:user/ci";

fn cloud(aws: &Aws, more: &[(&str, &str)]) -> Cloud {
    let url = aws.server.url.as_str();
    let ours = [("AWS_ENDPOINT_URL_KMS", url), ("AWS_ENDPOINT_URL_STS", url), ("HOSTNAME", "kustomize-controller-0")];
    let env: Env = ours.into_iter().chain(more.iter().copied()).collect();
    Cloud::new(CacheOptions::default(), env).unwrap()
}

fn entry(key: &AwsKey) -> StaticKeys {
    let text = format!(
        "aws_access_key_id: {}\naws_secret_access_key: \"{}\"\naws_session_token: \"{}\"\n",
        key.id, key.secret, key.session
    );
    let mut statics = StaticKeys::default();
    assert!(statics.add("sops.aws-kms", text.as_bytes()).unwrap());
    statics
}

struct File<'a> {
    role: &'a str,
    context: BTreeMap<String, String>,
    enc: String,
}

impl<'a> File<'a> {
    fn of(aws: &Aws) -> Self {
        Self { role: "", context: BTreeMap::new(), enc: aws.encrypt(KEY, &BTreeMap::new(), PLAIN) }
    }

    async fn decrypt(
        &self,
        cloud: &Cloud,
        statics: &StaticKeys,
        who: &Identity,
        cluster: &Cluster,
    ) -> Result<Vec<u8>, CloudError> {
        let request = KeyRequest::Aws { arn: KEY, role: self.role, context: &self.context, enc: &self.enc };
        Keys::new(cloud, statics, who, cluster, None).decrypt(request).await.map(|plain| plain.to_vec())
    }
}

#[tokio::test]
async fn an_entry_of_the_secret_goes_before_every_identity() {
    let cluster = Cluster::annotated(&[("eks.amazonaws.com/role-arn", ROLE)]);
    let aws = Aws::start(&cluster.issuer);
    aws.grant(USER, KEY);
    let (own, statics) = (aws.key(ROLE), entry(&aws.key(USER)));
    let cloud = cloud(
        &aws,
        &[("AWS_ACCESS_KEY_ID", &own.id), ("AWS_SECRET_ACCESS_KEY", &own.secret), ("AWS_SESSION_TOKEN", &own.session)],
    );
    let file = File::of(&aws);
    assert_eq!(file.decrypt(&cloud, &statics, &account(), &cluster).await.unwrap(), PLAIN);
    assert!(cluster.asked().is_empty());
    // The controller may not: nobody granted it.
    let shown = failed(
        file.decrypt(&cloud, &StaticKeys::default(), &Identity::Controller, &cluster).await,
        &[&own.secret, &own.session],
    );
    assert!(
        shown.contains("AccessDeniedException: User: arn:aws:iam::123456789012:role/sops is not authorized"),
        "{shown}"
    );
    assert!(shown.contains(KEY) && shown.contains("needs kms:Decrypt") && shown.contains("127.0.0.1"), "{shown}");
}

#[tokio::test]
async fn an_account_has_the_role_of_its_annotation_and_its_token_is_kept() {
    let cluster = Cluster::annotated(&[("eks.amazonaws.com/role-arn", ROLE)]);
    let aws = Aws::start(&cluster.issuer);
    aws.grant(ROLE, KEY);
    let (cloud, statics, who, file) = (cloud(&aws, &[]), StaticKeys::default(), account(), File::of(&aws));
    let all = futures::future::join_all((0..8).map(|_| file.decrypt(&cloud, &statics, &who, &cluster))).await;
    assert!(all.into_iter().all(|plain| plain.unwrap() == PLAIN));
    let tokens: Vec<String> = cluster.asked().into_iter().filter(|asked| asked.starts_with("token")).collect();
    assert_eq!(tokens, ["token apps/deploy sts.amazonaws.com"]);
    assert_eq!(cloud.cache_counts(), (7, 1));
    let logins: Vec<_> = aws
        .server
        .seen()
        .into_iter()
        .filter(|asked| !asked.form().is_empty())
        .filter(|asked| asked.header("x-amz-target").is_empty())
        .collect();
    assert_eq!(logins[0].form()["RoleSessionName"], "deploy.apps.eu-west-1.fluxcd.io");
    // What AWS no longer takes is got anew.
    aws.expire_all();
    assert_eq!(file.decrypt(&cloud, &statics, &who, &cluster).await.unwrap(), PLAIN);
}

#[tokio::test]
async fn an_account_without_a_role_is_told_so_as_flux_tells_it() {
    let cluster = Cluster::annotated(&[("eks.amazonaws.com/role-arn", "arn:aws:iam::1:user/x")]);
    let aws = Aws::start(&cluster.issuer);
    let file = File::of(&aws);
    let shown = failed(file.decrypt(&cloud(&aws, &[]), &StaticKeys::default(), &account(), &cluster).await, &[]);
    let expected = "failed to get provider identity from service account 'apps/deploy' annotations: invalid eks.amazonaws.com/role-arn \
                    annotation: 'arn:aws:iam::1:user/x'. must match ^arn:aws[\\w-]*:iam::[0-9]{1,30}:role/.{1,200}$";
    assert!(shown.starts_with(expected), "{shown}");
    assert!(aws.server.seen().is_empty());
}

#[tokio::test]
async fn a_refused_role_does_not_show_the_token() {
    let cluster = Cluster::annotated(&[("eks.amazonaws.com/role-arn", "arn:aws:iam::1:role/forbidden")]);
    let aws = Aws::start(&cluster.issuer);
    let file = File::of(&aws);
    let shown = failed(file.decrypt(&cloud(&aws, &[]), &StaticKeys::default(), &account(), &cluster).await, &["eyJ"]);
    assert!(shown.contains("403 AccessDenied") && shown.contains("trust policy"), "{shown}");
    // STS of the testkit answers with the token where it does not know the issuer.
    let other = Aws::start(&Cluster::default().issuer);
    let shown = failed(file.decrypt(&cloud(&other, &[]), &StaticKeys::default(), &account(), &cluster).await, &["eyJ"]);
    assert!(shown.contains("the token ***** is not of this issuer"), "{shown}");
}

#[tokio::test]
async fn a_file_s_role_is_assumed_by_whoever_asks() {
    let cluster = Cluster::default();
    let aws = Aws::start(&cluster.issuer);
    aws.grant(USER, ROLE);
    aws.grant(ROLE, KEY);
    let (cloud, statics) = (cloud(&aws, &[]), entry(&aws.key(USER)));
    let mut file = File { role: ROLE, ..File::of(&aws) };
    assert_eq!(file.decrypt(&cloud, &statics, &Identity::Controller, &cluster).await.unwrap(), PLAIN);
    assert_eq!(file.decrypt(&cloud, &statics, &Identity::Controller, &cluster).await.unwrap(), PLAIN);
    let assumed: Vec<_> = aws.server.seen().into_iter().filter(|asked| asked.form().contains_key("RoleArn")).collect();
    assert_eq!(assumed.len(), 1);
    assert_eq!(assumed[0].form()["RoleSessionName"], "sops@kustomizecontroller0");
    file.role = "arn:aws:iam::123456789012:role/other";
    let shown = failed(file.decrypt(&cloud, &statics, &Identity::Controller, &cluster).await, &[]);
    assert!(shown.contains("role/other") && shown.contains("sts:AssumeRole"), "{shown}");
}

#[tokio::test]
async fn the_encryption_context_is_part_of_the_key() {
    let cluster = Cluster::default();
    let aws = Aws::start(&cluster.issuer);
    aws.grant(USER, KEY);
    let statics = entry(&aws.key(USER));
    let context: BTreeMap<String, String> = [("env".to_owned(), "pröd".to_owned())].into();
    let mut file = File { role: "", enc: aws.encrypt(KEY, &context, PLAIN), context };
    let cloud = cloud(&aws, &[]);
    assert_eq!(file.decrypt(&cloud, &statics, &Identity::Controller, &cluster).await.unwrap(), PLAIN);
    file.context.clear();
    let shown = failed(file.decrypt(&cloud, &statics, &Identity::Controller, &cluster).await, &[]);
    assert!(shown.contains("InvalidCiphertextException") && shown.contains("encryption context"), "{shown}");
}

#[tokio::test]
async fn the_controller_is_who_its_environment_says() {
    let cluster = Cluster::default();
    let aws = Aws::start(&cluster.issuer);
    aws.grant(ROLE, KEY);
    let file = File::of(&aws);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    let path = path.to_str().unwrap();
    let none = StaticKeys::default();
    // A web identity (IRSA).
    std::fs::write(
        path,
        cluster.issuer.token("flux-system", "kustomize-controller", &["sts.amazonaws.com".to_owned()]),
    )
    .unwrap();
    let irsa = cloud(&aws, &[("AWS_WEB_IDENTITY_TOKEN_FILE", path), ("AWS_ROLE_ARN", ROLE)]);
    assert_eq!(file.decrypt(&irsa, &none, &Identity::Controller, &cluster).await.unwrap(), PLAIN);
    // EKS Pod Identity.
    std::fs::write(path, "pod-token\n").unwrap();
    let agent = aws.agent("pod-token", ROLE);
    let pod =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.url.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path)];
    assert_eq!(file.decrypt(&cloud(&aws, &pod), &none, &Identity::Controller, &cluster).await.unwrap(), PLAIN);
    // The machine.
    let machine = aws.metadata(ROLE);
    let ec2 = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.url.as_str())];
    assert_eq!(file.decrypt(&cloud(&aws, &ec2), &none, &Identity::Controller, &cluster).await.unwrap(), PLAIN);
    // Nobody.
    let nobody = cloud(&aws, &[("AWS_EC2_METADATA_DISABLED", "true")]);
    let shown = failed(file.decrypt(&nobody, &none, &Identity::Controller, &cluster).await, &[]);
    assert!(shown.starts_with("there are no credentials for AWS") && shown.contains("sops.aws-kms"), "{shown}");
    // The agent gets a token of the pod's: not over http to somebody else.
    let elsewhere = cloud(
        &aws,
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://evil.example/"), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "t")],
    );
    let shown = failed(file.decrypt(&elsewhere, &none, &Identity::Controller, &cluster).await, &[]);
    assert!(shown.contains("it has to be https"), "{shown}");
}

#[tokio::test]
async fn a_service_that_is_busy_is_asked_again() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let count = AtomicUsize::new(0);
    let server = weir_testkit::cloud::CloudServer::start(None, move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => weir_testkit::cloud::Said::text(503, ""),
        1 => weir_testkit::cloud::Said::json(400, &serde_json::json!({"__type": "ThrottlingException"})),
        _ => weir_testkit::cloud::Said::json(200, &serde_json::json!({"Plaintext": "aGk="})),
    });
    let env: Env = [("AWS_ENDPOINT_URL", server.url.as_str())].into_iter().collect();
    let cloud = Cloud::new(CacheOptions::default(), env).unwrap();
    let mut statics = StaticKeys::default();
    statics.add("sops.aws-kms", b"{aws_access_key_id: a, aws_secret_access_key: b}").unwrap();
    let file = File { role: "", context: BTreeMap::new(), enc: String::new() };
    assert_eq!(file.decrypt(&cloud, &statics, &Identity::Controller, &Cluster::default()).await.unwrap(), b"hi");
    assert_eq!(server.seen().len(), 3);
    // Each attempt has a signature of its own time, and a redirect is no answer.
    let elsewhere = server.url.clone();
    let redirecting = weir_testkit::cloud::CloudServer::start(None, move |_| {
        weir_testkit::cloud::Said::text(307, "").with("Location", &elsewhere)
    });
    let env: Env = [("AWS_ENDPOINT_URL", redirecting.url.as_str())].into_iter().collect();
    let cloud = Cloud::new(CacheOptions::default(), env).unwrap();
    let shown = failed(file.decrypt(&cloud, &statics, &Identity::Controller, &Cluster::default()).await, &[]);
    assert!(shown.contains("307: redirects are not followed"), "{shown}");
    assert_eq!(server.seen().len(), 3);
}
