use crate::common::{Cluster, account, failed};
use std::time::{Duration, SystemTime};
use weir_cloud::{CacheOptions, Cloud, CloudError, ClusterConfig, Endpoints, Env, Identity, Remote};
use weir_testkit::cloud::{Aws, Azure, Gcp};

const EKS: &str = "arn:aws:eks:eu-west-1:123456789012:cluster/prod";
const ROLE: &str = "arn:aws:iam::123456789012:role/deploy";
const AKS: &str = "/subscriptions/12345678-1234-1234-1234-123456789012/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/prod";
const GKE: &str = "projects/p/locations/europe-west1/clusters/prod";
const PROVIDER: &str = "projects/42/locations/global/workloadIdentityPools/pool/providers/cluster";
const SUBJECT: &str = "system:serviceaccount:apps:deploy";
const TENANT: &str = "11111111-2222-3333-4444-555555555555";

fn config(pairs: &[(&str, &str)]) -> ClusterConfig {
    ClusterConfig::read(&pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()).unwrap()
}

async fn remote(
    cloud: &Cloud,
    pairs: &[(&str, &str)],
    who: &Identity,
    cluster: &Cluster,
) -> Result<Remote, CloudError> {
    cloud.remote(&config(pairs), who, cluster).await
}

fn seen(remote: &Remote) -> (&str, &str) {
    (&remote.server, std::str::from_utf8(&remote.ca).unwrap())
}

fn aws() -> (Cluster, Aws, Cloud) {
    let cluster = Cluster::annotated(&[("eks.amazonaws.com/role-arn", ROLE)]);
    let aws = Aws::start(&cluster.issuer);
    aws.cluster("prod", "https://ABC.gr7.eu-west-1.eks.amazonaws.com", "eks ca");
    let own = aws.key(ROLE);
    let env: Env = [
        ("AWS_ENDPOINT_URL", aws.server.url.as_str()),
        ("AWS_ACCESS_KEY_ID", &own.id),
        ("AWS_SECRET_ACCESS_KEY", &own.secret),
        ("AWS_SESSION_TOKEN", &own.session),
    ]
    .into_iter()
    .collect();
    let cloud = Cloud::new(CacheOptions::default(), env).unwrap();
    (cluster, aws, cloud)
}

#[tokio::test]
async fn eks_lets_in_whoever_signed_the_question_to_sts() {
    let (cluster, aws, cloud) = aws();
    let pairs = [("provider", "aws"), ("cluster", EKS)];
    let shown = failed(remote(&cloud, &pairs, &account(), &cluster).await, &["session/", "secret/"]);
    assert!(shown.contains("AccessDeniedException") && shown.contains("eks:DescribeCluster"), "{shown}");
    aws.grant(ROLE, "prod");
    let found = remote(&cloud, &pairs, &account(), &cluster).await.unwrap();
    assert_eq!(seen(&found), ("https://abc.gr7.eu-west-1.eks.amazonaws.com:443", "eks ca"));
    assert_eq!(aws.entering(found.token.expose(), "prod").as_deref(), Some(ROLE));
    assert_eq!(aws.entering(found.token.expose(), "other"), None);
    let life = found.expires.unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(life <= Duration::from_secs(900) && life > Duration::from_secs(800), "{life:?}");
    assert!(!format!("{found:?}").contains(found.token.expose().as_str()));
    // The second time nobody is asked.
    let before = aws.server.seen().len();
    let again = remote(&cloud, &pairs, &account(), &cluster).await.unwrap();
    assert_eq!((again.token.expose(), aws.server.seen().len()), (found.token.expose(), before));
}

