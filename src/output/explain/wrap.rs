//! Breaking lines between words, as kubectl's templates do: white space within a line stays as it is.

/// Breaks lines that are longer than `limit` characters where there is white space.
pub(super) fn wrap(text: &str, limit: usize) -> String {
    let mut out = Wrapper { out: String::with_capacity(text.len() + 16), ..Wrapper::default() };
    for c in text.chars() {
        match c {
            '\n' => out.end_line(limit),
            // No-break spaces do not break.
            c if c.is_whitespace() && c != '\u{a0}' => {
                if out.space.is_empty() || !out.word.is_empty() {
                    out.settle();
                }
                out.space.push(c);
                out.space_width += 1;
            }
            c => {
                out.word.push(c);
                out.word_width += 1;
                if out.width + out.space_width + out.word_width > limit && out.word_width < limit {
                    out.out.push('\n');
                    out.width = 0;
                    out.drop_space();
                }
            }
        }
    }
    if !out.word.is_empty() || out.width + out.space_width <= limit {
        out.settle();
    }
    out.out
}

#[derive(Default)]
struct Wrapper {
    out: String,
    /// Characters of the line so far.
    width: usize,
    /// White space that goes before the next word, if it stays on this line.
    space: String,
    space_width: usize,
    /// The word that is being read.
    word: String,
    word_width: usize,
}

impl Wrapper {
    /// Writes the white space and the word behind it.
    fn settle(&mut self) {
        self.out.push_str(&self.space);
        self.out.push_str(&self.word);
        self.width += self.space_width + self.word_width;
        self.drop_space();
        self.word.clear();
        self.word_width = 0;
    }

    fn drop_space(&mut self) {
        self.space.clear();
        self.space_width = 0;
    }

    fn end_line(&mut self, limit: usize) {
        if self.word.is_empty() && self.width + self.space_width > limit {
            self.drop_space();
        }
        self.settle();
        self.out.push('\n');
        self.width = 0;
    }
}

/// Puts `amount` spaces before every line, the empty ones too.
pub(super) fn indent(amount: usize, text: &str) -> String {
    let pad = " ".repeat(amount);
    format!("{pad}{}", text.replace('\n', &format!("\n{pad}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn breaks_between_words() {
        for (text, limit, want) in [
            ("this is a really good test", 3, "this\nis\na\nreally\ngood\ntest"),
            ("foo bar baz", 7, "foo bar\nbaz"),
            ("foo\nbar baz", 5, "foo\nbar\nbaz"),
            ("foo   bar", 20, "foo   bar"),
            ("foo   bar", 5, "foo\nbar"),
            ("  - a\n    b", 20, "  - a\n    b"),
            ("a\u{a0}b c", 3, "a\u{a0}b\nc"),
            ("", 3, ""),
            ("a ", 3, "a "),
            ("abc ", 3, "abc"),
        ] {
            assert_eq!(wrap(text, limit), want, "{text:?} in {limit}");
        }
        assert_eq!(indent(2, "a\n\nb\n"), "  a\n  \n  b\n  ");
    }

    proptest! {
        #[test]
        fn keeps_every_word(text in "[a-c \n]{0,40}", limit in 1usize..12) {
            let wrapped = wrap(&text, limit);
            prop_assert_eq!(wrapped.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
        }
    }
}
