//! URLs of repositories, as kustomize takes them apart.

use std::time::Duration;

/// A folder of a repository: what stands in `resources` or `components`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoSpec {
    /// As it was written; two that are written differently are two repositories.
    pub raw: String,
    /// Scheme, user and host with what separates them from the path: `https://github.com/`, `git@host:`.
    pub host: String,
    pub repository: String,
    /// The folder in it.
    pub folder: String,
    /// A branch, tag or commit; `HEAD` without one.
    pub reference: Option<String>,
    pub submodules: bool,
    /// What fetching may take.
    pub timeout: Duration,
}

const TIMEOUT: Duration = Duration::from_secs(27);
const SCHEMES: [&str; 4] = ["ssh://", "https://", "http://", "file://"];
const FILE: &str = "file://";

impl RepoSpec {
    /// What git clones.
    pub fn url(&self) -> String {
        format!("{}{}", self.host, self.repository)
    }

    /// Reads a URL; the error says why it is none of a repository, as any local path is.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with('/') {
            return Err("it is an absolute path");
        }
        let (rest, query) = text.split_once('?').unwrap_or((text, ""));
        let (reference, timeout, submodules) = parse_query(query);
        let (host, rest) = split_host(rest)?;
        let (repository, folder) = split_path(&rest, host.starts_with(FILE)).ok_or("it has no path to a repository")?;
        if repository.is_empty() {
            return Err("it has no path to a repository");
        }
        let folder = folder.strip_prefix('/').unwrap_or(&folder);
        let folder = clean(folder).ok_or("its path leads out of the repository")?;
        Ok(Self { raw: text.to_owned(), host, repository, folder, reference, submodules, timeout })
    }
}

/// The folder without detours; `None` where it leads out.
fn clean(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn split_host(text: &str) -> Result<(String, String), &'static str> {
    let text = without(text, "git::").unwrap_or(text);
    let (scheme, text) =
        SCHEMES.into_iter().find_map(|scheme| Some((scheme, without(text, scheme)?))).unwrap_or(("", text));
    let (user, rest) = split_user(text);
    let lower = rest.to_lowercase();
    let is_github = lower.starts_with("github.com/") || lower.starts_with("github.com:");
    let is_scp = scheme.is_empty() && (!user.is_empty() || is_github);
    if scheme.is_empty() && !is_scp {
        return Err("it has no scheme");
    }
    if scheme == FILE {
        return Ok((scheme.to_owned(), format!("{user}{rest}")));
    }
    let slash = rest.find('/');
    let colon = rest.find(':').filter(|_| is_scp);
    let end = match (slash, colon) {
        (Some(slash), Some(colon)) if colon > 0 && colon < slash => Some(colon),
        (None, colon) => colon,
        (slash, _) => slash,
    };
    let (host, path) = end.map_or((rest, ""), |end| rest.split_at(end + 1));
    if is_github {
        let host = if scheme == "ssh://" || !user.is_empty() {
            format!("{user}github.com:")
        } else {
            "https://github.com/".to_owned()
        };
        return Ok((host, path.to_owned()));
    }
    if host.is_empty() {
        return Err("it has no host");
    }
    Ok((format!("{scheme}{user}{host}"), path.to_owned()))
}

fn without<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// `user@`, and what follows.
fn split_user(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(text.len());
    let is_user = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text[end..].starts_with('@');
    if is_user { text.split_at(end + 1) } else { ("", text) }
}

/// The repository and the folder in it: at a mark, else after two segments.
fn split_path(path: &str, is_file: bool) -> Option<(String, String)> {
    const MARK: &str = "_git/";
    if let Some(at) = path.find(MARK) {
        let (before, after) = path.split_at(at + MARK.len());
        let (name, folder) = after.split_once('/').unwrap_or((after, ""));
        return Some((format!("{before}{name}"), folder.to_owned()));
    }
    if let Some((repository, folder)) = path.split_once("//") {
        return Some((repository.to_owned(), folder.to_owned()));
    }
    if let Some(at) = path.find(".git") {
        let (repository, folder) = path.split_at(at + ".git".len());
        return Some((repository.to_owned(), folder.to_owned()));
    }
    if is_file {
        return Some((path.to_owned(), String::new()));
    }
    let mut segments = path.splitn(3, '/');
    let (owner, name) = (segments.next()?, segments.next()?);
    Some((format!("{owner}/{name}"), segments.next().unwrap_or_default().to_owned()))
}

/// A query that cannot be read is none.
fn parse_query(query: &str) -> (Option<String>, Duration, bool) {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match (decoded(key), decoded(value)) {
            (Some(key), Some(value)) if !part.contains(';') => pairs.push((key, value)),
            _ => return (None, TIMEOUT, true),
        }
    }
    let get = |key: &str| pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    let some = |key: &str| get(key).filter(|value| !value.is_empty());
    let seconds = |text: &str| text.parse().ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
    let timeout = some("timeout").and_then(|text| seconds(text).or_else(|| duration(text))).unwrap_or(TIMEOUT);
    let submodules = !matches!(some("submodules"), Some("0" | "f" | "F" | "false" | "False" | "FALSE"));
    (some("ref").or(some("version")).map(str::to_owned), timeout, submodules)
}

fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// A duration as Go writes it, such as `1m30s`; positive ones only.
fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 8] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("μs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(end);
        let name = unit.split(|c: char| c.is_ascii_digit() || c == '.').next()?;
        let (_, factor) = UNITS.iter().find(|(known, _)| *known == name)?;
        seconds += number.parse::<f64>().ok()? * factor;
        rest = &unit[name.len()..];
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|found| !found.is_zero())
}
