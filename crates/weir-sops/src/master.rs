//! The keys that a file's data key is encrypted with.

use std::collections::BTreeMap;

/// A key that can decrypt a data key, or a part of one: `enc` is that, encrypted, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterKey {
    Age {
        recipient: String,
        enc: String,
    },
    Pgp {
        fingerprint: String,
        enc: String,
        created_at: String,
    },
    /// AWS KMS; `role` is assumed and `profile` used by whoever asks, `context` goes into the request.
    AwsKms {
        arn: String,
        role: String,
        context: BTreeMap<String, String>,
        profile: String,
        enc: String,
        created_at: String,
    },
    GcpKms {
        resource: String,
        enc: String,
        created_at: String,
    },
    AzureKv {
        vault: String,
        name: String,
        version: String,
        enc: String,
        created_at: String,
    },
    /// HashiCorp Vault or OpenBao: a key of the transit engine.
    Vault {
        address: String,
        engine: String,
        key: String,
        enc: String,
        created_at: String,
    },
    /// Huawei Cloud; it can be read and kept, and nobody here can ask it.
    HuaweiKms {
        key: String,
        enc: String,
        created_at: String,
    },
}

impl MasterKey {
    /// What encrypts the data key here, as the file has it.
    pub fn enc(&self) -> &str {
        match self {
            MasterKey::Age { enc, .. }
            | MasterKey::Pgp { enc, .. }
            | MasterKey::AwsKms { enc, .. }
            | MasterKey::GcpKms { enc, .. }
            | MasterKey::AzureKv { enc, .. }
            | MasterKey::Vault { enc, .. }
            | MasterKey::HuaweiKms { enc, .. } => enc,
        }
    }

    pub(crate) fn set_enc(&mut self, text: String) {
        match self {
            MasterKey::Age { enc, .. }
            | MasterKey::Pgp { enc, .. }
            | MasterKey::AwsKms { enc, .. }
            | MasterKey::GcpKms { enc, .. }
            | MasterKey::AzureKv { enc, .. }
            | MasterKey::Vault { enc, .. }
            | MasterKey::HuaweiKms { enc, .. } => *enc = text,
        }
    }

    /// A service decrypts it: it can be asked for, not computed.
    pub fn is_remote(&self) -> bool {
        !matches!(self, MasterKey::Age { .. } | MasterKey::Pgp { .. })
    }

    /// Its public name, as sops prints it.
    pub fn name(&self) -> String {
        match self {
            MasterKey::Age { recipient, .. } => recipient.clone(),
            MasterKey::Pgp { fingerprint, .. } => fingerprint.clone(),
            MasterKey::AwsKms { arn, role, context, .. } => {
                let mut name = arn.clone();
                if !role.is_empty() {
                    name = format!("{name}+{role}");
                }
                if !context.is_empty() {
                    let pairs: Vec<String> = context.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                    name = format!("{name}|{}", pairs.join(","));
                }
                name
            }
            MasterKey::GcpKms { resource, .. } => resource.clone(),
            MasterKey::AzureKv { vault, name, version, .. } => format!("{vault}/keys/{name}/{version}"),
            MasterKey::Vault { address, engine, key, .. } => format!("{address}/v1/{engine}/keys/{key}"),
            MasterKey::HuaweiKms { key, .. } => key.clone(),
        }
    }

    /// Age first, then PGP, then the others in the file's order: `DefaultDecryptionOrder`.
    pub(crate) fn priority(&self) -> u8 {
        match self {
            MasterKey::Age { .. } => 0,
            MasterKey::Pgp { .. } => 1,
            _ => 2,
        }
    }
}
