use russh::Preferred;
use russh::kex::{self, ALL_KEX_ALGORITHMS};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use std::borrow::Cow;
use std::str::FromStr;

/// What is agreed on with a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub kex: KexAlgorithms,
    pub host_keys: HostKeyAlgorithms,
}

/// Key exchanges, the preferred one first. By default those of the library that are safe, and ECDH
/// over the NIST curves, which is all that some servers may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KexAlgorithms(Vec<kex::Name>);

/// Kinds of host keys, the preferred one first; a kind that is known for the host goes before it.
/// By default all but RSA with SHA-1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKeyAlgorithms(pub(super) Vec<Algorithm>);

/// Not algorithms: what the two sides tell each other besides.
const EXTENSIONS: [kex::Name; 2] = [kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT];

fn all_host_keys() -> [Algorithm; 7] {
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    let rsa = |hash| Algorithm::Rsa { hash };
    [
        Algorithm::Ed25519,
        ecdsa(EcdsaCurve::NistP256),
        ecdsa(EcdsaCurve::NistP384),
        ecdsa(EcdsaCurve::NistP521),
        rsa(Some(HashAlg::Sha512)),
        rsa(Some(HashAlg::Sha256)),
        rsa(None),
    ]
}

impl Default for HostKeyAlgorithms {
    fn default() -> Self {
        Self(all_host_keys().into_iter().filter(|kind| *kind != Algorithm::Rsa { hash: None }).collect())
    }
}

impl Default for KexAlgorithms {
    fn default() -> Self {
        let library = Preferred::DEFAULT.kex;
        let curves = [kex::ECDH_SHA2_NISTP256, kex::ECDH_SHA2_NISTP384, kex::ECDH_SHA2_NISTP521];
        let offered = library.iter().chain(&curves).filter(|name| ALL_KEX_ALGORITHMS.contains(name));
        Self(offered.copied().collect())
    }
}

/// A comma list, as the flag has it; an empty one means the default.
impl FromStr for KexAlgorithms {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known: Vec<kex::Name> =
            ALL_KEX_ALGORITHMS.iter().map(|name| **name).filter(|name| *name != kex::NONE).collect();
        let named = named(text, &known, |name| name.as_ref().to_owned(), "key exchange")?;
        Ok(if named.is_empty() { Self::default() } else { Self(named) })
    }
}

impl FromStr for HostKeyAlgorithms {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = named(text, &all_host_keys(), |kind| kind.as_str().to_owned(), "host key algorithm")?;
        Ok(if named.is_empty() { Self::default() } else { Self(named) })
    }
}

fn named<T: Clone + PartialEq>(
    text: &str,
    known: &[T],
    name: impl Fn(&T) -> String,
    what: &str,
) -> Result<Vec<T>, String> {
    let mut found = Vec::new();
    for wanted in text.split(',').map(str::trim).filter(|wanted| !wanted.is_empty()) {
        let Some(algorithm) = known.iter().find(|algorithm| name(algorithm) == wanted) else {
            let known: Vec<String> = known.iter().map(&name).collect();
            return Err(format!("'{wanted}' is not a known {what}; known are {}", known.join(", ")));
        };
        if !found.contains(algorithm) {
            found.push(algorithm.clone());
        }
    }
    Ok(found)
}

impl Options {
    /// What the library is told, for a host whose kinds of keys were put in order.
    pub(super) fn preferred(&self, host_keys: Vec<Algorithm>) -> Preferred {
        let kex = self.kex.0.iter().chain(&EXTENSIONS).copied().collect();
        Preferred { kex: Cow::Owned(kex), key: Cow::Owned(host_keys), ..Preferred::DEFAULT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_or_refused() {
        assert_eq!("".parse(), Ok(KexAlgorithms::default()));
        assert_eq!(" , ".parse(), Ok(HostKeyAlgorithms::default()));
        let kex: KexAlgorithms = "curve25519-sha256, ecdh-sha2-nistp256,curve25519-sha256".parse().expect("known");
        assert_eq!(kex.0, [kex::CURVE25519, kex::ECDH_SHA2_NISTP256]);
        let kinds: HostKeyAlgorithms = "rsa-sha2-256,ssh-rsa".parse().expect("known");
        assert_eq!(kinds.0, [Algorithm::Rsa { hash: Some(HashAlg::Sha256) }, Algorithm::Rsa { hash: None }]);
        let error = "none".parse::<KexAlgorithms>().expect_err("is no encryption");
        assert!(
            error.starts_with("'none' is not a known key exchange; known are mlkem768x25519-sha256, curve25519"),
            "{error}"
        );
        let error = "ssh-dss".parse::<HostKeyAlgorithms>().expect_err("is not supported");
        assert_eq!(
            error,
            "'ssh-dss' is not a known host key algorithm; known are ssh-ed25519, ecdsa-sha2-nistp256, \
             ecdsa-sha2-nistp384, ecdsa-sha2-nistp521, rsa-sha2-512, rsa-sha2-256, ssh-rsa"
        );
    }

    #[test]
    fn sha1_is_for_those_who_ask() {
        let Options { kex, host_keys } = Options::default();
        assert!(kex.0.iter().all(|name| !name.as_ref().ends_with("sha1")), "{kex:?}");
        assert!(!host_keys.0.contains(&Algorithm::Rsa { hash: None }));
        let preferred = Options::default().preferred(host_keys.0);
        assert!(EXTENSIONS.iter().all(|name| preferred.kex.contains(name)));
    }
}
