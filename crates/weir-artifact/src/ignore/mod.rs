//! Which files of a source are left out: Flux's `.sourceignore` rules.

mod glob;
mod pattern;

use pattern::{Pattern, Verdict};
use weir_base::Tree;
use weir_base::tree::walk_order;

pub const FILE_NAME: &str = ".sourceignore";

/// Longest line that is read; as in Flux, what follows a longer one is not.
const LINE_LIMIT: usize = 64 * 1024;

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

/// The rules of one source.
///
/// Patterns look like those of .gitignore; one in a folder's file speaks for that folder only. The
/// last pattern that matches a file's path decides. `spec.ignore` comes last and so can overrule the
/// files. Any pattern of either switches the default list off.
#[derive(Clone, Debug)]
pub struct Rules {
    /// In the order of growing weight.
    patterns: Vec<Pattern>,
}

impl Rules {
    /// `files` are the `.sourceignore` files: path and text.
    pub fn new<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>, spec_ignore: Option<&str>) -> Self {
        let mut files: Vec<(&str, &str)> = files
            .into_iter()
            .map(|(path, text)| (path.rsplit_once('/').map_or("", |(folder, _)| folder), text))
            .collect();
        // A folder before what is below it, and that before the folder's next sibling.
        files.sort_by(|(one, _), (other, _)| walk_order(one, other));
        let mut custom: Vec<Pattern> = files.iter().flat_map(|(folder, text)| patterns(text, folder)).collect();
        custom.extend(spec_ignore.into_iter().flat_map(|text| patterns(text, "")));
        let built_in = |lines: &[&str]| lines.iter().map(|line| Pattern::new(line, "")).collect::<Vec<_>>();
        let mut all = built_in(&ALWAYS);
        if custom.is_empty() {
            all.extend(built_in(&DEFAULTS));
        }
        all.extend(custom);
        Self { patterns: all }
    }

    /// Whether a file stays.
    pub fn keeps(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').collect();
        let decided = self.patterns.iter().rev().find_map(|pattern| pattern.verdict(&path));
        decided != Some(Verdict::LeftOut)
    }
}

/// Whether a path is that of a file with rules.
pub fn is_rules(path: &str) -> bool {
    let mut segments = path.rsplit('/');
    segments.next() == Some(FILE_NAME) && segments.all(|folder| folder != ".git")
}

/// Removes from `tree` what its `.sourceignore` files and `spec_ignore` leave out.
pub fn filter(tree: &mut Tree, spec_ignore: Option<&str>) {
    let files: Vec<(String, String)> = tree
        .iter()
        .filter(|(path, _)| is_rules(path))
        .map(|(path, content)| (path.to_string(), String::from_utf8_lossy(content).into_owned()))
        .collect();
    let rules = Rules::new(files.iter().map(|(path, text)| (path.as_str(), text.as_str())), spec_ignore);
    tree.retain(|path| rules.keeps(path));
}

fn patterns(text: &str, folder: &str) -> Vec<Pattern> {
    text.split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .take_while(|line| line.len() < LINE_LIMIT)
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| Pattern::new(line, folder))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(files: &[(&str, &str)], spec_ignore: Option<&str>) -> Vec<String> {
        let mut tree = Tree::new();
        for (path, content) in files {
            tree.insert(path, content.as_bytes().to_vec()).expect("a good path");
        }
        filter(&mut tree, spec_ignore);
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

    #[test]
    fn a_file_is_taken_back_from_a_folder_that_is_left_out() {
        let files = [("docs/a.md", ""), ("docs/keep.md", "")];
        assert_eq!(kept(&files, Some("docs/\n!docs/keep.md\n")), ["docs/keep.md"]);
    }
}
