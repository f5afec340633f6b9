//! Over a tree, value by value: decryption, encryption, and the MAC that covers them.

use crate::cipher::{DataKey, bytes_of};
use crate::metadata::Metadata;
use crate::rule::Matcher;
use crate::tree::{Branch, Comment, Element, Key, Text, Value};
use sha2::{Digest, Sha512};
use std::fmt::Write;
use weir_base::Budget;

/// The hash begins with these where it covers encrypted values only, so that it cannot be taken for one over all.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b, 0x97, 0x5b,
    0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// What goes wrong at one value.
pub(crate) struct Stop {
    pub path: String,
    pub line: u32,
    pub message: String,
}

pub(crate) enum Direction<'a> {
    Decrypt,
    /// With a source of random bytes.
    Encrypt(&'a mut dyn FnMut(&mut [u8])),
}

pub(crate) struct Walk<'a> {
    key: &'a DataKey,
    matcher: Matcher,
    only_encrypted: bool,
    hash: Sha512,
    path: Vec<String>,
    comments: Vec<Vec<Text>>,
    direction: Direction<'a>,
    budget: &'a Budget,
}

impl<'a> Walk<'a> {
    pub fn new(key: &'a DataKey, metadata: &Metadata, direction: Direction<'a>, budget: &'a Budget) -> Self {
        let mut hash = Sha512::new();
        if metadata.mac_only_encrypted {
            hash.update(ONLY_ENCRYPTED);
        }
        Self {
            key,
            matcher: Matcher::new(&metadata.rule),
            only_encrypted: metadata.mac_only_encrypted,
            hash,
            path: Vec::new(),
            comments: Vec::new(),
            direction,
            budget,
        }
    }

    /// The MAC in upper-case hexadecimal digits.
    pub fn mac(self) -> String {
        self.hash.finalize().iter().fold(String::with_capacity(128), |mut text, byte| {
            write!(text, "{byte:02X}").expect("writing to a string cannot fail");
            text
        })
    }

    fn stop<T>(&self, line: u32, message: impl Into<String>) -> Result<T, Stop> {
        Err(Stop { path: self.path.join("."), line, message: message.into() })
    }

    pub fn branch(&mut self, branch: &mut Branch) -> Result<(), Stop> {
        self.comments.push(Vec::new());
        for item in branch.iter_mut() {
            let name = match &mut item.key {
                Key::Comment(comment) => {
                    self.active().push(comment.text.clone());
                    self.comment(comment, item.line)?;
                    continue;
                }
                Key::Odd(what) => {
                    let message = format!("a key is {what}; sops knows only keys that are strings");
                    return self.stop(item.line, message);
                }
                Key::Text(name) => name.clone(),
            };
            if let Value::Comment(comment) = &item.value {
                let text = comment.text.clone();
                self.active().push(text);
            }
            self.path.push(name);
            self.value(&mut item.value, item.line)?;
            self.path.pop();
            self.active().clear();
        }
        self.comments.pop();
        Ok(())
    }

    fn active(&mut self) -> &mut Vec<Text> {
        if self.comments.is_empty() {
            self.comments.push(Vec::new());
        }
        self.comments.last_mut().expect("pushed above")
    }

    fn list(&mut self, list: &mut [Element]) -> Result<(), Stop> {
        self.comments.push(Vec::new());
        for element in list {
            let comment = match &element.value {
                Value::Comment(comment) => Some(comment.text.clone()),
                _ => None,
            };
            let is_comment = comment.is_some();
            self.active().extend(comment);
            self.value(&mut element.value, element.line)?;
            if !is_comment {
                self.active().clear();
            }
        }
        self.comments.pop();
        Ok(())
    }

    fn value(&mut self, value: &mut Value, line: u32) -> Result<(), Stop> {
        if let Err(why) = self.budget.spend(1) {
            return self.stop(line, why.to_string());
        }
        match value {
            Value::Map(branch) => self.branch(branch),
            Value::Seq(list) => self.list(list),
            Value::Null => Ok(()),
            Value::Uint(_) => self.stop(line, "an integer above 9223372036854775807 cannot be held by sops"),
            _ => self.leaf(value, line),
        }
    }

    fn aad(&self) -> Vec<u8> {
        let mut aad = self.path.join(":").into_bytes();
        aad.push(b':');
        aad
    }

    /// A comment in a mapping stays one, whatever is in it.
    fn comment(&mut self, comment: &mut Comment, line: u32) -> Result<(), Stop> {
        let inline = comment.inline;
        let mut value = Value::Comment(std::mem::take(comment));
        self.leaf(&mut value, line)?;
        *comment = match value {
            Value::Comment(found) => found,
            Value::Str(text) => Comment { text, inline },
            other => return self.stop(line, format!("a comment holds {}", other.kind_name())),
        };
        Ok(())
    }

    fn leaf(&mut self, value: &mut Value, line: u32) -> Result<(), Stop> {
        let is_comment = matches!(value, Value::Comment(_));
        let encrypted = self.matcher.encrypts(&self.path, &self.comments, is_comment);
        let covered = (!self.only_encrypted || encrypted) && !is_comment;
        if matches!(self.direction, Direction::Encrypt(_)) && covered {
            self.cover(value, line)?;
        }
        if encrypted {
            let aad = self.aad();
            match &mut self.direction {
                Direction::Decrypt => self.open(value, &aad, line)?,
                Direction::Encrypt(random) => {
                    let mut nonce = [0; 32];
                    random(&mut nonce);
                    let Some(sealed) = self.key.encrypt(value, &aad, &nonce) else {
                        return self.stop(line, format!("{} cannot be encrypted", value.kind_name()));
                    };
                    if is_comment && self.matcher.takes_comment(&sealed) {
                        return self.stop(line, "unencrypted_comment_regex matches an encrypted comment");
                    }
                    *value = Value::text(sealed);
                }
            }
        }
        if matches!(self.direction, Direction::Decrypt) && covered {
            self.cover(value, line)?;
        }
        Ok(())
    }

    fn cover(&mut self, value: &Value, line: u32) -> Result<(), Stop> {
        match bytes_of(value) {
            Some(bytes) => self.hash.update(&*bytes),
            None => return self.stop(line, format!("{} has no bytes for the MAC", value.kind_name())),
        }
        Ok(())
    }

    fn open(&self, value: &mut Value, aad: &[u8], line: u32) -> Result<(), Stop> {
        match value {
            Value::Comment(comment) => {
                // One that does not open was never encrypted: older versions left comments alone.
                if let Ok(opened) = self.key.decrypt(&comment.text, aad) {
                    *value = opened;
                }
                Ok(())
            }
            Value::Str(text) => match self.key.decrypt(text, aad) {
                Ok(opened) => {
                    *value = opened;
                    Ok(())
                }
                Err(why) => self.stop(line, why),
            },
            other => self.stop(line, format!("it should be encrypted, but is {}", other.kind_name())),
        }
    }
}
