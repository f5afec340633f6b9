//! What can be said of a URL's host by looking at it.

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
