use std::sync::Arc;

/// A certificate authority for one test, and what it has signed.
pub struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    /// Its own certificate, as PEM.
    pub pem: String,
    root: rustls::pki_types::CertificateDer<'static>,
}

impl Authority {
    pub fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let (pem, root) = (certificate.pem(), certificate.der().clone());
        Self { issuer: rcgen::Issuer::new(params, key), pem, root }
    }

    fn signed(&self, name: &str) -> (rcgen::Certificate, rcgen::KeyPair) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// Certificate and key of a client, as PEM.
    pub fn client(&self) -> (String, String) {
        let (certificate, key) = self.signed("client");
        (certificate.pem(), key.serialize_pem())
    }

    /// A server on 127.0.0.1 that wants to see a certificate of ours.
    pub fn server(&self) -> Arc<rustls::ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        self.serving("127.0.0.1", clients.build().unwrap())
    }

    /// A server on 127.0.0.1 for anybody.
    pub fn open_server(&self) -> Arc<rustls::ServerConfig> {
        self.open_server_called("127.0.0.1")
    }

    /// The same under another name.
    pub fn open_server_called(&self, name: &str) -> Arc<rustls::ServerConfig> {
        self.serving(name, rustls::server::WebPkiClientVerifier::no_client_auth())
    }

    fn serving(
        &self,
        name: &str,
        clients: Arc<dyn rustls::server::danger::ClientCertVerifier>,
    ) -> Arc<rustls::ServerConfig> {
        let (certificate, key) = self.signed(name);
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.unwrap())
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
