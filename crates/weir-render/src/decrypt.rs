//! Decryption with SOPS, where Flux decrypts: before the build the files that a kustomization hands on as they are; after
//! it whole objects, and values of Secrets.
//!
//! A MAC is of a file as it is read: transformers may have changed an object since, so its file is what is judged.

use crate::services::{Answers, KeyServices};
use crate::{RenderError, generate};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashSet;
use std::sync::Arc;
use weir_base::{Budget, Origin, Tree, tree, tree::Found};
use weir_doc::{Dialect, Node, Value, to_json, yaml};
use weir_object::{ObjectRef, meta};
use weir_sops::{DataKey, File, Format, Keyring, MAX_FILE, Mac, Resolved};

/// Leaves an object as it is.
const DECRYPT: &str = "kustomize.toolkit.fluxcd.io/decrypt";
/// What stands for a value that is not to be seen, as in flux's builds.
const MASK: &str = "**SOPS**";
/// What every encrypted value begins with.
const ENCRYPTED: &str = "ENC[AES256_GCM,";

/// What is done with what is encrypted.
#[derive(Clone, Debug)]
pub enum Decryption {
    /// Values of Secrets are replaced by a mask.
    Mask,
    /// It is decrypted.
    Keys {
        keyring: Arc<Keyring>,
        /// Who asks the services that keep keys; without it files that need one cannot be decrypted.
        services: Option<Arc<dyn KeyServices>>,
        /// A MAC that does not fit is an error, not a warning.
        enforce_mac: bool,
    },
}

impl Decryption {
    /// What the outcome depends on, without a secret.
    pub(crate) fn fingerprint(&self) -> String {
        match self {
            Decryption::Mask => "mask".to_owned(),
            Decryption::Keys { keyring, services, enforce_mac } => {
                format!("{enforce_mac} {} {services:?}", keyring.held().join(" "))
            }
        }
    }
}

impl PartialEq for Decryption {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint() == other.fingerprint()
    }
}

/// What a build saw that is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A file was changed after it was encrypted.
    Mac { at: Origin },
    /// A value is encrypted where nothing decrypts it.
    Encrypted { at: Origin, object: String, field: String },
}

impl Warning {
    pub fn at(&self) -> &Origin {
        match self {
            Warning::Mac { at } | Warning::Encrypted { at, .. } => at,
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::Mac { at } => write!(
                f,
                "{at}: the SOPS MAC does not fit: the file was changed after it was encrypted (restore it, or edit it with \
                 sops)"
            ),
            Warning::Encrypted { at, object, field } => {
                write!(f, "{at}: {object}: {field} is encrypted with SOPS and is applied as it is")
            }
        }
    }
}

/// One build's decryption.
pub(crate) struct Decryptor<'a> {
    pub decryption: &'a Decryption,
    pub budget: &'a Budget,
    /// The source as it was fetched.
    pub source: &'a Tree,
    pub warnings: Vec<Warning>,
    /// What was decrypted and stands in no Secret, if that is asked for: whoever shows a build has to hide it.
    pub revealed: Option<Vec<String>>,
    /// Files whose MAC was looked at.
    judged: HashSet<String>,
    /// What services answered in this build.
    answers: Answers,
}

impl<'a> Decryptor<'a> {
    pub fn new(decryption: &'a Decryption, source: &'a Tree, reveals: bool, budget: &'a Budget) -> Self {
        let (judged, answers) = (HashSet::new(), Answers::default());
        let revealed = reveals.then(Vec::new);
        Self { decryption, budget, source, warnings: Vec::new(), revealed, judged, answers }
    }

    /// Whether a service was asked: what it says may be another answer the next time.
    pub fn has_asked(&self) -> bool {
        !self.answers.is_empty()
    }

    fn data_key(&mut self, file: &File) -> Result<DataKey, RenderError> {
        let Decryption::Keys { keyring, services, .. } = self.decryption else {
            return Ok(file.data_key(&Keyring::new(), &Resolved::new(), self.budget)?);
        };
        Ok(self.answers.data_key(file, keyring, services.as_deref(), self.budget)?)
    }

