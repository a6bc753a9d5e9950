//! Watches: events out of a body, resumed where the connection ends, and waiting for a condition.

mod event;
mod splitter;
mod stream;
mod until;
mod watcher;

pub use event::{Event, Undecodable};
pub use splitter::Splitter;
pub use stream::Stream;
pub use until::{TimedOut, is_expired, until};
pub use watcher::Watcher;
