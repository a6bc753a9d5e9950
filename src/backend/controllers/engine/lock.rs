//! Who may run the engine: one process for each state folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// The way to the engine's lock file. Without a folder (a cluster in memory) it is always free.
#[derive(Clone, Debug, Default)]
pub struct EngineLock {
    path: Option<PathBuf>,
}

/// Held for as long as it lives; the system frees it when the process ends, however that happens.
#[derive(Debug)]
pub struct Held {
    _file: Option<File>,
}

impl EngineLock {
    /// The lock of the cluster in this state folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self { path: Some(folder.join("engine.lock")) }
    }

    /// Takes the lock, or `None` where another process has it.
    pub fn try_acquire(&self) -> anyhow::Result<Option<Held>> {
        let Some(path) = &self.path else { return Ok(Some(Held { _file: None })) };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Held { _file: Some(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_it() {
        let folder = std::env::temp_dir().join(format!("kctl-engine-lock-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let lock = EngineLock::in_folder(&folder);
        let held = lock.try_acquire().expect("works").expect("is free");
        assert!(lock.try_acquire().expect("works").is_none());
        drop(held);
        assert!(lock.try_acquire().expect("works").is_some());
        std::fs::remove_dir_all(&folder).expect("removes");
    }
}
