/// The text written so far, and what libyaml's emitter remembers of it.
#[derive(Default)]
pub(super) struct Writer {
    out: String,
    column: usize,
    not_whitespace: bool,
    not_indention: bool,
}

/// Where yaml.v2 starts to fold.
pub(super) const WIDTH: usize = 80;

impl Writer {
    /// Whether the line so far is indentation and dashes only.
    pub fn indention(&self) -> bool {
        !self.not_indention && !self.out.is_empty() && self.column > 0
    }

    pub fn past_width(&self) -> bool {
        self.column > WIDTH
    }

    pub fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    pub fn put_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    /// A break of the text itself: the one it has.
    pub fn write_break(&mut self, c: char) {
        if c == '\n' {
            self.put_break();
        } else {
            self.out.push(c);
            self.column = 0;
        }
    }

    /// Content follows: the line is neither white nor indentation any more.
    pub fn mark_content(&mut self) {
        self.not_whitespace = true;
        self.not_indention = true;
    }

    pub fn mark_indention(&mut self) {
        self.not_whitespace = false;
        self.not_indention = false;
    }

    pub fn space_before(&mut self) {
        if self.not_whitespace {
            self.put(' ');
        }
    }

    pub fn indicator(&mut self, text: &str, needs_space: bool, keeps_indention: bool) {
        if needs_space && self.column > 0 {
            self.space_before();
        }
        text.chars().for_each(|c| self.put(c));
        self.not_whitespace = true;
        self.not_indention |= !keeps_indention;
    }

    pub fn write_indent(&mut self, indent: i32) {
        let indent = usize::try_from(indent).unwrap_or(0);
        let fresh = self.out.is_empty() || self.column == 0;
        if !fresh && (self.not_indention || self.column > indent || (self.column == indent && self.not_whitespace)) {
            self.put_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.mark_indention();
    }

    /// The text, whose last line is ended; any break ends one.
    pub fn finish(mut self) -> String {
        if self.column > 0 {
            self.out.push('\n');
        }
        self.out
    }
}
