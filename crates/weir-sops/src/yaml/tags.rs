//! Directives, anchors and tags.

use super::scan::{Scanner, Tok};
use super::{Fault, Mark, Style, is_alpha, width};
use zeroize::Zeroizing;

impl Scanner<'_> {
    fn skip_blanks(&mut self) {
        while self.blank(0) {
            self.skip();
        }
    }

    fn word(&mut self, into: &mut String) {
        while is_alpha(self.at(0)) {
            self.read(into);
        }
    }

    pub fn directive(&mut self) -> Result<(), Fault> {
        let start = self.mark;
        self.skip();
        let mut name = String::new();
        self.word(&mut name);
        if name.is_empty() || !self.blankz(0) {
            return Err(self.fault(start, "could not find expected directive name"));
        }
        match name.as_str() {
            "YAML" => {
                self.skip_blanks();
                let major = self.version_number(start)?;
                if self.at(0) != b'.' {
                    return Err(self.fault(start, "did not find expected digit or '.' character"));
                }
                self.skip();
                let minor = self.version_number(start)?;
                let value = Zeroizing::new(format!("{major}.{minor}"));
                self.push_with(Tok::Version, start, self.mark, value, String::new(), Style::Plain);
            }
            "TAG" => {
                self.skip_blanks();
                let handle = self.tag_handle(true, start)?;
                if !self.blank(0) {
                    return Err(self.fault(start, "did not find expected whitespace"));
                }
                self.skip_blanks();
                let prefix = self.tag_uri(None, start)?;
                if !self.blankz(0) {
                    return Err(self.fault(start, "did not find expected whitespace or line break"));
                }
                self.push_with(Tok::TagDirective, start, self.mark, handle.into(), prefix, Style::Plain);
            }
            _ => return Err(self.fault(start, "found unknown directive name")),
        }
        self.skip_blanks();
        if self.at(0) == b'#' {
            while !self.breakz(0) {
                self.skip();
            }
        }
        if !self.breakz(0) {
            return Err(self.fault(start, "did not find expected comment or line break"));
        }
        self.skip_line();
        Ok(())
    }

    fn version_number(&mut self, start: Mark) -> Result<u32, Fault> {
        let mut digits = String::new();
        while self.at(0).is_ascii_digit() {
            self.read(&mut digits);
        }
        if digits.len() > 2 {
            return Err(self.fault(start, "found extremely long version number"));
        }
        digits.parse().map_err(|_| self.fault(start, "did not find expected version number"))
    }

    pub fn anchor(&mut self, tok: Tok) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.mark;
        self.skip();
        let mut name = String::new();
        self.word(&mut name);
        if name.is_empty() || !(self.blankz(0) || b"?:,]}%@`".contains(&self.at(0))) {
            return Err(self.fault(start, "did not find expected alphabetic or numeric character"));
        }
        self.push_with(tok, start, self.mark, name.into(), String::new(), Style::Plain);
        Ok(())
    }

    pub fn tag(&mut self) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.mark;
        let mut handle = String::new();
        let mut suffix;
        if self.at(1) == b'<' {
            self.skip();
            self.skip();
            suffix = self.tag_uri(None, start)?;
            if self.at(0) != b'>' {
                return Err(self.fault(start, "did not find the expected '>'"));
            }
            self.skip();
        } else {
            handle = self.tag_handle(false, start)?;
            if handle.len() > 1 && handle.ends_with('!') {
                suffix = self.tag_uri(None, start)?;
            } else {
                suffix = self.tag_uri(Some(&handle), start)?;
                "!".clone_into(&mut handle);
                // `!` alone has no handle.
                if suffix.is_empty() {
                    std::mem::swap(&mut handle, &mut suffix);
                }
            }
        }
        if !self.blankz(0) {
            return Err(self.fault(start, "did not find expected whitespace or line break"));
        }
        self.push_with(Tok::Tag, start, self.mark, handle.into(), suffix, Style::Plain);
        Ok(())
    }

    fn tag_handle(&mut self, directive: bool, start: Mark) -> Result<String, Fault> {
        if self.at(0) != b'!' {
            return Err(self.fault(start, "did not find expected '!'"));
        }
        let mut handle = String::new();
        self.read(&mut handle);
        self.word(&mut handle);
        if self.at(0) == b'!' {
            self.read(&mut handle);
        } else if directive && handle != "!" {
            return Err(self.fault(start, "did not find expected '!'"));
        }
        Ok(handle)
    }

    fn tag_uri(&mut self, head: Option<&str>, start: Mark) -> Result<String, Fault> {
        let mut uri = head.and_then(|head| head.get(1..)).unwrap_or_default().to_owned();
        let mut found = head.is_some();
        while is_alpha(self.at(0)) || (self.at(0) != 0 && b";/?:@&=+$,.!~*'()[]%".contains(&self.at(0))) {
            if self.at(0) == b'%' {
                self.uri_escape(&mut uri, start)?;
            } else {
                self.read(&mut uri);
            }
            found = true;
        }
        if found { Ok(uri) } else { Err(self.fault(start, "did not find expected tag URI")) }
    }

    fn uri_escape(&mut self, uri: &mut String, start: Mark) -> Result<(), Fault> {
        let mut bytes = Vec::new();
        let mut wanted = 1;
        while bytes.len() < wanted {
            let digits = [self.at(1), self.at(2)];
            let octet = std::str::from_utf8(&digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit));
            let octet = octet.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| self.at(0) == b'%');
            let Some(octet) = octet else { return Err(self.fault(start, "did not find URI escaped octet")) };
            if bytes.is_empty() {
                wanted = width(octet);
            }
            bytes.push(octet);
            (0..3).for_each(|_| self.skip());
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| self.fault(start, "found an incorrect UTF-8 octet"))?;
        uri.push_str(text);
        Ok(())
    }
}
