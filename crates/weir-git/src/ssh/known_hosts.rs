//! OpenSSH's `known_hosts`: which keys a host is known by.

use super::address::DEFAULT_PORT;
use crate::GitError;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use russh::keys::{Algorithm, HashAlg, PublicKey};

/// What the lines about one host say.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// How the host stands in the file: `HOST`, or `[HOST]:PORT` where the port is not 22.
    name: String,
    trusted: Vec<PublicKey>,
    revoked: Vec<(usize, PublicKey)>,
    /// What would have mattered and was not used.
    notes: Vec<String>,
}

impl Known {
    pub fn look_up(text: &str, host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        let name = if port == DEFAULT_PORT { host.clone() } else { format!("[{host}]:{port}") };
        let mut known = Self { name, ..Self::default() };
        for (index, line) in text.lines().enumerate() {
            known.read(index + 1, line.trim(), &host);
        }
        known
    }

    fn read(&mut self, number: usize, line: &str, host: &str) {
        let (marker, line) = match line.strip_prefix('@') {
            Some(rest) => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
            None => ("", line),
        };
        let mut fields = line.split_whitespace();
        let Some(patterns) = fields.next().filter(|field| !field.starts_with('#')) else { return };
        if !matches(patterns, &self.name) {
            if self.name != host && marker.is_empty() && matches(patterns, host) {
                self.notes.push(format!("line {number} is for port {DEFAULT_PORT}"));
            }
            return;
        }
        let (kind, blob) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        match (marker, PublicKey::from_openssh(&format!("{kind} {blob}"))) {
            ("", Ok(key)) if !self.trusted.contains(&key) => self.trusted.push(key),
            ("", Ok(_)) => {}
            ("revoked", Ok(key)) => self.revoked.push((number, key)),
            ("cert-authority", _) => self.notes.push(format!("line {number}, a @cert-authority, is not used")),
            ("" | "revoked", Err(_)) => self.notes.push(format!("line {number} holds no readable key")),
            (marker, _) => self.notes.push(format!("line {number} has the unknown marker @{marker}")),
        }
    }

    /// The algorithms, those first whose kind of key is known, as OpenSSH asks for them.
    pub fn ordered(&self, algorithms: &[Algorithm]) -> Vec<Algorithm> {
        let is_known = |algorithm: &&Algorithm| self.trusted.iter().any(|key| same_kind(&key.algorithm(), algorithm));
        let (known, others): (Vec<_>, Vec<_>) = algorithms.iter().partition(is_known);
        known.into_iter().chain(others).cloned().collect()
    }

    /// Whether the host is who we know under its name.
    pub fn check(&self, offered: &PublicKey) -> Result<(), GitError> {
        let same = |key: &PublicKey| key.key_data() == offered.key_data();
        let revoked = self.revoked.iter().find(|(_, key)| same(key));
        if revoked.is_none() && self.trusted.iter().any(same) {
            return Ok(());
        }
        let known = match revoked {
            Some((number, _)) => format!("this key as @revoked, in line {number}"),
            None => self.to_string(),
        };
        Err(GitError::HostKey { host: self.name.clone(), offered: shown(offered), known })
    }
}

impl std::fmt::Display for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<String> = self.trusted.iter().map(shown).collect();
        let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
        let notes = if self.notes.is_empty() { String::new() } else { format!(" ({})", self.notes.join("; ")) };
        write!(f, "{keys}{notes}")
    }
}

/// Kind and fingerprint, as `ssh-keygen -l` shows them.
pub(super) fn shown(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm().as_str(), key.fingerprint(HashAlg::Sha256))
}

