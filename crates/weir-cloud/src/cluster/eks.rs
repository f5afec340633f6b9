//! Amazon EKS: the token is a presigned question to STS who its sender is.

use super::{Asker, Described, LIMIT, Remote, read};
use crate::CloudError;
use crate::aws::{self, Credentials, Scope, endpoint, is_account, is_partition, is_region, presigned, sign};
use crate::cache::{Now, Proof, Token};
use crate::http::{Ask, encoded};
use crate::identity::SecretText;
use crate::keys::Held;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Uri};
use std::time::{Duration, SystemTime};

/// The longest that EKS takes a token for.
const HOLDS: Duration = Duration::from_secs(15 * 60);

/// Region and name.
fn parse(cluster: &str) -> Result<(&str, &str), CloudError> {
    const PATTERN: &str = r"^arn:aws[\w-]*:eks:([^:]{1,100}):[0-9]{1,30}:cluster/(.{1,200})$";
    let found = (|| {
        let (partition, rest) = cluster.strip_prefix("arn:")?.split_once(":eks:")?;
        let (region, rest) = rest.split_once(':')?;
        let (account, name) = rest.split_once(":cluster/")?;
        let is_one = is_partition(partition)
            && is_account(account)
            && (1..=200).contains(&name.chars().count())
            && !name.chars().any(char::is_control);
        (is_one && is_region(region)).then_some((region, name))
    })();
    found.ok_or_else(|| {
        CloudError::cluster(format!(
            "invalid EKS cluster ARN: '{}'. must match {PATTERN}",
            crate::error::shown(cluster)
        ))
    })
}

pub(crate) async fn remote(asker: &Asker<'_>) -> Result<Remote, CloudError> {
    let (region, name) = parse(&asker.config.cluster)?;
    let cloud = asker.keys.cloud;
    let held = aws::credentials(&asker.keys, region).await?;
    let new = async {
        let credentials =
            held.token.aws().ok_or_else(|| CloudError::cluster("the credentials are not those of AWS"))?;
        let (server, ca) = asker.described_by(&held, Box::pin(describe(asker, region, name, credentials))).await?;
        let now = Now::read().wall;
        let url = format!("{}/?Action=GetCallerIdentity&Version=2011-06-15", endpoint(&cloud.env, "sts", region));
        let uri: Uri = url.parse().map_err(|_| CloudError::entry("AWS_ENDPOINT_URL_STS", "it is not a URL"))?;
        let scope = Scope { region, service: "sts" };
        let url = presigned(&uri, &[("x-k8s-aws-id", name)], credentials, scope, (now, HOLDS))
            .map_err(|error| CloudError::cluster(format!("failed to presign GetCallerIdentity request: {error}")))?;
        let token = SecretText::new(format!("k8s-aws-v1.{}", BASE64_URL_SAFE_NO_PAD.encode(url.as_bytes())).into());
        let ends = [Some(now + HOLDS), held.token.expires].into_iter().flatten().min();
        Ok(Token { proof: Proof::Cluster(Remote { server, ca, token, expires: ends }), expires: ends })
    };
    read(&Held::get(&cloud.cache, asker.key(&held), new).await?)
}

async fn describe(
    asker: &Asker<'_>,
    region: &str,
    name: &str,
    credentials: &Credentials,
) -> Result<Described, CloudError> {
    let cloud = asker.keys.cloud;
    let what = format!("describing the EKS cluster '{}'", asker.config.cluster);
    let hide = credentials.secrets();
    let mut ask = Ask::new(&cloud.http.open, &what, &hide);
    ask.limit = LIMIT;
    let url = format!("{}/clusters/{}", endpoint(&cloud.env, "eks", region), encoded(name));
    let scope = Scope { region, service: "eks" };
    let build = || sign(Request::get(&url), Bytes::new(), credentials, scope, SystemTime::now());
    let answer = ask.json(build).await;
    let answer = answer.map_err(|error| error.with_remedy("the identity needs eks:DescribeCluster on the cluster"))?;
    let cluster = &answer["cluster"];
    let endpoint = cluster["endpoint"].as_str().ok_or_else(|| ask.bad("it has no endpoint"))?;
    let ca = cluster["certificateAuthority"]["data"].as_str().unwrap_or_default();
    let ca = BASE64_STANDARD.decode(ca).map_err(|_| CloudError::cluster("failed to decode EKS CA certificate"))?;
    Ok(Described { endpoints: vec![(endpoint.to_owned(), ca)] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_has_the_form_of_flux_and_a_region_that_is_one() {
        assert_eq!(
            parse("arn:aws-us-gov:eks:us-gov-west-1:1:cluster/a/b").expect("a cluster"),
            ("us-gov-west-1", "a/b")
        );
        for bad in [
            "",
            "arn:aws:eks:evil.example#:1:cluster/a",
            "arn:aws:eks:us-east-1:x:cluster/a",
            "arn:aws:eks:us-east-1:1:cluster/",
        ] {
            let shown = parse(bad).expect_err(bad).to_string();
            assert!(shown.starts_with(&format!("invalid EKS cluster ARN: '{bad}'. must match ^arn:aws")), "{shown}");
        }
    }
}
