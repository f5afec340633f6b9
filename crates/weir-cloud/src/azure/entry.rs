//! The entry `sops.azure-kv` of a decryption Secret.

use crate::CloudError;
use crate::fields::Fields;
use crate::identity::SecretText;
use crate::jwt::rsa_key;
use aws_lc_rs::rsa::KeyPair;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use weir_base::Secret;

/// Who somebody is to Entra ID.
pub(crate) enum Entry {
    Secret {
        tenant: String,
        client: String,
        secret: SecretText,
        authority: Option<String>,
    },
    Certificate {
        tenant: String,
        client: String,
        certificate: Box<Certificate>,
        authority: Option<String>,
    },
    /// A user-assigned identity of the machine.
    Managed {
        client: String,
    },
}

pub(crate) struct Certificate {
    /// The first is that of the key.
    pub chain: Vec<CertificateDer<'static>>,
    pub key: KeyPair,
    pub sends_chain: bool,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Entry::Secret { .. } => "client secret",
            Entry::Certificate { .. } => "client certificate",
            Entry::Managed { .. } => "managed identity",
        })
    }
}

impl Entry {
    /// In the order of Flux: a secret, a certificate, the form of `az ad sp create-for-rbac`, a managed identity.
    pub fn read(entry: &str, bytes: &[u8]) -> Result<Self, CloudError> {
        let fields = Fields::read(entry, bytes)?;
        let plain = |name| fields.text(name).map(|text| text.to_string());
        let (tenant, client) = (plain("tenantId")?, plain("clientId")?);
        let secret = fields.text("clientSecret")?;
        let pem = fields.text("clientCertificate")?;
        let authority = Some(plain("authorityHost")?).filter(|host| !host.is_empty());
        if let Some(host) = &authority {
            check_authority(entry, host)?;
        }
        if !tenant.is_empty() && !client.is_empty() {
            check_tenant(entry, &tenant)?;
            if !secret.is_empty() {
                return Ok(Entry::Secret { tenant, client, secret: Secret::new(secret), authority });
            }
            if !pem.is_empty() {
                if !fields.text("clientCertificatePassword")?.is_empty() {
                    return Err(CloudError::entry(entry, "a certificate that needs a password cannot be read").with_remedy(
                        "leave out clientCertificatePassword and write certificate and key as PEM without a password",
                    ));
                }
                let sends_chain = fields.flag("clientCertificateSendChain")?;
                let certificate = Certificate::read(entry, pem.as_bytes(), sends_chain)?;
                return Ok(Entry::Certificate { tenant, client, certificate: Box::new(certificate), authority });
            }
        }
        let (app, az_tenant, password) = (plain("appId")?, plain("tenant")?, fields.text("password")?);
        if !az_tenant.is_empty() && !app.is_empty() && !password.is_empty() {
            check_tenant(entry, &az_tenant)?;
            return Ok(Entry::Secret { tenant: az_tenant, client: app, secret: Secret::new(password), authority });
        }
        if !client.is_empty() {
            return Ok(Entry::Managed { client });
        }
        Err(CloudError::entry(
            entry,
            "invalid data: requires a 'clientId' field, a combination of 'tenantId', 'clientId' and 'clientSecret', or \
             'tenantId', 'clientId' and 'clientCertificate'",
        ))
    }
}

impl Certificate {
    pub fn read(entry: &str, pem: &[u8], sends_chain: bool) -> Result<Self, CloudError> {
        let bad = |message: &str| CloudError::entry(entry, format!("the client certificate cannot be used: {message}"));
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| bad("it is not PEM"))?;
        if chain.is_empty() {
            return Err(bad("found no certificate"));
        }
        let key = rsa_key(pem).map_err(|why| bad(&why))?;
        Ok(Self { chain, key, sends_chain })
    }
}

/// A tenant is a part of an address.
pub(crate) fn check_tenant(entry: &str, tenant: &str) -> Result<(), CloudError> {
    let is_one = tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    if is_one && tenant.bytes().any(|byte| byte != b'.') {
        return Ok(());
    }
    Err(CloudError::entry(entry, "the tenant has to be an ID or a domain: letters, digits, '.' and '-'"))
}

/// Credentials go to a named host over https, never to an address that is written out.
pub(crate) fn check_authority(entry: &str, host: &str) -> Result<(), CloudError> {
    let uri = host.parse::<http::Uri>().ok();
    let is_one = uri.is_some_and(|uri| {
        let name = uri.host().unwrap_or_default();
        uri.scheme_str() == Some("https")
            && name.contains(|c: char| c.is_ascii_alphabetic())
            && !name.starts_with('[')
            && uri.query().is_none()
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    });
    if is_one {
        return Ok(());
    }
    Err(CloudError::entry(entry, "the authority's host has to be a URL such as https://login.microsoftonline.com/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> String {
        match Entry::read("sops.azure-kv", text.as_bytes()) {
            Ok(entry) => format!("{entry:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_form_of_flux_is_read() {
        assert_eq!(kind("tenantId: t\nclientId: c\nclientSecret: s"), "client secret");
        assert_eq!(kind(r#"{"appId": "a", "tenant": "t", "password": "p"}"#), "client secret");
        assert_eq!(kind("clientId: c"), "managed identity");
        // What is not complete falls through to the next form.
        assert_eq!(kind("tenantId: t\nclientId: c"), "managed identity");
        assert!(kind(r#"{"authorityHost": "https://example.com"}"#).contains("requires a 'clientId' field"));
        assert!(kind("some string").contains("fields were expected"));
        // UTF-16, as PowerShell writes it.
        let mut wide = vec![0xff, 0xfe];
        wide.extend("clientId: c".encode_utf16().flat_map(u16::to_le_bytes));
        assert!(matches!(Entry::read("e", &wide), Ok(Entry::Managed { client }) if client == "c"));
    }

    #[test]
    fn what_would_lead_elsewhere_is_refused() {
        for host in
            ["http://login.microsoftonline.com", "https://169.254.169.254/", "https://[fe80::1]/", "https://a@b/", "b"]
        {
            assert!(
                kind(&format!("tenantId: t\nclientId: c\nclientSecret: s\nauthorityHost: '{host}'"))
                    .contains("authority"),
                "{host}"
            );
        }
        assert!(kind("tenantId: a/../b\nclientId: c\nclientSecret: s").contains("tenant"));
        assert!(kind("tenantId: t\nclientId: c\nclientCertificate: hunter2").contains("found no certificate"));
        assert!(
            kind("tenantId: t\nclientId: c\nclientCertificate: x\nclientCertificatePassword: y").contains("password")
        );
    }
}