/// RSA is one kind, whatever it signs with.
pub(super) fn same_kind(one: &Algorithm, other: &Algorithm) -> bool {
    match (one, other) {
        (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
        (one, other) => one == other,
    }
}

/// Whether the first field of a line is about this host.
fn matches(patterns: &str, name: &str) -> bool {
    if let Some(hashed) = patterns.strip_prefix("|1|") {
        return matches_hash(hashed, name).unwrap_or(false);
    }
    let mut found = false;
    for pattern in patterns.split(',').filter(|pattern| !pattern.is_empty()) {
        match pattern.strip_prefix('!') {
            Some(pattern) if like(pattern, name) => return false,
            Some(_) => {}
            None => found = found || like(pattern, name),
        }
    }
    found
}

fn matches_hash(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let (salt, hash) = (STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?);
    // What the format prescribes.
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    Some(hmac::verify(&key, name.as_bytes(), &hash).is_ok())
}

/// `*` for any text and `?` for one character, whatever the case.
fn like(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.as_bytes());
    let pattern = pattern.as_bytes();
    let (mut p, mut n) = (0, 0);
    // Where to go on when what follows the last star does not fit.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match (pattern.get(p), star) {
            (Some(b'*'), _) => {
                star = Some((p, n));
                p += 1;
            }
            (Some(c), _) if *c == b'?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            (_, Some((at, taken))) => {
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
            (_, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_base::Diagnose;

    const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINVfQlNDfMqcbr5TAXaarCFPa25/qlCaq8z7zk+5nTJP";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJUJfm/4i1XNPpfFZU/zel57nLP7Cu0OD3ib+dAq1hZ+";

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).expect("a key")
    }

    fn knows(text: &str, host: &str, port: u16) -> bool {
        Known::look_up(text, host, port).check(&key(ED)).is_ok()
    }

    #[test]
    fn lines_are_found_by_host_and_port() {
        let cases = [
            ("example.com", "example.com", 22, true),
            ("Example.COM", "EXAMPLE.com", 22, true),
            ("a,example.com,b", "example.com", 22, true),
            ("example.com", "example.com", 2222, false),
            ("[example.com]:2222", "example.com", 2222, true),
            ("[example.com]:2222", "example.com", 22, false),
            ("[::1]:2222", "::1", 2222, true),
            ("*.example.com", "git.example.com", 22, true),
            ("*.example.com", "example.com", 22, false),
            ("[*.example.com]:2222", "git.example.com", 2222, true),
            ("ex?mple.*", "example.com", 22, true),
            ("*", "example.com", 2222, true),
            ("*.example.com,!git.example.com", "git.example.com", 22, false),
            ("!git.example.com,*.example.com", "www.example.com", 22, true),
            ("!example.com", "other.com", 22, false),
            ("#example.com", "example.com", 22, false),
            ("|1|zK0YxFQmnqL9sYgoZ1G0k3vqvMA=|not base64|", "example.com", 22, false),
        ];
        for (patterns, host, port, expect) in cases {
            assert_eq!(
                knows(&format!("# a comment\n\n  {patterns}  {ED} comment\n"), host, port),
                expect,
                "{patterns}"
            );
        }
    }

    fn told(text: &str, host: &str, port: u16) -> String {
        Known::look_up(text, host, port).check(&key(OTHER)).expect_err("is not known").report().to_string()
    }

    #[test]
    fn what_is_known_is_said() {
        let message = told("", "example.com", 22);
        assert!(message.contains("known for it: none (put"), "{message}");
        let message =
            told(&format!("example.com {ED}\n@cert-authority *.com {ED}\nexample.com ssh-rsa x"), "example.com", 22);
        let fingerprint = shown(&key(ED));
        let expect = format!(
            "known for it: {fingerprint} (line 2, a @cert-authority, is not used; line 3 holds no readable key)"
        );
        assert!(message.contains(&expect), "{message}");
        let message = told(&format!("example.com {OTHER}"), "example.com", 2222);
        assert!(
            message.starts_with("the host key of [example.com]:2222 ")
                && message.contains("none (line 1 is for port 22)"),
            "{message}"
        );
        let message = told(&format!("* {OTHER}\n@revoked * {OTHER}"), "example.com", 22);
        assert!(message.contains("known for it: this key as @revoked, in line 2"), "{message}");
    }

    #[test]
    fn kinds_of_known_keys_are_asked_for_first() {
        let all = [
            Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
            Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
            Algorithm::Ed25519,
        ];
        let known = Known::look_up(&format!("example.com {ED}"), "example.com", 22);
        assert_eq!(known.ordered(&all)[0], Algorithm::Ed25519);
        assert_eq!(known.ordered(&all).len(), 3);
        assert_eq!(Known::default().ordered(&all), all);
    }
}
