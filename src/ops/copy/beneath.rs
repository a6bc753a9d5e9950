//! Files and folders below a destination, reached without following any link that lies below it. The
//! destination itself is the user's word, links and all.

use std::fs::File;
use std::io;
use std::path::PathBuf;

/// A file or folder that a copy goes to.
pub struct Destination {
    root: PathBuf,
}

impl Destination {
    /// The place with that name, whether it is there or not.
    pub fn new(root: &str) -> Self {
        Self { root: PathBuf::from(root) }
    }

    fn named(&self, parts: &[String], doing: &str, error: io::Error) -> io::Error {
        let path = parts.iter().fold(self.root.clone(), |path, part| path.join(part));
        let text = error.to_string();
        let text = text.split(" (os error").next().unwrap_or_default().to_lowercase();
        io::Error::new(error.kind(), format!("{doing} {}: {text}", path.display()))
    }

    /// Makes a folder, with those above it.
    ///
    /// # Errors
    /// It cannot be made, or a link or a file is in its place.
    pub fn folder(&self, parts: &[String]) -> io::Result<()> {
        self.reach(parts).map(drop).map_err(|error| self.named(parts, "mkdir", error))
    }

    /// Makes a file, or empties it, with the folders above it.
    ///
    /// # Errors
    /// It cannot be written, or a link is in its place or on the way.
    pub fn create(&self, parts: &[String]) -> io::Result<File> {
        let Some((name, folders)) = parts.split_last() else {
            if let Some(parent) = self.root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                std::fs::create_dir_all(parent)?;
            }
            return File::create(&self.root).map_err(|error| self.named(&[], "open", error));
        };
        self.reach(folders).and_then(|folder| folder.file(name, true)).map_err(|error| self.named(parts, "open", error))
    }

    /// Opens a file that was made before.
    ///
    /// # Errors
    /// It cannot be read, or a link is in its place or on the way.
    pub fn open(&self, parts: &[String]) -> io::Result<File> {
        let Some((name, folders)) = parts.split_last() else { return File::open(&self.root) };
        self.reach(folders)
            .and_then(|folder| folder.file(name, false))
            .map_err(|error| self.named(parts, "open", error))
    }

    /// Removes a file that was made before, as far as that is possible.
    pub fn remove(&self, parts: &[String]) {
        let Some((name, folders)) = parts.split_last() else {
            // Not a pipe or a device that the user named.
            if std::fs::symlink_metadata(&self.root).is_ok_and(|meta| meta.is_file()) {
                let _ = std::fs::remove_file(&self.root);
            }
            return;
        };
        let _ = self.reach(folders).and_then(|folder| folder.remove(name));
    }

    fn reach(&self, parts: &[String]) -> io::Result<Folder> {
        std::fs::create_dir_all(&self.root)?;
        parts.iter().try_fold(Folder::open(&self.root)?, |folder, part| folder.below(part))
    }
}

/// An open folder. Everything is reached by one name at a time, so a link that somebody puts in a
/// folder's place meanwhile is met, not followed.
#[cfg(unix)]
struct Folder(rustix::fd::OwnedFd);

#[cfg(unix)]
impl Folder {
    const FLAGS: rustix::fs::OFlags = rustix::fs::OFlags::DIRECTORY.union(rustix::fs::OFlags::CLOEXEC);

    fn open(path: &std::path::Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, Self::FLAGS, rustix::fs::Mode::empty())?))
    }

    fn below(&self, name: &str) -> io::Result<Self> {
        use rustix::fs::{Mode, OFlags, mkdirat, openat};
        match mkdirat(&self.0, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self(openat(&self.0, name, Self::FLAGS | OFlags::NOFOLLOW, Mode::empty())?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, rustix::fs::AtFlags::empty())?)
    }

    fn file(&self, name: &str, create: bool) -> io::Result<File> {
        use rustix::fs::{Mode, OFlags, openat};
        // A pipe in the file's place is an error, not something to wait for.
        let common = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let own = if create { OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC } else { OFlags::RDONLY };
        let file = File::from(openat(&self.0, name, common | own, Mode::from_raw_mode(0o666))?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "is no file"));
        }
        Ok(file)
    }
}

/// A folder, where files are reached by their paths: links below it are looked for first.
#[cfg(not(unix))]
struct Folder(PathBuf);

#[cfg(not(unix))]
impl Folder {
    fn open(path: &std::path::Path) -> io::Result<Self> {
        Ok(Self(path.to_owned()))
    }

    fn plain(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        // A name with a drive or a stream in it is not one part of a path.
        if name.contains(':') || path.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a link or a special name is in its place"));
        }
        Ok(path)
    }

    fn below(&self, name: &str) -> io::Result<Self> {
        let path = self.plain(name)?;
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(Self(path)),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.plain(name)?)
    }

    fn file(&self, name: &str, create: bool) -> io::Result<File> {
        let path = self.plain(name)?;
        if create { File::create(path) } else { File::open(path) }
    }
}
