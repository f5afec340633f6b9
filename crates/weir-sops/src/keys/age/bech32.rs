//! Bech32, without its limit of 90 characters, as age uses it for keys.

use zeroize::Zeroizing;

const CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

fn polymod(state: u32, value: u8) -> u32 {
    let top = state >> 25;
    let state = ((state & 0x01FF_FFFF) << 5) ^ u32::from(value);
    let generators = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    generators
        .iter()
        .enumerate()
        .fold(state, |state, (bit, generator)| if top >> bit & 1 == 1 { state ^ generator } else { state })
}

fn checksum(hrp: &str, data: impl Iterator<Item = u8>) -> u32 {
    let high = hrp.bytes().map(|b| b >> 5);
    let low = hrp.bytes().map(|b| b & 31);
    high.chain([0]).chain(low).chain(data).fold(1, polymod)
}

/// The bytes of a text that begins with `hrp` and `1`; all of it in one case, which is the one of `hrp`.
pub(crate) fn decode(hrp: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let rest = text.strip_prefix(hrp)?.strip_prefix('1')?;
    let upper = hrp.bytes().any(|b| b.is_ascii_uppercase());
    let mut values = Zeroizing::new(Vec::with_capacity(rest.len()));
    for byte in rest.bytes() {
        if if upper { byte.is_ascii_lowercase() } else { byte.is_ascii_uppercase() } {
            return None;
        }
        let lower = byte.to_ascii_lowercase();
        values.push(CHARSET.iter().position(|c| *c == lower)? as u8);
    }
    if values.len() < 6 || checksum(&hrp.to_ascii_lowercase(), values.iter().copied()) != 1 {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(values.len() * 5 / 8));
    let (mut bits, mut held) = (0u32, 0);
    for value in &values[..values.len() - 6] {
        bits = (bits << 5) | u32::from(*value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    (held < 5 && bits == 0).then_some(bytes)
}

pub(crate) fn encode(hrp: &str, bytes: &[u8]) -> String {
    let mut values = Vec::with_capacity(bytes.len() * 8 / 5 + 7);
    let (mut bits, mut held) = (0u32, 0);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            values.push((bits >> held & 31) as u8);
            bits &= (1 << held) - 1;
        }
    }
    if held > 0 {
        values.push((bits << (5 - held) & 31) as u8);
    }
    let sum = checksum(hrp, values.iter().copied().chain([0; 6])) ^ 1;
    values.extend((0..6).rev().map(|at| (sum >> (5 * at) & 31) as u8));
    let text: String = values.iter().map(|value| char::from(CHARSET[usize::from(*value)])).collect();
    format!("{hrp}1{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for length in [0, 1, 31, 32, 33, 1216] {
            let bytes: Vec<u8> = (0..length).map(|n| (n * 7) as u8).collect();
            let text = encode("age", &bytes);
            assert_eq!(decode("age", &text).as_deref(), Some(&bytes));
            assert_eq!(decode("age", &text.replacen('1', "1q", 1)), None);
        }
        assert_eq!(decode("AGE-SECRET-KEY-", "AGE-SECRET-KEY-1q"), None);
    }
}
