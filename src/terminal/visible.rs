//! What would steer a terminal, made visible: whatever a server says, it is shown and not obeyed. Only for terminals;
//! files and pipes get every byte as it is.

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;

/// Passes text on to a terminal, made visible unless `raw` says that a process has the terminal.
pub struct Visible<W> {
    to: W,
    raw: Rc<Cell<bool>>,
    /// The beginning of a character whose end has not come.
    rest: Vec<u8>,
}

impl<W: Write> Visible<W> {
    /// A writer to a terminal.
    pub fn new(to: W, raw: Rc<Cell<bool>>) -> Self {
        Self { to, raw, rest: Vec::new() }
    }
}

impl<W: Write> Write for Visible<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let is_plain = |byte: &u8| matches!(byte, b'\t' | b'\n' | b' '..=b'~');
        if self.raw.get() || self.rest.is_empty() && data.iter().all(is_plain) {
            self.to.write_all(data)?;
            return Ok(data.len());
        }
        self.rest.extend_from_slice(data);
        let whole = match std::str::from_utf8(&self.rest) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.rest.len(),
        };
        let tail = self.rest.split_off(whole);
        let text = visible(&String::from_utf8_lossy(&self.rest));
        self.rest = tail;
        self.to.write_all(text.as_bytes())?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Text without anything that steers a terminal or turns the order of what is read around: control characters, those of
/// the second set, and marks of direction.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\t' | '\n' => out.push(c),
            '\r' if chars.peek() == Some(&'\n') => out.push(c),
            '\r' => out.push_str("\\r"),
            '\0'..='\x1f' => out.extend(['^', char::from(u8::try_from(c).unwrap_or(0) | 0x40)]),
            '\x7f' => out.push_str("^?"),
            '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                out.push_str(&format!("<U+{:04X}>", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shows_what_steers() {
        for (text, want) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("a\x1b[31mb\x07c\x7f", "a^[[31mb^Gc^?"),
            ("over\rwritten\r\n", "over\\rwritten\r\n"),
            ("\u{9b}1m", "<U+009B>1m"),
            ("a\u{202e}b\u{2066}", "a<U+202E>b<U+2066>"),
            ("größe 🚀", "größe 🚀"),
        ] {
            assert_eq!(visible(text), want);
        }
    }

    fn written(pieces: &[&[u8]], raw: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Visible::new(&mut out, Rc::new(Cell::new(raw)));
        pieces.iter().for_each(|piece| writer.write_all(piece).expect("written"));
        out
    }

    proptest! {
        #[test]
        fn is_the_same_in_pieces(text in "[a-z\\x00-\\x1f\u{80}-\u{a0}ö🚀\u{202e}]{0,20}", size in 1..5usize) {
            // A carriage return at the end of a piece cannot know what follows.
            let text = text.replace('\r', "");
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert_eq!(String::from_utf8(written(&pieces, false)).expect("text"), visible(&text));
            prop_assert_eq!(written(&pieces, true), text.as_bytes());
        }

        #[test]
        fn nothing_steers(noise in proptest::collection::vec(any::<u8>(), 0..40)) {
            let text = String::from_utf8_lossy(&written(&[&noise], false)).into_owned();
            prop_assert!(text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')), "{:?}", text);
        }
    }
}
