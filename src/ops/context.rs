//! What every command is handed.

use crate::client::config::Overrides;
use crate::object::clock::Clock;
use crate::ops::environment::Environment;
use crate::terminal::Streams;

/// How messages name the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// `kctl`
    #[default]
    Kctl,
    /// `kubectl`: called by that name, or told to behave as it (`KCTL_COMPAT=kubectl`).
    Kubectl,
}

impl Program {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kctl => "kctl",
            Self::Kubectl => "kubectl",
        }
    }
}

/// One a process: streams, environment, clock and the global flags.
pub struct Context {
    /// The standard streams.
    pub streams: Streams,
    /// The environment's variables.
    pub env: Environment,
    /// What time it is.
    pub clock: Clock,
    /// The global flags.
    pub overrides: Overrides,
    /// How messages name the program.
    pub program: Program,
}
