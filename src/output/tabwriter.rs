//! Text with tabs in, aligned text out: the elastic tab stops of Go's `text/tabwriter`.
//!
//! A cell is text that ends in a tab; the text after a line's last tab belongs to no column and is
//! never padded. A column is a run of lines that have a cell in it, so a line with fewer cells ends
//! the columns to its right. Widths count characters, not terminal columns.

use std::io::{self, Write};

/// How cells are aligned.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Least width of a column, padding included.
    pub min_width: usize,
    /// Spaces between a column's widest cell and the next column.
    pub padding: usize,
    /// Whether columns stay as wide as they have been over a flush, so that what a watch adds lines
    /// up with what is there.
    pub remember_widths: bool,
}

impl Settings {
    /// How kubectl prints tables.
    pub const TABLE: Self = Self { min_width: 6, padding: 3, remember_widths: true };
    /// How `kubectl describe` prints.
    pub const DESCRIBE: Self = Self { min_width: 0, padding: 2, remember_widths: false };
}

/// A writer that aligns what is written to it. Lines are held until [`flush`](Write::flush), or until
/// a line without a tab ends every column. What is not flushed is lost.
///
/// Nothing but the text and the widths of its columns is held.
pub struct TabWriter<W: Write> {
    out: W,
    settings: Settings,
    /// Cells end in tabs, lines in line feeds.
    text: Vec<u8>,
    /// The cell that is being written starts here.
    start: usize,
    columns: Columns,
    /// The width of each column so far, in the order in which they began, and which of a line it is.
    widths: Vec<(usize, usize)>,
    /// Widest cell so far of each column, kept over flushes.
    remembered: Vec<usize>,
}

/// Goes along the cells of lines and numbers the columns that they are in.
#[derive(Default)]
struct Columns {
    /// The number of each column of the current line.
    open: Vec<usize>,
    /// Cells in columns on the current line so far.
    at: usize,
    /// Columns so far.
    count: usize,
}

impl Columns {
    /// The column of the next cell, and which of the line it is.
    fn next(&mut self) -> (usize, usize) {
        if self.at == self.open.len() {
            self.open.push(self.count);
            self.count += 1;
        }
        self.at += 1;
        (self.open.get(self.at - 1).copied().unwrap_or(0), self.at - 1)
    }

    /// A line ends, and with it the columns to the right of its cells.
    fn end_line(&mut self) {
        self.open.truncate(self.at);
        self.at = 0;
    }
}

impl<W: Write> TabWriter<W> {
    /// A writer that aligns as `settings` say.
    pub fn new(out: W, settings: Settings) -> Self {
        Self {
            out,
            settings,
            text: Vec::new(),
            start: 0,
            columns: Columns::default(),
            widths: Vec::new(),
            remembered: Vec::new(),
        }
    }

    /// Forgets the widths of earlier lines: what follows is another table.
    pub fn forget_widths(&mut self) {
        self.remembered.clear();
    }

    /// The writer behind this one; what is not flushed is lost.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// The writer behind this one. Nothing that was written since the last flush is in it yet.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// The cell that is being written is complete, and in a column.
    fn end_cell(&mut self) {
        let width = width(self.text.get(self.start..).unwrap_or_default()) + self.settings.padding;
        let (column, of_line) = self.columns.next();
        if column == self.widths.len() {
            self.widths.push((self.settings.min_width, of_line));
        }
        if let Some((widest, _)) = self.widths.get_mut(column) {
            *widest = (*widest).max(width);
        }
        self.text.push(b'\t');
        self.start = self.text.len();
    }

    /// Writes out every line, the unfinished one included.
    fn format(&mut self) -> io::Result<()> {
        /// Bytes that are written at once.
        const PIECE: usize = 16 * 1024;
        if self.settings.remember_widths {
            for (width, column) in &mut self.widths {
                match self.remembered.get_mut(*column) {
                    Some(remembered) => {
                        *remembered = (*remembered).max(*width);
                        *width = *remembered;
                    }
                    None => self.remembered.push(*width),
                }
            }
        }
        let mut columns = Columns::default();
        let mut piece = Vec::with_capacity(PIECE + 1024);
        for line in self.text.split_inclusive(|byte| *byte == b'\n') {
            for cell in line.split_inclusive(|byte| *byte == b'\t') {
                let Some(text) = cell.strip_suffix(b"\t") else {
                    piece.extend_from_slice(cell);
                    continue;
                };
                piece.extend_from_slice(text);
                let padded = self.widths.get(columns.next().0).map_or(0, |(width, _)| *width);
                piece.resize(piece.len() + padded.saturating_sub(width(text)), b' ');
            }
            columns.end_line();
            if piece.len() > PIECE {
                self.out.write_all(&piece)?;
                piece.clear();
            }
        }
        self.out.write_all(&piece)?;
        self.text.clear();
        self.start = 0;
        self.widths.clear();
        self.columns = Columns::default();
        Ok(())
    }
}

/// How many characters a text has: every byte that does not continue one begins one.
fn width(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

impl<W: Write> Write for TabWriter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut rest = data;
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\t' | b'\n' | 0x0b | 0x0c)) {
            let (text, after) = rest.split_at(at);
            self.text.extend_from_slice(text);
            let end = after.first();
            if matches!(end, Some(b'\n' | 0x0c)) {
                let single = self.columns.at == 0;
                self.columns.end_line();
                self.text.push(b'\n');
                self.start = self.text.len();
                if single || end == Some(&0x0c) {
                    self.format()?;
                }
            } else {
                self.end_cell();
            }
            rest = after.get(1..).unwrap_or_default();
        }
        self.text.extend_from_slice(rest);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.format()?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn align(settings: Settings, text: &str) -> String {
        let mut out = Vec::new();
        let mut writer = TabWriter::new(&mut out, settings);
        writer.write_all(text.as_bytes()).unwrap();
        writer.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn aligns_cells() {
        for (settings, text, want) in [
            (Settings::TABLE, "NAME\tAGE\na\t1\n", "NAME   AGE\na      1\n"),
            (Settings::TABLE, "A\tB\tC\nlonger-text\té日\t\n", "A             B     C\nlonger-text   é日    \n"),
            (Settings::DESCRIBE, "Name:\tx\nLabels:\ta=b\n\tc=d\n", "Name:    x\nLabels:  a=b\n         c=d\n"),
            // A line without tabs ends the columns.
            (Settings::DESCRIBE, "a\tb\nplain\nlonger\tb\n", "a  b\nplain\nlonger  b\n"),
            // A line with fewer cells ends only the columns to its right.
            (Settings::DESCRIBE, "a\tbbbb\tc\nx\ty\naaa\tb\tc\n", "a    bbbb  c\nx    y\naaa  b  c\n"),
            (Settings::DESCRIBE, "a\tb", "a  b"),
            (Settings::DESCRIBE, "", ""),
            (Settings::DESCRIBE, "\n\n", "\n\n"),
        ] {
            assert_eq!(align(settings, text), want);
        }
    }

    #[test]
    fn remembers_widths() {
        let mut out = Vec::new();
        let mut writer = TabWriter::new(&mut out, Settings::TABLE);
        writer.write_all(b"a-long-name\tx\n").unwrap();
        writer.flush().unwrap();
        writer.write_all(b"b\tx\n").unwrap();
        writer.flush().unwrap();
        writer.forget_widths();
        writer.write_all(b"b\tx\n").unwrap();
        writer.flush().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a-long-name   x\nb             x\nb     x\n");
    }
}
