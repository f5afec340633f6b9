//! Verification of signatures on OCI artifacts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LocalObjectReference;
use crate::object::string_enum;

string_enum! {
    /// Signature scheme of OCI artifacts.
    pub enum VerificationProvider {
        /// Sigstore's cosign, with keys or keyless.
        #[default]
        Cosign = "cosign",
        /// The Notary Project's notation.
        Notation = "notation",
    }
}

/// Identity of a keyless signer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcIdentityMatch {
    /// Regular expression for the issuer in the signing certificate.
    pub issuer: String,
    /// Regular expression for the subject in the signing certificate.
    pub subject: String,
}

/// How to verify the signature of an OCI artifact or image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciVerification {
    /// Signature scheme. Default cosign.
    #[serde(default)]
    #[schemars(extend("x-default" = "cosign"))]
    pub provider: VerificationProvider,
    /// Secret with the trusted keys: `*.pub` for cosign, `trustpolicy.json` and certificates for notation. Without it cosign verifies keyless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Accepted keyless signers; one match is enough, an empty list accepts every identity.
    #[serde(rename = "matchOIDCIdentity", default, skip_serializing_if = "Vec::is_empty")]
    pub match_oidc_identity: Vec<OidcIdentityMatch>,
    /// Secret with the key `trusted_root.json` of a self-hosted Sigstore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_root_secret_ref: Option<LocalObjectReference>,
}
