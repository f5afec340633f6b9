//! Shamir's secret sharing over GF(2^8), as HashiCorp Vault's: a part is the values of the polynomials and, as its last
//! byte, the place that they were taken at.

use zeroize::Zeroizing;

pub(crate) type Part = Zeroizing<Vec<u8>>;

/// In the field of AES's polynomial, without branches on what is secret.
fn mul(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    for _ in 0..8 {
        product ^= (b & 1).wrapping_neg() & a;
        let carry = (a >> 7).wrapping_neg();
        a = (a << 1) ^ (0x1B & carry);
        b >>= 1;
    }
    product
}

/// a^254.
fn inverse(a: u8) -> u8 {
    (0..6).fold(mul(a, a), |power, _| mul(mul(power, a), mul(power, a)))
}

/// Puts a secret together again from enough parts; with too few the result is another secret.
pub(crate) fn combine(parts: &[Part]) -> Result<Part, &'static str> {
    let [first, ..] = parts else { return Err("no part of it is there") };
    if parts.len() < 2 {
        return Err("less than two parts cannot be used to put it together");
    }
    if first.len() < 2 || parts.iter().any(|part| part.len() != first.len()) {
        return Err("its parts are not of the same length");
    }
    let places: Vec<u8> = parts.iter().filter_map(|part| part.last().copied()).collect();
    if places.iter().enumerate().any(|(at, place)| places[..at].contains(place)) {
        return Err("two of its parts are the same");
    }
    // The value of each polynomial at 0, by Lagrange's formula.
    let weights: Vec<u8> = places
        .iter()
        .map(|own| {
            let others = places.iter().filter(|other| *other != own);
            others.fold(1, |weight, other| mul(weight, mul(*other, inverse(own ^ other))))
        })
        .collect();
    let length = first.len() - 1;
    let mut secret = Zeroizing::new(vec![0; length]);
    for (at, byte) in secret.iter_mut().enumerate() {
        *byte = parts.iter().zip(&weights).fold(0, |sum, (part, weight)| sum ^ mul(part[at], *weight));
    }
    Ok(secret)
}

/// Cuts a secret into `count` parts, of which any `threshold` restore it; both from 2 to 255.
pub(crate) fn split(
    secret: &[u8],
    count: usize,
    threshold: usize,
    random: &mut dyn FnMut(&mut [u8]),
) -> Option<Vec<Part>> {
    if !(2..=255).contains(&count) || !(2..=count).contains(&threshold) || secret.is_empty() {
        return None;
    }
    // Places in random order, so that a part does not tell which group it is of.
    let mut places: Vec<u8> = (1..=255).collect();
    let mut dice = vec![0; count * 4];
    random(&mut dice);
    for (at, die) in dice.chunks_exact(4).enumerate() {
        let die = die.iter().fold(0u32, |n, b| (n << 8) | u32::from(*b)) as usize;
        let other = at + die % (places.len() - at);
        places.swap(at, other);
    }
    let mut parts: Vec<Part> = (0..count).map(|_| Zeroizing::new(Vec::with_capacity(secret.len() + 1))).collect();
    let mut slopes = Zeroizing::new(vec![0; threshold - 1]);
    for byte in secret {
        random(&mut slopes);
        for (part, place) in parts.iter_mut().zip(&places) {
            let value = slopes.iter().rev().fold(0, |value, slope| mul(value ^ slope, *place));
            part.push(value ^ byte);
        }
    }
    for (part, place) in parts.iter_mut().zip(&places) {
        part.push(*place);
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_threshold_of_parts_restores_the_secret() {
        let mut state = 1u32;
        let mut random = |bytes: &mut [u8]| {
            for byte in bytes {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (state >> 24) as u8;
            }
        };
        let secret: Vec<u8> = (0..32).collect();
        let parts = split(&secret, 5, 3, &mut random).expect("in range");
        for chosen in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
            let chosen: Vec<Part> = chosen.iter().map(|at| parts[*at].clone()).collect();
            assert_eq!(combine(&chosen).as_deref(), Ok(&secret));
        }
        assert_ne!(combine(&parts[..2]).as_deref(), Ok(&secret));
        assert!(combine(&[parts[0].clone(), parts[0].clone()]).is_err());
        assert!((1..=255).all(|a| mul(a, inverse(a)) == 1));
    }
}
