//! What the engine leaves behind for the next process.

use serde::{Deserialize, Serialize};

use super::io::Source;
use crate::object::Timestamp;

/// Up to where the cluster has been brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Microseconds since 1970: everything due until then has happened.
    at: i64,
    /// The store's revision then.
    pub revision: u64,
    /// Microseconds since 1970: when the next thing is due, if nothing changes.
    next: Option<i64>,
}

impl Settled {
    /// The key in the store's small texts.
    pub const KEY: &str = "engine.settled";

    /// Settled at a moment and revision.
    pub fn new(at: Timestamp, revision: u64, next: Option<Timestamp>) -> Self {
        Self { at: at.as_microsecond(), revision, next: next.map(Timestamp::as_microsecond) }
    }

    /// What the last process left, `None` in a new cluster.
    pub fn load(source: &dyn Source) -> anyhow::Result<Option<Self>> {
        Ok(source.meta_get(Self::KEY)?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps it for the next process.
    pub fn save(&self, source: &dyn Source) -> anyhow::Result<()> {
        source.meta_set(Self::KEY, &serde_json::to_string(self)?)
    }

    /// The moment up to which everything has happened.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_microsecond(self.at).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// When the next thing is due, if nothing changes.
    pub fn next(&self) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.next?).ok()
    }

    /// Whether there is nothing to do at `now`, with the store at `revision`.
    pub fn holds(&self, revision: u64, now: Timestamp) -> bool {
        self.revision == revision && self.next.is_none_or(|next| next > now.as_microsecond())
    }
}
