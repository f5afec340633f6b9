//! Private keys from where sops looks for them, and from files of OpenPGP keys, since no gpg is asked.

use super::failed;
use crate::error::CliError;
use clap::Args;
use std::path::{Path, PathBuf};
use weir_sops::Keyring;

#[derive(Args)]
pub struct Keys {
    /// A file of OpenPGP keys, private or public, armored or not; may be given more than once. gpg's keyring is not
    /// read: `gpg --armor --export-secret-keys` writes such a file.
    #[arg(long = "pgp-key-file", value_name = "FILE")]
    pgp_key_files: Vec<PathBuf>,
    /// Age identities, one a line or separated by spaces.
    #[arg(long, env = "SOPS_AGE_KEY", hide_env_values = true, hide = true)]
    sops_age_key: Option<String>,
    /// A file of age identities.
    #[arg(long = "age-key-file", env = "SOPS_AGE_KEY_FILE", value_name = "FILE")]
    age_file: Option<PathBuf>,
    /// A private SSH key without a passphrase.
    #[arg(long = "age-ssh-private-key-file", env = "SOPS_AGE_SSH_PRIVATE_KEY_FILE", value_name = "FILE")]
    ssh_file: Option<PathBuf>,
}

impl Keys {
    /// Every key that can be found. What was named has to be right; what lies where keys usually lie is taken if it is.
    pub fn keyring(&self) -> Result<Keyring, CliError> {
        let mut keyring = Keyring::new();
        if let Some(file) = &self.ssh_file {
            keyring.add_ssh(&file.display().to_string(), &read(file)?)?;
        }
        if let Some(keys) = self.sops_age_key.as_deref().filter(|keys| !keys.trim().is_empty()) {
            let lines: Vec<&str> = keys.lines().filter(|line| !line.starts_with('#')).collect();
            let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
            keyring.add_age("SOPS_AGE_KEY", words.join("\n").as_bytes())?;
        }
        if let Some(file) = &self.age_file {
            keyring.add_age(&file.display().to_string(), &read(file)?)?;
        }
        for file in &self.pgp_key_files {
            let (name, text) = (file.display().to_string(), read(file)?);
            if keyring.add_pgp_certificate(&name, &text).is_err() {
                keyring.add_pgp(&name, &text)?;
            }
        }
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| home.as_ref().map(|home| home.join(".config")));
        if let Some(text) = config.and_then(|config| std::fs::read(config.join("sops/age/keys.txt")).ok()) {
            keyring.add_age("sops/age/keys.txt", &text)?;
        }
        for name in ["id_ed25519", "id_rsa"] {
            let text = home.as_ref().and_then(|home| std::fs::read(home.join(".ssh").join(name)).ok());
            if let Some(text) = text {
                // A key with a passphrase is no mistake there.
                let _ = keyring.add_ssh(name, &text);
            }
        }
        Ok(keyring)
    }
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(file).map_err(|error| failed(file, "read", &error))
}
