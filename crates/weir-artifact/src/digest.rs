//! Digests as OCI writes them: `ALGORITHM:HEX`.

use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// `--artifact-digest-algo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    Sha1,
    #[default]
    Sha256,
    Sha384,
    Sha512,
    Blake3,
}

impl Algorithm {
    pub const ALL: [Algorithm; 5] =
        [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512, Algorithm::Blake3];

    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
            Algorithm::Blake3 => "blake3",
        }
    }

    /// The algorithm of a name, or of a whole digest.
    pub fn of(text: &str) -> Option<Self> {
        let name = text.split_once(':').map_or(text, |(name, _)| name);
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// A digest in the making.
pub struct Hasher {
    algorithm: Algorithm,
    state: State,
}

enum State {
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Sha1 => State::Sha1(Sha1::new()),
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha384 => State::Sha384(Sha384::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
            Algorithm::Blake3 => State::Blake3(Box::new(blake3::Hasher::new())),
        };
        Self { algorithm, state }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Sha1(hash) => hash.update(bytes),
            State::Sha256(hash) => hash.update(bytes),
            State::Sha384(hash) => hash.update(bytes),
            State::Sha512(hash) => hash.update(bytes),
            State::Blake3(hash) => {
                hash.update(bytes);
            }
        }
    }

    /// `ALGORITHM:HEX`
    pub fn finish(self) -> String {
        let bytes: Vec<u8> = match self.state {
            State::Sha1(hash) => hash.finalize().to_vec(),
            State::Sha256(hash) => hash.finalize().to_vec(),
            State::Sha384(hash) => hash.finalize().to_vec(),
            State::Sha512(hash) => hash.finalize().to_vec(),
            State::Blake3(hash) => hash.finalize().as_bytes().to_vec(),
        };
        format!("{}:{}", self.algorithm.name(), weir_base::hex(&bytes))
    }
}

/// `sha256:HEX` of some bytes.
pub fn digest(bytes: &[u8]) -> String {
    digest_with(Algorithm::Sha256, bytes)
}

pub(crate) fn digest_with(algorithm: Algorithm, bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `sha1sum` and its sisters, and `b3sum`, print for `weir`.
    #[test]
    fn digests_are_those_of_the_standard_tools() {
        let expected = [
            "sha1:73359e52b959cf85f75158a9bf78501ee2c9f529",
            "sha256:9e1bd4e58bdc27cb9abf4c558b21963a3f3fb6b08c715e8e2bb6c795162994bc",
            "sha384:4280a353c5e16a22987b9c7955301f3eeef972b4bf445d276b987896295a00682ca975a5df98e735da8e227daed49b39",
            "sha512:f11512542fedc33dd3b3ba0c1a320447339703cc2f886818cad20b470a5646df9a178b5994fd506cf264d404046281f1\
             875f7d2317eb344e79896a71a0ccd7aa",
            "blake3:9b5363fa0f52d04a2e4055e9822e097ec9fa74f480289de3cd1e26f33ea9c849",
        ];
        for (algorithm, expected) in Algorithm::ALL.into_iter().zip(expected) {
            assert_eq!(digest_with(algorithm, b"weir"), expected);
        }
    }
}
