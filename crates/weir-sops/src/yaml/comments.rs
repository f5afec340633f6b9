//! Comments: which token one belongs to, and on which side of it.

use super::Mark;
use super::scan::{Comment, Scanner, Tok};

/// How far ahead the original looks for a comment.
const LOOK: usize = 512;

impl Scanner<'_> {
    /// A comment behind a token, in its line.
    pub fn line_comment(&mut self, token: Mark) {
        if self.newlines > 0 {
            return;
        }
        let Some(ahead) = (0..LOOK).find(|k| !self.blank(*k)) else { return };
        if self.at(ahead) != b'#' {
            return;
        }
        (0..ahead).for_each(|_| self.skip());
        let start = self.mark;
        let mut line = String::new();
        while !self.breakz(0) {
            self.read(&mut line);
        }
        self.comments.push(Comment { token, start, line, ..Comment::default() });
    }

    /// Comments in lines of their own, up to the next token: the foot of what was before, or the head of what comes.
    pub fn head_comments(&mut self, mut scan: Mark) {
        let Some(mut last) = self.tokens.last() else { return };
        if last.tok == Tok::FlowEntry && self.tokens.len() > 1 {
            last = &self.tokens[self.tokens.len() - 2];
        }
        let last_tok = last.tok;
        let mut token = last.start;
        let mut start = Mark::default();
        let mut next_indent = self.indent.max(0);
        let mut recent_empty = false;
        let mut first_empty = self.newlines <= 1;
        let mut line = self.mark.line;
        let mut column = self.mark.column;
        let mut text = String::new();
        // A comment is a foot only right below what it follows.
        let mut foot_line = -1;
        if scan.line > 0 {
            foot_line = self.mark.line - self.newlines + 1;
            if self.newlines == 0 && self.mark.column > 1 {
                foot_line += 1;
            }
        }
        let mut peek = 0;
        while peek < LOOK {
            column += 1;
            if self.blank(peek) {
                peek += 1;
                continue;
            }
            let byte = self.at(peek);
            let here = Mark { index: self.mark.index + peek as i64, line, column };
            let close_flow = self.flow_level > 0 && matches!(byte, b']' | b'}');
            if close_flow || self.breakz(peek) {
                if close_flow || !recent_empty {
                    let below = start.line == foot_line && last_tok != Tok::Value;
                    if close_flow || first_empty && (below || start.column - 1 < next_indent) {
                        if !text.is_empty() {
                            if start.column - 1 < next_indent {
                                // Dedented: it has nothing to do with the token before.
                                token = start;
                            }
                            let foot = std::mem::take(&mut text);
                            self.comments.push(Comment { scan, token, start, end: here, foot, ..Comment::default() });
                            scan = here;
                            token = scan;
                        }
                    } else if !text.is_empty() && byte != 0 {
                        text.push('\n');
                    }
                }
                if !self.brk(peek) {
                    break;
                }
                first_empty = false;
                recent_empty = true;
                column = 0;
                line += 1;
                peek += 1;
                continue;
            }
            if !text.is_empty() && column - 1 < next_indent && column != start.column {
                // At another indentation it is the foot of what was before.
                let foot = std::mem::take(&mut text);
                self.comments.push(Comment { scan, token, start, end: here, foot, ..Comment::default() });
                scan = here;
                token = scan;
            }
            if byte != b'#' {
                break;
            }
            if text.is_empty() {
                start = here;
            } else {
                text.push('\n');
            }
            recent_empty = false;
            let seen = self.mark.index + peek as i64;
            loop {
                if self.breakz(0) {
                    if self.mark.index >= seen || self.z(0) {
                        break;
                    }
                    self.skip_line();
                } else if self.mark.index >= seen {
                    self.read(&mut text);
                } else {
                    self.skip();
                }
            }
            // The original sets its counter to 0 at the end of a turn that then adds 1.
            peek = 1;
            column = 0;
            line = self.mark.line;
            next_indent = self.indent.max(0);
        }
        if !text.is_empty() {
            let end = Mark { index: self.mark.index + peek as i64 - 1, line, column };
            self.comments.push(Comment { scan, token: start, start, end, head: text, ..Comment::default() });
        }
    }
}