#[tokio::test]
async fn with_address_and_authority_an_account_s_cluster_is_not_described() {
    let (cluster, aws, cloud) = aws();
    let pairs = [("provider", "aws"), ("cluster", EKS), ("address", "MY.example"), ("ca.crt", "my ca")];
    let found = remote(&cloud, &pairs, &account(), &cluster).await.unwrap();
    assert_eq!(seen(&found), ("https://my.example:443", "my ca"));
    assert!(aws.server.seen().iter().all(|asked| asked.method == "POST"));
    // As the controller the cluster is looked up all the same, and has to be at the address.
    aws.grant(ROLE, "prod");
    let shown = failed(remote(&cloud, &pairs, &Identity::Controller, &cluster).await, &[]);
    let expected = format!(
        "no endpoint found for cluster {EKS} matching the specified address 'MY.example'. cluster addresses: \
         ['https://abc.gr7.eu-west-1.eks.amazonaws.com:443']"
    );
    assert_eq!(shown, expected);
    let right = [
        ("provider", "aws"),
        ("cluster", EKS),
        ("address", "abc.gr7.eu-west-1.eks.amazonaws.com"),
        ("ca.crt", "my ca"),
    ];
    let found = remote(&cloud, &right, &Identity::Controller, &cluster).await.unwrap();
    assert_eq!(seen(&found), ("https://abc.gr7.eu-west-1.eks.amazonaws.com:443", "my ca"));
    // The region is always needed.
    let shown = failed(
        remote(&cloud, &[("provider", "aws"), ("address", "a"), ("ca.crt", "b")], &account(), &cluster).await,
        &[],
    );
    assert!(shown.starts_with("invalid EKS cluster ARN: ''. must match"), "{shown}");
    let shown = failed(
        remote(&cloud, &[("provider", "aws"), ("cluster", EKS), ("address", "http://a")], &account(), &cluster).await,
        &[],
    );
    assert_eq!(shown, "the Kubernetes API server address 'http://a' must use https scheme");
}

#[tokio::test]
async fn aks_is_entered_with_a_token_of_entra_id() {
    let cluster = Cluster::annotated(&[
        ("azure.workload.identity/tenant-id", TENANT),
        ("azure.workload.identity/client-id", "app"),
    ]);
    let azure = Azure::start(&cluster.issuer, "https://login.microsoftonline.com");
    azure.with_federation(TENANT, "app", SUBJECT);
    let url = Some(azure.server.url.clone());
    let endpoints = Endpoints { azure_authority: url.clone(), azure_arm: url, ..Endpoints::default() };
    let cloud = Cloud::at(CacheOptions::default(), Env::default(), endpoints).unwrap();
    let pairs = [("provider", "azure"), ("cluster", AKS)];
    let shown = failed(remote(&cloud, &pairs, &account(), &cluster).await, &["eyJ"]);
    assert!(shown.contains("403 AuthorizationFailed") && shown.contains("Cluster User Role"), "{shown}");
    azure.grant("app");
    let found = remote(&cloud, &pairs, &account(), &cluster).await.unwrap();
    assert_eq!(seen(&found), ("https://prod-1.hcp.eastus.azmk8s.io:443", "aks ca"));
    let scopes: Vec<String> =
        azure.server.seen().iter().filter_map(|asked| asked.form().get("scope").cloned()).collect();
    assert_eq!(scopes, ["6dae42f8-4368-4678-94ff-3960e28e3630/.default", "https://management.azure.com/.default"]);
    let other = [("provider", "azure"), ("cluster", AKS), ("address", "PRIVATE.azmk8s.io")];
    let found = remote(&cloud, &other, &account(), &cluster).await.unwrap();
    assert_eq!(seen(&found), ("https://private.azmk8s.io:443", "private ca"));
    let wrong = [("provider", "azure"), ("cluster", AKS), ("address", "https://different:443")];
    let shown = failed(remote(&cloud, &wrong, &account(), &cluster).await, &[]);
    assert_eq!(
        shown,
        format!(
            "no kubeconfig found for AKS cluster {AKS} matching the specified address 'https://different:443'. cluster addresses: \
             ['https://prod-1.hcp.eastus.azmk8s.io:443', 'https://private.azmk8s.io:443']"
        )
    );
    let no_aad = AKS.replace("/rg/", "/no-aad/");
    let shown = failed(remote(&cloud, &[("provider", "azure"), ("cluster", &no_aad)], &account(), &cluster).await, &[]);
    assert!(
        shown.starts_with(&format!("AKS cluster {no_aad} does not have Microsoft Entra ID integration enabled.")),
        "{shown}"
    );
}

