//! Steps that several commands share: the context, resource arguments, manifests, apply, waiting.

pub mod context;
pub mod environment;
pub mod logs;
pub mod manifests;
pub mod offline;
pub mod pods;
pub mod preferences;
pub mod print;
pub mod remote;
pub mod resources;

pub use context::{Connector, Context, Program};
pub use environment::Environment;
