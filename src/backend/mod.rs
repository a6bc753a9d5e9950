//! The bundled cluster: a Kubernetes API server, its controllers, a scheduler and a simulated
//! kubelet, in this process.
//!
//! ```text
//!  http::Request ── api/ (verbs over the registry) ── store/ (a revisioned log in SQLite)
//!                                                        │ changes
//!                     engine: controllers/, scheduler, kubelet/  ── writes, through api/
//! ```
//!
//! The core is synchronous: an API verb is one store transaction. Only watches and upgraded
//! connections are asynchronous.

pub mod api;
mod bootstrap;
mod cluster;
pub mod controllers;
pub mod faults;
mod handle;
pub mod kubelet;
pub mod owner;
pub mod registry;
pub mod scheduler;
pub mod serve;
pub mod store;
mod test_cluster;
pub mod trust;

pub use cluster::open;
pub use handle::{Engine, Handle, Options};
pub use registry::DisabledPlugins;
pub use test_cluster::{TestCluster, TestOptions};
