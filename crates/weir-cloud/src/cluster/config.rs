use crate::CloudError;
use std::collections::BTreeMap;

/// Whose cluster it is: the `provider` of the ConfigMap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    Aws,
    Azure,
    Gcp,
    /// Any that believes the issuer of this cluster's tokens.
    Generic,
}

/// What the ConfigMap of `spec.kubeConfig.configMapRef` says; an empty text is an absent one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    pub provider: Provider,
    /// The cluster's name at its cloud.
    pub cluster: String,
    pub address: String,
    /// PEM.
    pub ca: String,
    pub audiences: Vec<String>,
    /// The ServiceAccount that asks, in the ConfigMap's namespace.
    pub service_account: Option<String>,
}

impl ClusterConfig {
    pub fn read(data: &BTreeMap<String, String>) -> Result<Self, CloudError> {
        let text = |key: &str| data.get(key).cloned().unwrap_or_default();
        let provider = match text("provider").as_str() {
            "aws" => Provider::Aws,
            "azure" => Provider::Azure,
            "gcp" => Provider::Gcp,
            "generic" => Provider::Generic,
            other => {
                let message = format!("provider '{}' not implemented", crate::error::shown(other));
                return Err(CloudError::cluster(message).with_remedy("it is one of aws, azure, gcp and generic"));
            }
        };
        let audiences =
            text("audiences").lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        Ok(Self {
            provider,
            cluster: text("cluster"),
            address: text("address"),
            ca: text("ca.crt"),
            audiences,
            service_account: Some(text("serviceAccountName")).filter(|name| !name.is_empty()),
        })
    }

    /// The address, in the form in which addresses are compared.
    pub(crate) fn canonical_address(&self) -> Result<Option<String>, CloudError> {
        if self.address.is_empty() {
            return Ok(None);
        }
        canonical(&self.address).map(Some)
    }
}

/// `https://HOST:PORT` in lower case, of an address with or without scheme and port.
pub(crate) fn canonical(address: &str) -> Result<String, CloudError> {
    let shown = crate::error::shown(address);
    let full = if address.starts_with("http") { address.to_owned() } else { format!("https://{address}") };
    let failed = || CloudError::cluster(format!("failed to parse Kubernetes API server address '{shown}'"));
    let uri: http::Uri = full.parse().map_err(|_| failed())?;
    if uri.scheme_str() != Some("https") {
        return Err(CloudError::cluster(format!("the Kubernetes API server address '{shown}' must use https scheme")));
    }
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(failed)?;
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(failed());
    }
    Ok(format!("https://{}:{}", host.to_lowercase(), uri.port_u16().unwrap_or(443)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_as_in_flux() {
        let rows = [
            ("https://example.com:443", Ok("https://example.com:443")),
            ("example.com", Ok("https://example.com:443")),
            ("EXAMPLE.COM:8080", Ok("https://example.com:8080")),
            ("34.44.60.80", Ok("https://34.44.60.80:443")),
            ("[2001:DB8::1]", Ok("https://[2001:db8::1]:443")),
            ("------------\t", Err("failed to parse")),
            ("http://example.com:443", Err("must use https scheme")),
            ("https://user@example.com", Err("failed to parse")),
        ];
        for (address, expected) in rows {
            match (canonical(address), expected) {
                (Ok(own), Ok(expected)) => assert_eq!(own, expected),
                (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
                (own, _) => panic!("{address}: {own:?}"),
            }
        }
    }

    #[test]
    fn the_map_is_read_and_an_unknown_provider_is_told_as_flux_tells_it() {
        let read = |pairs: &[(&str, &str)]| {
            ClusterConfig::read(&pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
        };
        let config = read(&[("provider", "generic"), ("audiences", " a \n\nb\n"), ("serviceAccountName", "x")])
            .expect("a config");
        assert_eq!(
            (config.audiences, config.service_account.as_deref()),
            (vec!["a".to_owned(), "b".to_owned()], Some("x"))
        );
        assert_eq!(read(&[("provider", "x")]).expect_err("refused").to_string(), "provider 'x' not implemented");
        assert_eq!(read(&[]).expect_err("refused").to_string(), "provider '' not implemented");
    }
}
