//! Files of this machine as an archive, piece by piece.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use tar::{Builder, EntryType, Header, HeaderMode};
use tokio::sync::mpsc;

use super::progress::Count;

/// Bytes of a piece.
const PIECE: usize = 32 * 1024;

/// Writes an archive of a file or folder, whose name in it is `name`, and counts its bytes. Links are kept as links.
///
/// # Errors
/// What cannot be read; a reader that has gone is no error.
pub fn pack(source: &Path, name: &str, pieces: mpsc::Sender<Bytes>, count: &Count) -> anyhow::Result<()> {
    let mut builder = Builder::new(BufWriter::with_capacity(PIECE, Pieces(pieces, count)));
    let result = entries(&mut builder, source, name).and_then(|()| {
        let mut rest = builder.into_inner()?;
        rest.flush()?;
        Ok(())
    });
    match result {
        Err(error)
            if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        result => result,
    }
}

fn entries(builder: &mut Builder<impl Write>, source: &Path, name: &str) -> anyhow::Result<()> {
    let mut waiting = vec![(source.to_owned(), PathBuf::from(name))];
    while let Some((path, name)) = waiting.pop() {
        let said = || format!("lstat {}", path.display());
        let meta = fs::symlink_metadata(&path).with_context(said)?;
        if meta.is_dir() {
            let mut names: Vec<_> = fs::read_dir(&path)
                .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect())
                .with_context(|| format!("open {}", path.display()))?;
            // Folders come out of the files in them; only an empty one has an entry of its own.
            if names.is_empty() {
                let mut header = header(&meta, EntryType::Directory);
                header.set_size(0);
                builder.append_data(&mut header, &name, io::empty())?;
            }
            names.sort_unstable();
            waiting.extend(names.into_iter().rev().map(|own| (path.join(&own), name.join(&own))));
        } else if meta.is_symlink() {
            let target = fs::read_link(&path).with_context(|| format!("readlink {}", path.display()))?;
            let mut header = header(&meta, EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, &name, target)?;
        } else if meta.is_file() {
            let file = File::open(&path).with_context(|| format!("open {}", path.display()))?;
            let mut header = header(&meta, EntryType::Regular);
            header.set_size(meta.len());
            builder.append_data(&mut header, &name, Exactly { file, left: meta.len() })?;
        } else {
            anyhow::bail!("{} is no file, no folder and no link, and cannot be copied", path.display());
        }
    }
    Ok(())
}

fn header(meta: &Metadata, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_metadata_in_mode(meta, HeaderMode::Complete);
    header.set_entry_type(kind);
    header
}

/// As much of a file as its entry promises, however it changes meanwhile.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
        if count == 0 && most > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file became shorter while it was copied"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Hands on what is written.
struct Pieces<'a>(mpsc::Sender<Bytes>, &'a Count);

impl Write for Pieces<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.blocking_send(Bytes::copy_from_slice(data)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        self.1.add(data.len());
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
