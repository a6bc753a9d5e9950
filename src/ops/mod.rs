//! Steps that several commands share: the context, resource arguments, manifests, apply, waiting.

pub mod apply;
pub mod change;
pub mod context;
pub mod delete;
pub mod edit;
pub mod environment;
pub mod last_applied;
pub mod manifests;
pub mod marks;
pub mod overrides;
pub mod patches;
pub mod pod_template;
pub mod preferences;
pub mod print;
pub mod raw;
pub mod resources;
pub mod scale;
pub mod service;
pub mod typed;
pub mod validation;
pub mod write;

pub use context::{Connector, Context, Program};
pub use environment::Environment;
