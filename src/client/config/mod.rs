//! Which cluster, as whom: kubeconfig files, flags and the environment, resolved as kubectl does.

pub(crate) mod address;
mod check;
mod client;
mod files;
mod impersonation;
pub mod kubeconfig;
mod load;
mod overrides;
mod resolve;
mod target;
mod timeout;

pub use address::Address;
pub use check::{ConfigInvalid, Problem};
pub use client::{ClientConfig, EnvironmentProxies, Http2, Provider, StandardInput, SystemAuthorities};
pub use impersonation::Impersonation;
pub use kubeconfig::Kubeconfig;
pub use load::{ConfigNotFound, Loaded, LoadingRules, in_cluster_possible};
pub(crate) use load::{go_error, io_words};
pub use overrides::Overrides;
pub use resolve::{InCluster, Resolver};
pub use target::{Choice, OFFLINE, Target, choose};
pub use timeout::parse_timeout;

/// What a flag or a field says, if anything.
fn set(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// Takes a flag over, if it was given.
fn put(into: &mut String, flag: &Option<String>) {
    if let Some(text) = set(flag) {
        text.clone_into(into);
    }
}