#[tokio::test]
async fn gke_is_entered_with_a_token_of_google() {
    let cluster = Cluster::annotated(&[("gcp.auth.fluxcd.io/workload-identity-provider", PROVIDER)]);
    let gcp = Gcp::start(&cluster.issuer);
    let url = Some(gcp.server.url.clone());
    let endpoints = Endpoints { gcp_sts: url.clone(), gke: url, ..Endpoints::default() };
    let cloud = Cloud::at(CacheOptions::default(), Env::default(), endpoints).unwrap();
    let pairs = [("provider", "gcp"), ("cluster", GKE)];
    let shown = failed(remote(&cloud, &pairs, &account(), &cluster).await, &["ya29"]);
    assert!(shown.contains("403 PERMISSION_DENIED") && shown.contains("roles/container.clusterViewer"), "{shown}");
    gcp.grant(SUBJECT, GKE);
    let found = remote(&cloud, &pairs, &account(), &cluster).await.unwrap();
    assert_eq!(seen(&found), ("https://34.44.60.80:443", "gke ca"));
    assert!(found.token.expose().starts_with("ya29."));
    let by_name = [("provider", "gcp"), ("cluster", GKE), ("address", "gke-1.europe-west1.gke.goog")];
    let found = remote(&cloud, &by_name, &account(), &cluster).await.unwrap();
    assert_eq!(seen(&found), ("https://gke-1.europe-west1.gke.goog:443", ""));
    let shown = failed(remote(&cloud, &[("provider", "gcp"), ("cluster", "x")], &account(), &cluster).await, &[]);
    assert!(shown.starts_with("invalid GKE cluster ID: 'x'. must match"), "{shown}");
}

#[tokio::test]
async fn a_generic_cluster_believes_this_one_s_tokens() {
    let cluster = Cluster::default();
    let cloud = Cloud::new(CacheOptions::default(), Env::default()).unwrap();
    let pairs = [("provider", "generic"), ("address", "https://k8s.example"), ("ca.crt", "ca")];
    let found = remote(&cloud, &pairs, &account(), &cluster).await.unwrap();
    assert_eq!(seen(&found), ("https://k8s.example:443", "ca"));
    assert_eq!(cluster.issuer.subject(found.token.expose(), "https://k8s.example").as_deref(), Some(SUBJECT));
    remote(&cloud, &pairs, &account(), &cluster).await.unwrap();
    assert_eq!(cluster.asked(), ["token apps/deploy https://k8s.example"]);
    let own = remote(&cloud, &pairs, &Identity::Controller, &cluster).await.unwrap();
    let subject = cluster.issuer.subject(own.token.expose(), "https://k8s.example");
    assert_eq!(subject.as_deref(), Some("system:serviceaccount:flux-system:kustomize-controller"));
    // The controller's token for this very cluster is not for somebody else's address.
    let steal = [("provider", "generic"), ("address", "evil.example"), ("audiences", "https://kubernetes.default.svc")];
    let shown = failed(remote(&cloud, &steal, &Identity::Controller, &cluster).await, &[]);
    assert!(
        shown.starts_with("the controller's own token is not issued for other audiences")
            && shown.contains("serviceAccountName"),
        "{shown}"
    );
    remote(&cloud, &steal, &account(), &cluster).await.unwrap();
    assert_eq!(cluster.asked().last().unwrap(), "token apps/deploy https://kubernetes.default.svc");
    let shown = failed(remote(&cloud, &[("provider", "generic")], &account(), &cluster).await, &[]);
    assert_eq!(shown, "cluster address is required to create a REST config");
}
