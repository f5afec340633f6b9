//! Which addresses may be spoken to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where a URL that a stranger wrote may lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere: the URL is the user's own, or an administrator's.
    #[default]
    Anywhere,
    /// Not to this machine and not to what only it sees: loopback, link-local and metadata addresses. Behind a proxy, which looks
    /// names up, this holds for addresses that are written out.
    Outside,
}

/// What is said of a host that may not be spoken to, after its name.
pub const INSIDE: &str = "leads to a loopback, link-local or metadata address, which is not allowed here";

impl Reach {
    /// Whether a host may be named; one that is a name is looked at again when it is resolved.
    pub fn allows(self, host: &str) -> bool {
        self == Reach::Anywhere || !is_inside(host)
    }

    /// The addresses of a host, if all of them may be used: which one is taken is not known beforehand.
    ///
    /// # Errors
    /// The name has no address, or one that may not be used.
    pub async fn resolve(self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        let is_allowed = |found: &SocketAddr| self == Reach::Anywhere || !is_inside_address(found.ip());
        match found.iter().all(is_allowed) {
            true => Ok(found),
            false => Err(std::io::Error::other(format!("{host} {INSIDE}"))),
        }
    }
}

fn is_inside(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    let is_local = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    is_local || is_metadata(host) || host.parse().is_ok_and(is_inside_address)
}

fn is_inside_address(address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        v4 => v4,
    };
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    let is_own = address.is_loopback() || address.is_unspecified();
    is_own || is_broadcast || address.is_multicast() || is_metadata(&address.to_string())
}

/// Whether a host is an address that clouds keep for their metadata: link-local ones, and their names.
pub fn is_metadata(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => is_metadata_v4(address),
        Ok(IpAddr::V6(address)) => {
            // Where AWS has its metadata, and the credentials of pods.
            const AWS: [Ipv6Addr; 2] =
                [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)];
            address.is_unicast_link_local()
                || AWS.contains(&address)
                || address.to_ipv4_mapped().is_some_and(is_metadata_v4)
        }
        Err(_) => matches!(host.as_str(), "metadata" | "metadata.google.internal" | "instance-data"),
    }
}

fn is_metadata_v4(address: Ipv4Addr) -> bool {
    // The last is Alibaba's.
    address.is_link_local() || address == Ipv4Addr::new(100, 100, 100, 200)
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
    fn what_is_inside_is_known_by_name_and_address() {
        for host in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "169.254.169.254",
            "[fe80::1]",
            "localhost",
            "a.localhost.",
            "metadata.google.internal",
        ] {
            assert!(!Reach::Outside.allows(host), "{host}");
            assert!(Reach::Anywhere.allows(host), "{host}");
        }
        for host in ["10.0.0.1", "192.168.1.1", "example.com", "[fd00::1]", "8.8.8.8"] {
            assert!(Reach::Outside.allows(host), "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused() {
        let refused = Reach::Outside.resolve("localhost", 80).await.expect_err("inside");
        assert!(refused.to_string().contains("loopback"), "{refused}");
        assert!(Reach::Anywhere.resolve("localhost", 80).await.is_ok());
    }
}
