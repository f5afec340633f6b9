//! Whose certificates are believed.

use crate::NetError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// The authorities of a client; each text is PEM with any number of certificates.
#[derive(Clone, Debug, Default)]
pub enum Roots {
    #[default]
    System,
    SystemAnd(Vec<u8>),
    Only(Vec<u8>),
}

impl Roots {
    pub(crate) fn config(&self) -> Result<ClientConfig, NetError> {
        let mut store = RootCertStore::empty();
        if !matches!(self, Roots::Only(_)) {
            // An image without certificates speaks http; https then fails with "unknown issuer".
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if let Roots::SystemAnd(pem) | Roots::Only(pem) = self {
            let bad = |message: String| NetError::Certificates { message };
            let mut count = 0;
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| bad(format!("{error:?}")))?;
                store.add(certificate).map_err(|error| bad(error.to_string()))?;
                count += 1;
            }
            if count == 0 {
                return Err(bad("there is no certificate in it".to_owned()));
            }
        }
        Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions of TLS")
            .with_root_certificates(store)
            .with_no_client_auth())
    }
}