    /// Decrypts what the kustomization at `folder`, and those that it builds on, hand on as it is.
    pub fn files(&mut self, tree: &mut Tree, folder: &str) -> Result<(), RenderError> {
        if matches!(self.decryption, Decryption::Mask) {
            return Ok(());
        }
        let (mut folders, mut seen, mut done) = (vec![folder.to_owned()], HashSet::new(), HashSet::new());
        while let Some(folder) = folders.pop() {
            if !seen.insert(folder.clone()) {
                continue;
            }
            for file in handed_on(tree, &folder, self.budget, &mut folders) {
                if done.insert(file.path.clone()) {
                    self.file(tree, &file)?;
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, tree: &mut Tree, HandedOn { path, format }: &HandedOn) -> Result<(), RenderError> {
        let Some(text) = tree.read(path) else { return Ok(()) };
        if !format.marks(&text) {
            return Ok(());
        }
        if let Some(plain) = self.text(&text, *format, *format, path)? {
            if let Some(revealed) = &mut self.revealed {
                let read = |text: &[u8]| yaml::parse_all(text, None, Dialect::V3, self.budget).unwrap_or_default();
                for (sealed, plain) in read(&text).iter().zip(&read(&plain)) {
                    reveal(sealed, plain, revealed);
                }
            }
            tree.insert(path, plain)?;
        }
        Ok(())
    }

    /// A document in plain; none when it is not encrypted after all.
    fn text(&mut self, text: &[u8], from: Format, to: Format, path: &str) -> Result<Option<Vec<u8>>, RenderError> {
        if matches!(self.decryption, Decryption::Mask) {
            return Ok(None);
        }
        if text.len() > MAX_FILE {
            let message = format!("{path} has {} bytes: at most {MAX_FILE} are decrypted", text.len());
            return Err(RenderError::Malformed { at: Origin::file(path), message });
        }
        let Some(file) = File::parse(text, from, path, self.budget)? else { return Ok(None) };
        let key = self.data_key(&file)?;
        let plain = file.decrypt_as(&key, to, self.budget)?;
        self.judge(plain.mac, Origin::file(path))?;
        Ok(Some(plain.text.to_vec()))
    }

    /// Decrypts, or masks, what a build gave.
    pub fn objects(&mut self, objects: &mut [Node]) -> Result<(), RenderError> {
        if let Decryption::Keys { keyring, services: Some(services), .. } = self.decryption {
            let read = |object: &Node| {
                let path = object.meta.at.file.clone().unwrap_or_else(|| Arc::from(""));
                File::of_node(object, &path, self.budget).ok().flatten()
            };
            let files: Vec<File> = objects.iter().filter(|object| !is_left(object)).filter_map(read).collect();
            self.answers.ask_for(&files, keyring, &**services, self.budget);
        }
        objects.iter_mut().try_for_each(|object| self.object(object))
    }

    fn object(&mut self, object: &mut Node) -> Result<(), RenderError> {
        if is_left(object) {
            return Ok(());
        }
        if matches!(self.decryption, Decryption::Mask) {
            mask(object);
            return Ok(());
        }
        let at = object.meta.at.clone();
        let path = at.file.clone().unwrap_or_else(|| Arc::from(""));
        if let Some(file) = File::of_node(object, &path, self.budget)? {
            let key = self.data_key(&file)?;
            let sealed = self.revealed.as_ref().filter(|_| meta::kind(object) != "Secret").map(|_| object.clone());
            file.decrypt_node(object, &key, self.budget)?;
            if let (Some(sealed), Some(revealed)) = (sealed, &mut self.revealed) {
                reveal(&sealed, object, revealed);
            }
            return self.source_of_object(&path, &file, key);
        }
        if meta::kind(object) != "Secret" {
            return Ok(());
        }
        let Some(data) = object.get_mut("data").and_then(Node::as_map_mut) else { return Ok(()) };
        for (key, value) in data.iter_mut() {
            // What is no base64 is a mistake that the API server tells of.
            let Some(bytes) = value.as_str().and_then(|text| STANDARD.decode(text).ok()) else { continue };
            let Some(from) = Format::of_content(&bytes) else { continue };
            let to = Format::of_secret_key(key.as_str());
            let name = format!("{path}#{}", key.as_str());
            if let Some(plain) = self.text(&bytes, from, to, &name)? {
                value.value = Value::String(STANDARD.encode(plain));
            }
        }
        Ok(())
    }

    /// Judges the MAC of the file that an object was read from; `key` is the object's.
    fn source_of_object(&mut self, path: &str, object: &File, key: DataKey) -> Result<(), RenderError> {
        if !self.judged.insert(path.to_owned()) {
            return Ok(());
        }
        let Some(text) = self.source.read(path) else { return Ok(()) };
        // Of an object that was made by a patch or a generator there is no file to judge.
        let Ok(Some(file)) = File::parse(&text, Format::of_path(path), path, self.budget) else { return Ok(()) };
        // Opening it once is enough, which is what costs.
        let is_same = file.groups() == object.groups() && file.threshold() == object.threshold();
        let key = if is_same { key } else { self.data_key(&file)? };
        let plain = file.decrypt(&key, self.budget)?;
        self.judge(plain.mac, Origin::file(path))
    }

    fn judge(&mut self, mac: Mac, at: Origin) -> Result<(), RenderError> {
        let is_enforced = matches!(self.decryption, Decryption::Keys { enforce_mac: true, .. });
        match mac {
            Mac::Valid => Ok(()),
            Mac::Mismatch | Mac::Absent if is_enforced => Err(RenderError::Mac { at }),
            Mac::Mismatch | Mac::Absent => {
                self.warnings.push(Warning::Mac { at });
                Ok(())
            }
        }
    }
}

/// Collects the values that were encrypted.
fn reveal(sealed: &Node, plain: &Node, revealed: &mut Vec<String>) {
    match (&sealed.value, &plain.value) {
        (Value::Map(sealed), Value::Map(plain)) => {
            for (key, sealed) in sealed.iter() {
                if let Some(plain) = plain.get(key.as_str()) {
                    reveal(sealed, plain, revealed);
                }
            }
        }
        (Value::Seq(sealed), Value::Seq(plain)) => {
            sealed.iter().zip(plain).for_each(|(sealed, plain)| reveal(sealed, plain, revealed));
        }
        (Value::String(text), Value::String(plain)) if text.starts_with(ENCRYPTED) => revealed.push(plain.clone()),
        (Value::String(text), Value::Number(_)) if text.starts_with(ENCRYPTED) => {
            revealed.push(String::from_utf8_lossy(&to_json(plain)).into_owned());
        }
        _ => {}
    }
}

/// What must not be applied, or should not: Secrets that are still encrypted, and values that look so.
pub(crate) fn check(object: &Node, warnings: &mut Vec<Warning>) -> Result<(), RenderError> {
    let is_secret = meta::kind(object) == "Secret" && object.str_at(&["apiVersion"]) == Some("v1");
    if is_left(object) {
        return Ok(());
    }
    if is_secret && object.get("sops").is_some() {
        return Err(RenderError::Encrypted { object: named(object), at: object.meta.at.clone() });
    }
    find(object, "", &mut |field, node| {
        let at = if node.meta.at.file.is_some() { node.meta.at.clone() } else { object.meta.at.clone() };
        warnings.push(Warning::Encrypted { at, object: named(object), field: field.to_owned() });
    });
    Ok(())
}

fn find(node: &Node, field: &str, tell: &mut impl FnMut(&str, &Node)) {
    match &node.value {
        Value::String(text) if text.starts_with(ENCRYPTED) => tell(field, node),
        Value::Seq(items) => {
            for (at, item) in items.iter().enumerate() {
                find(item, &format!("{field}[{at}]"), tell);
            }
        }
        Value::Map(map) => {
            for (key, value) in map.iter() {
                let dot = if field.is_empty() { "" } else { "." };
                find(value, &format!("{field}{dot}{}", key.as_str()), tell);
            }
        }
        _ => {}
    }
}

fn named(object: &Node) -> String {
    ObjectRef::of(object).map_or_else(|_| meta::kind(object).to_owned(), |object| object.to_string())
}

fn is_left(object: &Node) -> bool {
    meta::annotation(object, DECRYPT).is_some_and(|value| value.eq_ignore_ascii_case("disabled"))
}

/// As flux's builds show a Secret.
fn mask(object: &mut Node) {
    if meta::kind(object) != "Secret" {
        return;
    }
    let is_whole = object.str_at(&["sops", "mac"]).is_some_and(|mac| mac.starts_with("ENC["));
    if is_whole {
        object.remove("sops");
    }
    for member in ["data", "stringData"] {
        let Some(values) = object.get_mut(member).and_then(Node::as_map_mut) else { continue };
        for (_, value) in values.iter_mut() {
            let text = value.as_str().unwrap_or_default();
            let decoded = STANDARD.decode(text).ok();
            let is_document = decoded.is_some_and(|bytes| Format::of_content(&bytes).is_some());
            if (is_whole && member == "data") || is_document || text.starts_with(ENCRYPTED) {
                let masked = if member == "data" { STANDARD.encode(MASK) } else { MASK.to_owned() };
                value.value = Value::String(masked);
            }
        }
    }
}

/// A file whose content goes into an object.
struct HandedOn {
    path: String,
    format: Format,
}

/// The files that a kustomization hands on; the folders that it builds on are added to `folders`. What cannot be read or
/// leads elsewhere is left to the build, which says what is wrong with it.
fn handed_on(tree: &Tree, folder: &str, budget: &Budget, folders: &mut Vec<String>) -> Vec<HandedOn> {
    let kustomization = generate::file_of(tree, folder).and_then(|file| generate::read(tree, &file, budget).ok());
    let Some(node) = kustomization else { return Vec::new() };
    let entries =
        |node: &Node, key: &str| -> Vec<Node> { node.get(key).and_then(Node::as_seq).cloned().unwrap_or_default() };
    let mut files = Vec::new();
    let mut add = |path: &str, format: Format| {
        if let Ok(path) = tree::join(folder, path) {
            files.push(HandedOn { path, format });
        }
    };
    for generator in entries(&node, "secretGenerator") {
        for entry in entries(&generator, "files") {
            let text = entry.as_str().unwrap_or_default();
            let (key, path) = text.split_once('=').unwrap_or((text, text));
            add(path, Format::of_secret_key(key));
        }
        for entry in entries(&generator, "envs").iter().chain(generator.get("env")) {
            let path = entry.as_str().unwrap_or_default();
            let format = match Format::of_secret_key(path) {
                Format::Binary => Format::Dotenv,
                format => format,
            };
            add(path, format);
        }
    }
    for patch in entries(&node, "patches") {
        if let Some(path) = patch.str_at(&["path"]).filter(|path| !path.contains("://")) {
            add(path, Format::of_secret_key(path));
        }
    }
    for key in ["resources", "components"] {
        for entry in entries(&node, key) {
            let below = entry.as_str().and_then(|path| tree::join(folder, path).ok());
            folders.extend(below.filter(|path| matches!(tree.find(path), Found::Folder)));
        }
    }
    files
}
