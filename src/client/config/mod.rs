//! Which cluster, as whom: kubeconfig files, flags and the environment, resolved as kubectl does.

pub mod kubeconfig;
mod load;
mod overrides;
mod resolve;
mod target;

pub use kubeconfig::Kubeconfig;
pub use load::{ConfigNotFound, Loaded, LoadingRules, in_cluster_possible};
pub(crate) use load::{go_error, io_words};
pub use overrides::Overrides;
pub use resolve::{ClientConfig, ConfigInvalid, Impersonation, InCluster, Problem, Resolver, parse_timeout};
pub use target::{Choice, OFFLINE, Target, choose};
