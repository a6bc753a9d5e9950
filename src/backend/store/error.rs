//! What can go wrong in the store, by name.

use std::fmt;
use std::path::PathBuf;

use crate::object::Status;
use crate::object::status::StatusCause;

/// Why the store did not do what was asked.
#[derive(Debug)]
pub enum StoreError {
    /// A create of a name that is taken.
    AlreadyExists {
        /// `pods`, `deployments.apps`.
        resource: String,
        /// The object's name.
        name: String,
    },
    /// A write to what is not there.
    NotFound {
        /// `pods`, `deployments.apps`.
        resource: String,
        /// The object's name.
        name: String,
    },
    /// A write based on a revision of the object that is not its last.
    Conflict {
        /// `pods`, `deployments.apps`.
        resource: String,
        /// The object's name.
        name: String,
    },
    /// A replay from a revision whose followers are no longer all there.
    Compacted {
        /// From where.
        requested: u64,
        /// The oldest revision that would do.
        oldest: u64,
    },
    /// A replay from a revision that is still to come.
    Future {
        /// From where.
        requested: u64,
        /// The last revision.
        current: u64,
    },
    /// The file is not a store of this program, or of a later version of it.
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// The file is a store, but broken.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the database says.
        why: String,
    },
    /// There is no room for what was to be written. Nothing of it was.
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read, or not be written to.
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A stored object cannot be read or written as JSON.
    Json(serde_json::Error),
    /// Anything else that the database reports.
    Database(rusqlite::Error),
    /// Anything else that the file system reports.
    Io(std::io::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyExists { resource, name } => write!(f, "{resource} \"{name}\" already exists"),
            Self::NotFound { resource, name } => write!(f, "{resource} \"{name}\" not found"),
            Self::Conflict { resource, name } => write!(f, "{resource} \"{name}\" has changed"),
            Self::Compacted { requested, oldest } => write!(f, "too old resource version: {requested} ({oldest})"),
            Self::Future { requested, current } => {
                write!(f, "Too large resource version: {requested}, current: {current}")
            }
            Self::Foreign { path, why } => {
                write!(f, "{} is not a store of this program: {why}; it was left as it is", path.display())
            }
            Self::Damaged { path, why } => write!(
                f,
                "the store {} is damaged: {why}; it was left as it is (`kctl offline reset` keeps it aside and starts a new one)",
                path.display()
            ),
            Self::Full { path } => {
                write!(f, "no room is left on the disk of the store {}; nothing was written", path.display())
            }
            Self::Unusable { path, why } => write!(
                f,
                "the store {} cannot be used: {why} (KCTL_OFFLINE_DIR names another folder for it)",
                path.display()
            ),
            Self::Json(error) => write!(f, "a stored object is not readable: {error}"),
            Self::Database(error) => write!(f, "the store: {error}"),
            Self::Io(error) => write!(f, "the store: {error}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json(error) => Some(error),
            Self::Database(error) => Some(error),
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::AlreadyExists { resource, name } => Self::already_exists(resource, name),
            StoreError::NotFound { resource, name } => Self::not_found(resource, name),
            StoreError::Conflict { resource, name } => Self::conflict(
                resource,
                name,
                "the object has been modified; please apply your changes to the latest version and try again",
            ),
            StoreError::Compacted { .. } => Self::expired(error.to_string()),
            StoreError::Future { .. } => {
                let mut status = Self::failure(504, "Timeout", format!("Timeout: {error}"));
                let details = status.details.get_or_insert_default();
                details.retry_after_seconds = Some(1);
                details.causes.push(StatusCause {
                    reason: "ResourceVersionTooLarge".into(),
                    message: "Too large resource version".into(),
                    field: String::new(),
                });
                status
            }
            _ => Self::internal(error.to_string()),
        }
    }
}
