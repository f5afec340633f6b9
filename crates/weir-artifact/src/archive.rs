use crate::ArtifactError;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use std::io::{Read, Write};
use tar::{Builder, EntryType, Header};
use weir_base::tree::Link;
use weir_base::tree::walk_order;
use weir_base::{Budget, Tree};

const FOLDER_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o600;
const EXECUTABLE_MODE: u32 = 0o700;

/// Writes a gzip'd tar, file by file. Equal files give equal bytes.
///
/// Files come in the order of a walk: by name within their folder, a folder where its name stands
/// ([`weir_base::tree::walk_order`]). Folders are written when their first file comes.
pub struct Packer<W: Write> {
    builder: Builder<GzEncoder<W>>,
    /// Segments of the folder that was written last.
    folder: Vec<String>,
}

impl<W: Write> Packer<W> {
    pub fn new(out: W) -> Result<Self, ArtifactError> {
        let mut builder = Builder::new(GzEncoder::new(out, Compression::default()));
        append_folder(&mut builder, ".")?;
        Ok(Self { builder, folder: Vec::new() })
    }

    /// Adds a file at a normalised path.
    pub fn file(&mut self, path: &str, is_executable: bool, content: &[u8]) -> Result<(), ArtifactError> {
        let mut segments: Vec<&str> = path.split('/').collect();
        segments.pop();
        let same = self.folder.iter().zip(&segments).take_while(|(one, other)| one == *other).count();
        self.folder.truncate(same);
        for segment in &segments[same..] {
            self.folder.push((*segment).to_owned());
            append_folder(&mut self.builder, &self.folder.join("/"))?;
        }
        let mode = if is_executable { EXECUTABLE_MODE } else { FILE_MODE };
        let mut header = header(EntryType::Regular, mode, content.len() as u64);
        self.builder.append_data(&mut header, path, content).map_err(failed)
    }

    /// Ends the archive.
    pub fn finish(self) -> Result<W, ArtifactError> {
        self.builder.into_inner().and_then(GzEncoder::finish).map_err(failed)
    }
}

/// The gzip'd tar of a tree.
pub fn pack(tree: &Tree) -> Result<Vec<u8>, ArtifactError> {
    let mut files: Vec<(&str, &[u8])> = tree.iter().map(|(path, content)| (&**path, &**content)).collect();
    files.sort_by(|(one, _), (other, _)| walk_order(one, other));
    let mut packer = Packer::new(Vec::new())?;
    for (path, content) in files {
        packer.file(path, tree.is_executable(path), content)?;
    }
    packer.finish()
}

fn append_folder<W: Write>(builder: &mut Builder<W>, path: &str) -> Result<(), ArtifactError> {
    builder.append_data(&mut header(EntryType::Directory, FOLDER_MODE, 0), path, std::io::empty()).map_err(failed)
}

fn failed(error: std::io::Error) -> ArtifactError {
    ArtifactError::Archive(error.to_string())
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

/// What an unpacked artifact may take: 512 MiB.
pub const UNPACKED_BYTES: u64 = 512 << 20;

/// The budget for unpacking one.
pub fn unpack_budget() -> Budget {
    Budget::new(10_000_000, UNPACKED_BYTES)
}

/// The files of an archive. Links and devices are left out, and symbolic links noted; an entry that leads
/// out of the root is an error.
pub fn unpack(bytes: &[u8], budget: &Budget) -> Result<Tree, ArtifactError> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let mut tree = Tree::new();
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        budget.spend(1)?;
        let kind = entry.header().entry_type();
        if kind != EntryType::Regular {
            if let (EntryType::Symlink, Ok(path)) = (kind, std::str::from_utf8(&entry.path_bytes())) {
                tree.link(path.trim_start_matches("./"), Link::Nowhere);
            }
            continue;
        }
        let path = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|error| ArtifactError::Archive(error.to_string()))?;
        let size = entry.size();
        budget.take_bytes(size)?;
        let mode = entry.header().mode().map_err(failed)?;
        let mut content = Vec::new();
        // The header may lie about the size; what is read counts.
        entry.by_ref().take(size).read_to_end(&mut content).map_err(failed)?;
        tree.insert(&path, content)?;
        if mode & 0o100 != 0 {
            tree.set_executable(path.trim_start_matches("./"));
        }
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::new();
        for path in ["a/b/c.yaml", "a.yaml", "run.sh"] {
            tree.insert(path, path.as_bytes().to_vec()).expect("a good path");
        }
        tree.set_executable("run.sh");
        tree
    }

    #[test]
    fn packing_is_reproducible_and_lexical() {
        let bytes = pack(&tree()).expect("packs");
        // What our encoder makes of this tree, for good: a change would build every artifact anew.
        assert_eq!(crate::digest(&bytes), "sha256:ca4c578bee5669555413b63e67d2e541496a0f0f83cc52849f158603858fb455");
        let mut archive = tar::Archive::new(GzDecoder::new(&bytes[..]));
        let entries: Vec<(String, u32, u64)> = archive
            .entries()
            .expect("readable")
            .map(|entry| {
                let entry = entry.expect("readable");
                let header = entry.header();
                (
                    entry.path().expect("a path").display().to_string(),
                    header.mode().expect("a mode"),
                    header.mtime().expect("a time"),
                )
            })
            .collect();
        let expect =
            [("./", 0o750), ("a", 0o750), ("a/b", 0o750), ("a/b/c.yaml", 0o600), ("a.yaml", 0o600), ("run.sh", 0o700)];
        let expect: Vec<(String, u32, u64)> =
            expect.iter().map(|(p, m)| (p.trim_end_matches('/').to_string(), *m, 0)).collect();
        let entries: Vec<(String, u32, u64)> =
            entries.into_iter().map(|(p, m, t)| (p.trim_end_matches('/').to_owned(), m, t)).collect();
        assert_eq!(entries, expect);
        let back = unpack(&bytes, &Budget::standard()).expect("unpacks");
        assert!(back.is_executable("run.sh"));
        assert_eq!(back.iter().count(), 3);
    }

    fn hostile(path: &[u8], kind: EntryType) -> Vec<u8> {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        let mut header = header(kind, 0o600, 1);
        header.as_old_mut().name[..path.len()].copy_from_slice(path);
        header.set_cksum();
        builder.append(&header, &b"x"[..]).expect("appends");
        builder.into_inner().and_then(GzEncoder::finish).expect("finishes")
    }

    #[test]
    fn entries_outside_the_root_are_refused_and_links_left_out() {
        for path in [&b"../x"[..], b"/etc/passwd", b"a/../../x"] {
            let error = unpack(&hostile(path, EntryType::Regular), &Budget::standard()).expect_err("unsafe");
            assert!(matches!(error, ArtifactError::Path(_)), "{error}");
        }
        let tree = unpack(&hostile(b"link", EntryType::Symlink), &Budget::standard()).expect("no error");
        assert!(tree.is_empty() && tree.link_on("link") == Some(("link", Link::Nowhere)));
    }

    #[test]
    fn a_bomb_is_stopped() {
        let mut bomb = Tree::new();
        bomb.insert("zeros", vec![0u8; 1 << 20]).expect("a good path");
        let bytes = pack(&bomb).expect("packs");
        let error = unpack(&bytes, &Budget::new(100, 1 << 16)).expect_err("too large");
        assert_eq!(error.to_string(), "the archive is too large: the work needed more than 65536 bytes");
    }
}
