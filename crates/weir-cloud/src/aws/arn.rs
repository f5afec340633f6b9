//! Names of AWS, and the hosts that follow from them. A name may come from a tenant's file, so that
//! no part of it gets into a host unchecked.

use crate::{CloudError, Env};

const KMS: &str = "AWS KMS";

/// The region of a key, whose name has the form
/// `arn:aws:kms:REGION:ACCOUNT:key/ID` or `.../alias/NAME`.
pub(crate) fn key_region(arn: &str) -> Result<&str, CloudError> {
    let bad = || CloudError::key(KMS, arn, format!("no valid ARN found in '{}'", crate::error::shown(arn)));
    let mut parts = arn.splitn(6, ':');
    let mut part = || parts.next().unwrap_or_default();
    let (scheme, partition, service, region, account, resource) = (part(), part(), part(), part(), part(), part());
    let named = |kind| resource.strip_prefix(kind).is_some_and(|name| !name.is_empty());
    let is_key = scheme == "arn"
        && is_partition(partition)
        && service == "kms"
        && !account.is_empty()
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && (named("key/") || named("alias/"));
    if !is_key || arn.chars().any(char::is_control) {
        return Err(bad());
    }
    if !is_region(region) {
        return Err(CloudError::key(KMS, arn, format!("'{}' is not a region", crate::error::shown(region))));
    }
    Ok(region)
}

/// The number of an account, as long as Flux takes it.
pub(crate) fn is_account(text: &str) -> bool {
    (1..=30).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn is_partition(text: &str) -> bool {
    text.starts_with("aws") && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// `us-east-1`, `us-gov-west-1`, `eu-isoe-west-1`, `eusc-de-east-1`.
pub(crate) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_word = |part: &&str| (1..=12).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let Some((number, words)) = parts.split_last() else { return false };
    let is_number = (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number && (2..=4).contains(&words.len()) && words.iter().all(is_word)
}

/// The domain of a region's services: that of its partition.
pub(crate) fn domain(region: &str) -> &'static str {
    match region.split('-').nth(usize::from(!region.starts_with("cn-") && !region.starts_with("eusc-"))) {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        Some("iso") => "c2s.ic.gov",
        Some("isob") => "sc2s.sgov.gov",
        Some("isoe") => "cloud.adc-e.uk",
        Some("isof") => "csp.hci.ic.gov",
        _ => "amazonaws.com",
    }
}

/// Where a service of a region is; an operator may name another place (`AWS_ENDPOINT_URL_KMS`, ...).
pub(crate) fn endpoint(env: &Env, service: &str, region: &str) -> String {
    if !env.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
        let own = env.get(&format!("AWS_ENDPOINT_URL_{}", service.to_uppercase()));
        if let Some(url) = own.or_else(|| env.get("AWS_ENDPOINT_URL")) {
            return url.trim_end_matches('/').to_owned();
        }
    }
    let fips = if env.is_true("AWS_USE_FIPS_ENDPOINT") { "-fips" } else { "" };
    format!("https://{service}{fips}.{region}.{}", domain(region))
}

/// The role of a ServiceAccount: `^arn:aws[\w-]*:iam::[0-9]{1,30}:role/.{1,200}$` in Flux.
pub(crate) fn is_role(arn: &str) -> bool {
    let Some(rest) = arn.strip_prefix("arn:") else { return false };
    let Some((partition, rest)) = rest.split_once(":iam::") else { return false };
    let Some((account, name)) = rest.split_once(":role/") else { return false };
    is_partition(partition) && is_account(account) && (1..=200).contains(&name.chars().count()) && !name.contains('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_follows_from_a_region_that_is_one() {
        let id = "1234567890:key/mrk-1234abcd12ab34cd56ef1234567890ab";
        let hosts = [
            ("aws", "us-west-2", "https://kms.us-west-2.amazonaws.com"),
            ("aws-cn", "cn-north-1", "https://kms.cn-north-1.amazonaws.com.cn"),
            ("aws-us-gov", "us-gov-east-1", "https://kms.us-gov-east-1.amazonaws.com"),
            ("aws-iso", "us-iso-east-1", "https://kms.us-iso-east-1.c2s.ic.gov"),
            ("aws-iso-b", "us-isob-east-1", "https://kms.us-isob-east-1.sc2s.sgov.gov"),
            ("aws-iso-e", "eu-isoe-west-1", "https://kms.eu-isoe-west-1.cloud.adc-e.uk"),
            ("aws-eusc", "eusc-de-east-1", "https://kms.eusc-de-east-1.amazonaws.eu"),
        ];
        for (partition, region, host) in hosts {
            let arn = format!("arn:{partition}:kms:{region}:{id}");
            assert_eq!(endpoint(&Env::default(), "kms", key_region(&arn).expect("a key")), host);
        }
        assert!(key_region("arn:aws:kms:eu-west-1:1:alias/a:b/c").is_ok());
    }

    #[test]
    fn what_is_no_key_is_asked_of_nobody() {
        for arn in [
            "arn:aws:kms:evil.example/:1:key/x",
            "arn:aws:kms:us-east-1.evil.example:1:key/x",
            "arn:aws:kms:us-east-1@evil:1:key/x",
            "arn:aws:kms:us-east-1#:1:key/x",
            "arn:aws:kms::1:key/x",
            "arn:aws:kms:us-east-1:x:key/x",
            "arn:aws:kms:us-east-1:1:key/",
            "arn:aws:s3:us-east-1:1:key/x",
            "arn:evil:kms:us-east-1:1:key/x",
            "arn:aws:kms:us-east-1:1:key/x\r\nHost: evil",
            "",
        ] {
            assert!(key_region(arn).is_err(), "{arn}");
        }
    }

    #[test]
    fn an_operator_may_name_another_place() {
        let env: Env = [("AWS_ENDPOINT_URL", "http://a/"), ("AWS_ENDPOINT_URL_KMS", "http://b")].into_iter().collect();
        assert_eq!(
            (endpoint(&env, "kms", "us-east-1"), endpoint(&env, "sts", "us-east-1")),
            ("http://b".into(), "http://a".into())
        );
        let fips: Env = [("AWS_USE_FIPS_ENDPOINT", "true")].into_iter().collect();
        assert_eq!(endpoint(&fips, "sts", "us-east-1"), "https://sts-fips.us-east-1.amazonaws.com");
    }

    #[test]
    fn roles_have_flux_s_form() {
        assert!(is_role("arn:aws:iam::123456789012:role/a/b") && is_role("arn:aws-us-gov:iam::1:role/x"));
        for bad in ["", "arn:aws:iam::1:user/x", "arn:aws:iam::x:role/x", "arn:aws:iam::1:role/", "aws:iam::1:role/x"] {
            assert!(!is_role(bad), "{bad}");
        }
    }
}
