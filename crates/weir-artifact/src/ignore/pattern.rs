//! One line of a `.sourceignore`, as Flux reads it. It is not quite what git does with the same line:
//! a file below a folder that is left out can be taken back by a later line.

use super::glob::Glob;

#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// Segments of the folder that the pattern speaks for.
    folder: Vec<String>,
    /// `!`: takes back what an earlier pattern leaves out.
    takes_back: bool,
    folders_only: bool,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    /// A name at any depth.
    Name(Glob),
    /// A path from the folder.
    Path(Vec<Segment>),
}

#[derive(Clone, Debug)]
enum Segment {
    Empty,
    /// `**`
    Folders,
    /// A name that has `**` beside something else, which nothing matches.
    Never,
    Name(Glob),
}

/// What a pattern makes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    LeftOut,
    TakenBack,
}

impl Pattern {
    pub fn new(line: &str, folder: &str) -> Self {
        let takes_back = line.starts_with('!');
        let mut line = line.strip_prefix('!').unwrap_or(line);
        if !line.ends_with("\\ ") {
            line = line.trim_end_matches(' ');
        }
        let folders_only = line.ends_with('/');
        let line = line.strip_suffix('/').unwrap_or(line);
        let shape = if line.contains('/') {
            Shape::Path(line.split('/').map(segment).collect())
        } else {
            Shape::Name(Glob::new(line))
        };
        let folder = folder.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
        Self { folder, takes_back, folders_only, shape }
    }

    /// Looks at the path of a file, segment by segment.
    pub fn verdict(&self, path: &[&str]) -> Option<Verdict> {
        let below = path.len() > self.folder.len() && self.folder.iter().zip(path).all(|(one, other)| one == other);
        let path = path.get(self.folder.len()..).filter(|_| below)?;
        let matched = match &self.shape {
            Shape::Name(name) => self.name_matches(name, path),
            Shape::Path(segments) => self.path_matches(segments, path),
        };
        matched.then_some(if self.takes_back { Verdict::TakenBack } else { Verdict::LeftOut })
    }

    fn name_matches(&self, name: &Glob, path: &[&str]) -> bool {
        let found = path.iter().position(|segment| name.matches(segment));
        found.is_some_and(|at| !(self.folders_only && at + 1 == path.len()))
    }

    fn path_matches(&self, segments: &[Segment], mut path: &[&str]) -> bool {
        let mut matched = false;
        let mut any_depth = false;
        for (at, segment) in segments.iter().enumerate() {
            let name = match segment {
                Segment::Empty => {
                    any_depth = false;
                    continue;
                }
                Segment::Folders if at + 1 == segments.len() => break,
                Segment::Folders => {
                    any_depth = true;
                    continue;
                }
                Segment::Never => return false,
                Segment::Name(name) => name,
            };
            if path.is_empty() {
                return false;
            }
            if any_depth {
                any_depth = false;
                match path.iter().position(|segment| name.matches(segment)) {
                    Some(found) => {
                        matched = true;
                        path = &path[found + 1..];
                    }
                    None => {
                        matched = false;
                        path = &[];
                    }
                }
            } else {
                if !name.matches(path[0]) {
                    return false;
                }
                matched = true;
                path = &path[1..];
            }
        }
        matched && !(self.folders_only && path.is_empty())
    }
}

fn segment(text: &str) -> Segment {
    match text {
        "" => Segment::Empty,
        "**" => Segment::Folders,
        text if text.contains("**") => Segment::Never,
        text => Segment::Name(Glob::new(text)),
    }
}
