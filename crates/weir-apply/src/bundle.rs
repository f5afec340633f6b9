//! Certificate bundles that stand in a definition for one that is put there later.
//!
//! Tools that inject certificates need the field to be theirs, and a definition with a bundle that no
//! server can use is never established. So such a placeholder is not sent, as in Flux.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use weir_doc::Node;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
const SEQUENCE: u8 = 0x30;

/// Removes the bundle of a definition's conversion webhook where it cannot be used.
pub(crate) fn without_placeholder(definition: &mut Node) {
    let client = definition.path_mut(&["spec", "conversion", "webhook", "clientConfig"]).and_then(Node::as_map_mut);
    if let Some(client) = client
        && client.get("caBundle").and_then(Node::as_str).is_some_and(|bundle| !is_usable(bundle))
    {
        client.remove("caBundle");
    }
}

fn is_usable(bundle: &str) -> bool {
    let Some(text) = decoded(bundle) else { return false };
    let text = String::from_utf8_lossy(&text);
    text.is_empty()
        || text.split(BEGIN).skip(1).any(|block| {
            let body = block.split(END).next().unwrap_or_default();
            decoded(body).is_some_and(|der| is_certificate(&der))
        })
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text.split_ascii_whitespace().collect::<String>()).ok()
}

/// By its frame: a sequence that fills it and begins with a sequence. The server looks closer.
fn is_certificate(der: &[u8]) -> bool {
    let [SEQUENCE, length, rest @ ..] = der else { return false };
    let long = usize::from(length & 0x7f);
    let (length, content) = match (length & 0x80, rest) {
        (0, content) => (long, content),
        (_, rest) if (1..=4).contains(&long) && rest.len() >= long => {
            let (bytes, content) = rest.split_at(long);
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), content)
        }
        _ => return false,
    };
    content.len() == length && content.first() == Some(&SEQUENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(der: &[u8]) -> String {
        BASE64_STANDARD.encode(format!("{BEGIN}\n{}\n{END}\n", BASE64_STANDARD.encode(der)))
    }

    #[test]
    fn placeholders_are_known() {
        for usable in ["", &pem(&[SEQUENCE, 2, SEQUENCE, 0])] {
            assert!(is_usable(usable), "{usable}");
        }
        for placeholder in ["Cg==", "inject me", &pem(b"abc"), &pem(&[SEQUENCE, 3, SEQUENCE, 0]), &pem(&[SEQUENCE])] {
            assert!(!is_usable(placeholder), "{placeholder}");
        }
    }
}
