//! Files that nobody but their owner can read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Writes a file that only its owner can read, whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        let temporary = beside(path, text)?;
        let result = fs::rename(&temporary, path);
        if result.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        result
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// The text of a file; one that is not there is made first. Of several processes that do so at the same
/// time one wins, and all get what it wrote.
pub(super) fn read_or_make(path: &Path, make: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<String> {
    let read = || fs::read_to_string(path);
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other.with_context(|| format!("reading {}", path.display())),
    }
    let text = make()?;
    let put = || -> io::Result<()> {
        let temporary = beside(path, &text)?;
        let result = fs::hard_link(&temporary, path);
        let _ = fs::remove_file(&temporary);
        match result {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    };
    put().with_context(|| format!("writing {}", path.display()))?;
    read().with_context(|| format!("reading {}", path.display()))
}

/// Writes a file beside the one that it is for.
fn beside(path: &Path, text: &str) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let _ = fs::remove_file(&temporary);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map(|()| temporary)
}
