//! Which files of a source are left out: Flux's `.sourceignore` rules.

use crate::ArtifactError;
use ::ignore::gitignore::{Gitignore, GitignoreBuilder};
use weir_base::Tree;

pub const FILE_NAME: &str = ".sourceignore";

const ALWAYS: [&str; 4] = [".git/", ".gitignore", ".gitmodules", ".gitattributes"];

/// Left out as long as neither a `.sourceignore` nor `spec.ignore` says anything.
const DEFAULTS: [&str; 20] = [
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.png",
    "*.wmv",
    "*.flv",
    "*.tar.gz",
    "*.zip",
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    "**/.goreleaser.yml",
    "**/.sops.yaml",
    "**/.flux.yaml",
];

/// One list of patterns and the folder it speaks for.
struct Scope {
    folder: String,
    patterns: Gitignore,
}

/// Removes from `tree` what its `.sourceignore` files and `spec_ignore` leave out.
///
/// The patterns are those of .gitignore; one in a folder's file speaks for that folder only.
/// `spec_ignore` comes last and so can overrule the files. Any pattern of either switches the
/// default list off.
pub fn filter(tree: &mut Tree, spec_ignore: Option<&str>) -> Result<(), ArtifactError> {
    let files: Vec<(String, String)> = tree
        .iter()
        .filter(|(path, _)| path.rsplit('/').next() == Some(FILE_NAME))
        .map(|(path, content)| (path.to_string(), String::from_utf8_lossy(content).into_owned()))
        .collect();
    let mut custom = Vec::new();
    for (path, text) in &files {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        custom.extend(scope(folder, path, text.lines())?);
    }
    if let Some(text) = spec_ignore {
        custom.extend(scope("", "spec.ignore", text.lines())?);
    }
    let mut scopes = Vec::new();
    scopes.extend(scope("", "built in", ALWAYS.into_iter())?);
    if custom.is_empty() {
        scopes.extend(scope("", "built in", DEFAULTS.into_iter())?);
    }
    scopes.extend(custom);
    tree.retain(|path| !is_ignored(&scopes, path));
    Ok(())
}

fn scope<'l>(folder: &str, file: &str, lines: impl Iterator<Item = &'l str>) -> Result<Option<Scope>, ArtifactError> {
    let mut builder = GitignoreBuilder::new("");
    let mut any = false;
    for (index, line) in lines.enumerate() {
        let pattern = line.trim_end_matches('\r');
        if pattern.trim().is_empty() || pattern.starts_with('#') {
            continue;
        }
        any = true;
        builder.add_line(None, pattern).map_err(|error| ArtifactError::Pattern {
            file: file.to_owned(),
            line: index + 1,
            pattern: pattern.to_owned(),
            message: error.to_string(),
        })?;
    }
    if !any {
        return Ok(None);
    }
    let patterns = builder.build().map_err(|error| ArtifactError::Pattern {
        file: file.to_owned(),
        line: 0,
        pattern: String::new(),
        message: error.to_string(),
    })?;
    Ok(Some(Scope { folder: folder.to_owned(), patterns }))
}

/// A file is left out when it, or a folder above it, is; the last pattern that matches decides.
fn is_ignored(scopes: &[Scope], path: &str) -> bool {
    let folders = path.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| (&path[..at], true));
    folders.chain([(path, false)]).any(|(part, is_folder)| {
        let mut ignored = false;
        for scope in scopes {
            let relative = match scope.folder.as_str() {
                "" => Some(part),
                folder => part.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')),
            };
            let Some(relative) = relative else { continue };
            let verdict = scope.patterns.matched(relative, is_folder);
            ignored = (ignored || verdict.is_ignore()) && !verdict.is_whitelist();
        }
        ignored
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(files: &[(&str, &str)], spec_ignore: Option<&str>) -> Vec<String> {
        let mut tree = Tree::new();
        for (path, content) in files {
            tree.insert(path, content.as_bytes().to_vec()).expect("a good path");
        }
        filter(&mut tree, spec_ignore).expect("good patterns");
        tree.iter().map(|(path, _)| path.to_string()).collect()
    }

    #[test]
    fn defaults_apply_until_something_is_said() {
        let files = [("a.yaml", ""), ("logo.png", ""), (".github/w.yml", ""), (".gitignore", ""), ("x/.sops.yaml", "")];
        assert_eq!(kept(&files, None), ["a.yaml"]);
        assert_eq!(kept(&files, Some("# nothing\n")), ["a.yaml"]);
        assert_eq!(kept(&files, Some("*.txt\n")), [".github/w.yml", "a.yaml", "logo.png", "x/.sops.yaml"]);
    }

    #[test]
    fn files_speak_for_their_folder_and_the_spec_has_the_last_word() {
        let files = [
            (".sourceignore", "/*\n!/deploy\n"),
            ("deploy/a.yaml", ""),
            ("deploy/.sourceignore", "b.yaml\n"),
            ("deploy/b.yaml", ""),
            ("docs/c.md", ""),
        ];
        assert_eq!(kept(&files, None), ["deploy/.sourceignore", "deploy/a.yaml"]);
        let all = kept(&files, Some("!b.yaml\n"));
        assert_eq!(all, ["deploy/.sourceignore", "deploy/a.yaml", "deploy/b.yaml"]);
    }
}
