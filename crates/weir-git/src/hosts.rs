//! What can be said of a URL's host by looking at it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether a host is an address that clouds keep for their metadata: link-local ones, and their names.
pub(crate) fn is_metadata(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => is_metadata_v4(address),
        Ok(IpAddr::V6(address)) => {
            const AWS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
            address.is_unicast_link_local() || address == AWS || address.to_ipv4_mapped().is_some_and(is_metadata_v4)
        }
        Err(_) => matches!(host.as_str(), "metadata" | "metadata.google.internal" | "instance-data"),
    }
}

fn is_metadata_v4(address: Ipv4Addr) -> bool {
    // The last is Alibaba's.
    address.is_link_local() || address == Ipv4Addr::new(100, 100, 100, 200)
}

/// The host in what follows `://`.
pub(crate) fn host_of(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

/// Scheme, host and port of a URL: who is spoken to.
pub(crate) fn authority(url: &str) -> Option<(&str, String, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let usual = match scheme {
        "https" => 443,
        "http" => 80,
        "ssh" => 22,
        _ => return None,
    };
    let host = host_of(rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').filter(|(before, port)| before.ends_with(host) && !port.contains(']'));
    let port = port.map_or(Some(usual), |(_, port)| port.parse().ok())?;
    Some((scheme, host.to_ascii_lowercase(), port))
}

pub(crate) fn percent_decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = (byte == b'%').then(|| after.get(..2)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                rest = &after[2..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_addresses_are_known() {
        for host in
            ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "fd00:ec2::254", "Metadata.google.internal."]
        {
            assert!(is_metadata(host), "{host}");
        }
        for host in ["127.0.0.1", "example.com", "[::1]", "10.0.0.1"] {
            assert!(!is_metadata(host), "{host}");
        }
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(percent_decoded("a%40b%2"), "a@b%2");
    }
}
