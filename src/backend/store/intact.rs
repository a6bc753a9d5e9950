//! Whether the database sees all that its write-ahead log holds.
//!
//! SQLite reads the log up to the first frame whose sum is wrong, and takes that for the place where a process
//! was killed. Where a commit follows that is whole, nobody was killed there: the file is damaged, and what was
//! acknowledged would be gone without a word. The same goes for a log whose database is missing or empty, which
//! SQLite removes.
//!
//! The layout of these files is told in <https://sqlite.org/walformat.html>.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::StoreError;
use super::database::beside;

/// The smallest page that SQLite has, in bytes.
const SHORTEST: u64 = 512;
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// Behind so many frames in a row that are not of this log, which is what is left of an earlier one, nothing of it follows.
const OTHERS: u64 = 64;
/// The first word of a log, whose last bit says in which order the bytes of words are summed.
const MAGIC: u32 = 0x377f_0682;

fn size(path: &Path) -> io::Result<u64> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn damaged(path: &Path, why: &str) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), why: why.to_owned() }
}

/// To be asked before the database is opened.
///
/// # Errors
/// A log without a database; a file too short to be one, which SQLite would write over.
pub fn before(path: &Path) -> Result<(), StoreError> {
    match size(path)? {
        0 if size(&beside(path, "-wal"))? > 0 => {
            Err(damaged(path, "the file is missing or empty, but its log (-wal) is not"))
        }
        1..SHORTEST => Err(damaged(path, "the file breaks off within its head")),
        _ => Ok(()),
    }
}

/// To be asked once the database was read, and before anything is written.
///
/// The index of the log (-shm) is never opened here: closing it again would take back the locks on it by which the
/// processes know of each other.
///
/// # Errors
/// Commits that the database does not see.
pub fn after(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let seen = connection.query_row("PRAGMA wal_checkpoint = noop", [], |row| row.get::<_, i64>(1));
    let seen = match seen {
        // Where nothing can be written, nothing is lost by writing.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) => return Ok(()),
        seen => seen?,
    };
    let (Ok(seen), Some(mut log)) = (u64::try_from(seen), Log::open(path)?) else { return Ok(()) };
    let has_more = if log.is_valid() { log.commit_from(seen)? } else { seen == 0 };
    if !has_more {
        return Ok(());
    }
    // It may be somebody's commit of this moment. Nobody writes while this lasts.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let broken = match Log::open(path)? {
        Some(mut log) => log.is_broken()?,
        None => false,
    };
    drop(transaction);
    if broken { Err(damaged(path, "its log (-wal) cannot be read to the end")) } else { Ok(()) }
}

/// The log, frame by frame.
struct Log {
    file: File,
    header: [u8; LOG_HEADER],
    page: usize,
    /// How many whole frames there are.
    count: u64,
}

impl Log {
    /// None where there is no log, or none with a frame.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let path = beside(path, "-wal");
        let length = size(&path)?;
        if length < (LOG_HEADER + FRAME_HEADER) as u64 {
            return Ok(None);
        }
        let mut file = File::open(path)?;
        let mut header = [0; LOG_HEADER];
        file.read_exact(&mut header)?;
        // In a header that is damaged anything may stand; pages have at most 64 KiB.
        let page = (word(&header, 8) as usize).clamp(512, 65_536);
        let count = (length - LOG_HEADER as u64) / (FRAME_HEADER + page) as u64;
        Ok(Some(Self { file, header, page, count }))
    }

    fn is_valid(&self) -> bool {
        let sum = self.sum((0, 0), &self.header[..24]);
        word(&self.header, 0) & !1 == MAGIC && sum == pair(&self.header, 24)
    }

    fn salts(&self) -> &[u8] {
        &self.header[16..24]
    }

    /// Goes on from a sum.
    fn sum(&self, (mut one, mut two): (u32, u32), bytes: &[u8]) -> (u32, u32) {
        let read = if word(&self.header, 0) & 1 == 1 { u32::from_be_bytes } else { u32::from_le_bytes };
        for words in bytes.as_chunks::<4>().0.as_chunks::<2>().0 {
            one = one.wrapping_add(read(words[0])).wrapping_add(two);
            two = two.wrapping_add(read(words[1])).wrapping_add(one);
        }
        (one, two)
    }

    /// Whether a commit ends in a frame from this one on.
    fn commit_from(&mut self, number: u64) -> io::Result<bool> {
        let mut others = 0;
        for number in number..self.count {
            let head = self.head(number)?;
            if head[8..16] != *self.salts() {
                others += 1;
                if others > OTHERS {
                    break;
                }
            } else if word(&head, 4) != 0 && self.follows(number)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a commit follows a frame whose sum is wrong.
    fn is_broken(&mut self) -> io::Result<bool> {
        if !self.is_valid() {
            return Ok(self.count > 0);
        }
        for number in 0..self.count {
            if !self.follows(number)? {
                return self.commit_from(number + 1);
            }
        }
        Ok(false)
    }

    /// Where a frame begins.
    fn place(&self, number: u64) -> u64 {
        LOG_HEADER as u64 + number * (FRAME_HEADER + self.page) as u64
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(into)
    }

    fn head(&mut self, number: u64) -> io::Result<[u8; FRAME_HEADER]> {
        let mut head = [0; FRAME_HEADER];
        self.read(self.place(number), &mut head)?;
        Ok(head)
    }

    /// Whether a frame is of this log, and its sum goes on from that of the one before it.
    fn follows(&mut self, number: u64) -> io::Result<bool> {
        let head = self.head(number)?;
        if head[8..16] != *self.salts() {
            return Ok(false);
        }
        let before = match number.checked_sub(1) {
            None => pair(&self.header, 24),
            Some(number) => pair(&self.head(number)?, 16),
        };
        let mut data = vec![0; self.page];
        self.read(self.place(number) + FRAME_HEADER as u64, &mut data)?;
        let sum = self.sum(before, &head[..8]);
        Ok(self.sum(sum, &data) == pair(&head, 16))
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_be_bytes)
}

fn pair(bytes: &[u8], at: usize) -> (u32, u32) {
    (word(bytes, at), word(bytes, at + 4))
}
