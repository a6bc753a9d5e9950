//! The cluster's keys: its certificate authority and the key by which it signs tokens.
//!
//! Both are made when they are first needed and kept in the state folder, readable by its owner alone, so
//! that certificates and tokens outlive the process that made them. A cluster in memory keeps them there.

mod authority;
mod der;
mod files;
mod request;
mod subject;
mod token;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub use authority::Authority;
pub use authority::Order;
pub use files::write_private;
pub use request::Request;
pub use subject::{Subject, subject_of};
pub use token::{TokenKey, issuer};

/// The files in the state folder that hold the keys.
pub const FILES: [&str; 3] = ["ca.crt", "ca.key", "sa.key"];

/// The keys of one cluster. Clones are handles on the same ones.
#[derive(Clone, Default)]
pub struct Trust {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    folder: Option<PathBuf>,
    authority: OnceLock<Authority>,
    tokens: OnceLock<TokenKey>,
}

impl std::fmt::Debug for Trust {
    /// Says where the keys are, and nothing of them.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Trust").field("folder", &self.shared.folder).finish_non_exhaustive()
    }
}

impl Trust {
    /// The keys in a state folder, or of a cluster in memory.
    pub fn new(folder: Option<&Path>) -> Self {
        Self { shared: Arc::new(Shared { folder: folder.map(Path::to_owned), ..Shared::default() }) }
    }

    /// The certificate authority.
    ///
    /// # Errors
    /// Files that cannot be read or written, or that hold something else.
    pub fn authority(&self) -> anyhow::Result<&Authority> {
        if let Some(own) = self.shared.authority.get() {
            return Ok(own);
        }
        let own = Authority::open(self.shared.folder.as_deref())?;
        Ok(self.shared.authority.get_or_init(|| own))
    }

    /// The key by which tokens are signed.
    ///
    /// # Errors
    /// A file that cannot be read or written, or that holds something else.
    pub fn tokens(&self) -> anyhow::Result<&TokenKey> {
        if let Some(own) = self.shared.tokens.get() {
            return Ok(own);
        }
        let own = TokenKey::open(self.shared.folder.as_deref())?;
        Ok(self.shared.tokens.get_or_init(|| own))
    }
}
