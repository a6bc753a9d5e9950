//! `offline`: the bundled cluster, to its owner.

pub mod content;
pub mod node;
pub mod serve;
pub mod state;
pub mod stop;
