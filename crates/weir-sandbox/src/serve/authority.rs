//! The sandbox's own certificate authority.

use crate::error::SandboxError;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::net::IpAddr;
use std::sync::Arc;
use weir_base::Secret;

pub(crate) struct Authority {
    certificate: String,
    key: Secret<String>,
    port: Option<u16>,
}

fn failed(error: impl std::fmt::Display) -> SandboxError {
    SandboxError::Certificates(error.to_string())
}

impl Authority {
    pub fn generate() -> Result<Self, SandboxError> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "weir-sandbox-ca");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).map_err(failed)?.pem();
        Ok(Authority { certificate, key: Secret::new(key.serialize_pem()), port: None })
    }

    pub fn load(certificate: &str, key: &str) -> Result<Self, SandboxError> {
        KeyPair::from_pem(key).map_err(failed)?;
        Ok(Authority { certificate: certificate.to_owned(), key: Secret::new(key.to_owned()), port: None })
    }

    pub fn with_port(mut self, port: Option<u16>) -> Self {
        self.port = port;
        self
    }

    pub fn port(&self) -> Option<u16> {
        self.port
    }

    pub fn ca_pem(&self) -> &str {
        &self.certificate
    }

    pub fn key_pem(&self) -> &str {
        self.key.expose()
    }

    /// A server's configuration with a certificate for loopback and one address.
    pub fn server_config(&self, address: IpAddr) -> Result<Arc<rustls::ServerConfig>, SandboxError> {
        let ca_key = KeyPair::from_pem(self.key.expose()).map_err(failed)?;
        // The issuer needs the name and the key of the CA only; both are as in its certificate.
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "weir-sandbox-ca");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().map_err(failed)?;
        let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(str::to_owned);
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, "weir-sandbox");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let loopback =
            [IpAddr::from([127, 0, 0, 1]), IpAddr::from(std::net::Ipv6Addr::LOCALHOST), IpAddr::from([10, 96, 0, 1])];
        params.subject_alt_names.extend(loopback.map(SanType::IpAddress));
        if !loopback.contains(&address) {
            params.subject_alt_names.push(SanType::IpAddress(address));
        }
        let certificate = params.signed_by(&key, &issuer).map_err(failed)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .map_err(failed)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
