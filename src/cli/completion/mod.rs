//! Completion, by the protocol of cobra's scripts.

use crate::ops::context::Context;

use super::flags::Flags;

/// Which of cobra's two hidden commands was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `__complete`
    Described,
    /// `__completeNoDesc`
    Bare,
}

impl Request {
    /// The request that a word names.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "__complete" => Some(Self::Described),
            "__completeNoDesc" => Some(Self::Bare),
            _ => None,
        }
    }
}

/// x
pub fn answer(_: &Context, _: Request, _: &[String], _: &Flags<'_>) -> anyhow::Result<()> {
    Ok(())
}

/// x
pub fn script(_: &str, _: &str) -> Option<String> {
    None
}
