//! Steps that several commands share: the context, resource arguments, manifests, apply, waiting.

pub mod apply;
pub mod attach;
pub mod change;
pub mod context;
pub mod copy;
pub mod delete;
pub mod drain;
pub mod edit;
pub mod environment;
pub mod kustomize;
pub mod last_applied;
pub mod local_time;
pub mod logs;
pub mod manifests;
pub mod marks;
pub mod offline;
pub mod overrides;
pub mod patches;
pub mod pod_template;
pub mod pods;
pub mod preferences;
pub mod print;
pub mod proxy;
pub mod raw;
pub mod remote;
pub mod resources;
pub mod rollout;
pub mod scale;
pub mod service;
pub mod typed;
pub mod validation;
pub mod wait;
pub mod write;

pub use context::{Connector, Context, Program};
pub use environment::Environment;
