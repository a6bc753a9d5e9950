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
pub struct TabWriter<W: Write> {
    out: W,
    settings: Settings,
    text: Vec<u8>,
    cells: Vec<Cell>,
    /// Index of the first cell of each line.
    lines: Vec<usize>,
    /// Text of the cell that is being written starts here.
    start: usize,
    /// Widest cell so far of each column, kept over flushes.
    remembered: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Cell {
    /// In bytes.
    size: usize,
    /// In characters.
    width: usize,
}

impl<W: Write> TabWriter<W> {
    /// A writer that aligns as `settings` say.
    pub fn new(out: W, settings: Settings) -> Self {
        Self { out, settings, text: Vec::new(), cells: Vec::new(), lines: vec![0], start: 0, remembered: Vec::new() }
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

    fn end_cell(&mut self) {
        let bytes = self.text.get(self.start..).unwrap_or_default();
        // Every byte that does not continue a character begins one.
        let width = bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        self.cells.push(Cell { size: bytes.len(), width });
        self.start = self.text.len();
    }

    /// Writes out every line, the unfinished one included.
    fn format(&mut self) -> io::Result<()> {
        if self.text.len() > self.start {
            self.end_cell();
        }
        let columns = self.columns();
        let mut rest = self.text.as_slice();
        let mut blocks = columns.iter();
        let mut line_buffer = Vec::new();
        for (index, first) in self.lines.iter().enumerate() {
            let end = self.lines.get(index + 1).copied().unwrap_or(self.cells.len());
            let cells = self.cells.get(*first..end).unwrap_or_default();
            for (at, cell) in cells.iter().enumerate() {
                let (text, after) = rest.split_at(cell.size.min(rest.len()));
                rest = after;
                line_buffer.extend_from_slice(text);
                if at + 1 < cells.len()
                    && let Some(width) = blocks.next()
                {
                    line_buffer.resize(line_buffer.len() + width.saturating_sub(cell.width), b' ');
                }
            }
            if index + 1 < self.lines.len() {
                line_buffer.push(b'\n');
            }
            if line_buffer.len() > 16 * 1024 {
                self.out.write_all(&line_buffer)?;
                line_buffer.clear();
            }
        }
        self.out.write_all(&line_buffer)?;
        self.text.clear();
        self.cells.clear();
        self.lines.clear();
        self.lines.push(0);
        self.start = 0;
        Ok(())
    }

    /// The padded width of every cell that is in a column, in the order of the cells.
    fn columns(&mut self) -> Vec<usize> {
        // Pass one gives each cell the number of its block and each block its width.
        let mut block_of_cell: Vec<usize> = Vec::with_capacity(self.cells.len());
        let mut widths: Vec<usize> = Vec::new();
        let mut column_of_block: Vec<usize> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for (index, first) in self.lines.iter().enumerate() {
            let end = self.lines.get(index + 1).copied().unwrap_or(self.cells.len());
            let cells = self.cells.get(*first..end).unwrap_or_default();
            let cells = cells.split_last().map_or(cells, |(_, cells)| cells);
            open.truncate(cells.len());
            for (column, cell) in cells.iter().enumerate() {
                if column == open.len() {
                    open.push(widths.len());
                    widths.push(self.settings.min_width);
                    column_of_block.push(column);
                }
                let Some(block) = open.get(column).copied() else { continue };
                if let Some(width) = widths.get_mut(block) {
                    *width = (*width).max(cell.width + self.settings.padding);
                }
                block_of_cell.push(block);
            }
        }
        if self.settings.remember_widths {
            for (width, column) in widths.iter_mut().zip(&column_of_block) {
                match self.remembered.get_mut(*column) {
                    Some(remembered) => {
                        *remembered = (*remembered).max(*width);
                        *width = *remembered;
                    }
                    None => self.remembered.push(*width),
                }
            }
        }
        for block in &mut block_of_cell {
            *block = widths.get(*block).copied().unwrap_or(0);
        }
        block_of_cell
    }
}

impl<W: Write> Write for TabWriter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut rest = data;
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\t' | b'\n' | 0x0b | 0x0c)) {
            let (text, after) = rest.split_at(at);
            self.text.extend_from_slice(text);
            self.end_cell();
            if matches!(after.first(), Some(b'\n' | 0x0c)) {
                let single = self.lines.last().is_some_and(|first| self.cells.len() == first + 1);
                self.lines.push(self.cells.len());
                if single || after.first() == Some(&0x0c) {
                    self.format()?;
                }
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
