//! Patterns of file names as Go's path/filepath has them: no `*` stands for a slash.

use crate::error::CliError;
use globset::{GlobBuilder, GlobMatcher};

pub fn pattern(text: &str) -> Result<GlobMatcher, CliError> {
    // Braces are no pattern there.
    let plain: String =
        text.chars().flat_map(|c| matches!(c, '{' | '}').then_some('\\').into_iter().chain([c])).collect();
    let glob = GlobBuilder::new(&plain).literal_separator(true).backslash_escape(true).build();
    let glob = glob.map_err(|error| CliError::new(format!("the pattern '{text}': {}", error.kind())))?;
    Ok(glob.compile_matcher())
}

/// What is there of a name or a pattern, in this folder and below; sorted.
pub fn files(text: &str) -> Result<Vec<String>, CliError> {
    if std::fs::symlink_metadata(text).is_ok() {
        return Ok(vec![text.to_owned()]);
    }
    if !text.contains(['*', '?', '[']) {
        return Ok(Vec::new());
    }
    let matcher = pattern(text)?;
    // From the last folder that has no pattern in it.
    let fixed: Vec<&str> = text.split('/').take_while(|part| !part.contains(['*', '?', '[', '\\'])).collect();
    let (start, depth) = (fixed.join("/"), text.split('/').count() - fixed.len());
    let root = if start.is_empty() { "." } else { &start };
    let walk = ignore::WalkBuilder::new(root).standard_filters(false).max_depth(Some(depth)).build();
    let mut found: Vec<String> = walk
        .flatten()
        .filter_map(|entry| entry.path().to_str().map(|path| path.trim_start_matches("./").to_owned()))
        .filter(|path| matcher.is_match(path))
        .collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_no_slash() {
        let is_match = |glob: &str, path: &str| pattern(glob).expect("is one").is_match(path);
        assert!(is_match("*.yaml", "a.yaml") && !is_match("*.yaml", "a/b.yaml") && is_match("a/*.yaml", "a/b.yaml"));
        assert!(is_match("{a,b}", "{a,b}") && !is_match("{a,b}", "a"));
        assert!(is_match("[ab]?", "ax") && pattern("[").is_err());
    }
}
