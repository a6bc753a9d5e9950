//! Credentials that are handed out: by programs, and by identity providers.

mod exec;
mod oidc;

use std::fmt;

pub use exec::Plugin;
pub use oidc::{OidcProvider, Persist};

use crate::object::Timestamp;

/// What was handed out: a token, or a certificate with its key (PEM), or both.
#[derive(Clone, Default)]
pub struct Credential {
    /// Bearer token; empty for none.
    pub token: String,
    /// Certificate; empty for none.
    pub certificate: String,
    /// The certificate's key.
    pub key: String,
    /// When it stops counting; never, where none is said.
    pub expires: Option<Timestamp>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}
