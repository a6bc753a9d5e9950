//! Which cluster a command talks to: a real one, or the bundled one.

use std::path::PathBuf;
use std::time::Duration;

use super::{ClientConfig, Impersonation, Kubeconfig, Overrides};

/// The name that means the bundled cluster, unless a kubeconfig defines a context of that name.
pub const OFFLINE: &str = "offline";

/// Where a command's requests go.
#[derive(Clone, Debug)]
pub enum Target {
    /// An API server.
    Server(Box<ClientConfig>),
    /// The bundled cluster, whose state is in this folder.
    Offline {
        /// The state folder.
        dir: PathBuf,
        /// Whom to act as.
        impersonate: Impersonation,
        /// After how long a request is given up; none for never.
        timeout: Option<Duration>,
    },
}

/// What chose the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Configuration of a real cluster.
    Server,
    /// The bundled cluster was asked for.
    OfflineAsked,
    /// Nothing is configured, so the bundled cluster steps in.
    OfflineByDefault,
}

/// Chooses between a real cluster and the bundled one. `forced` is `KCTL_OFFLINE`, `in_cluster`
/// whether this is a pod with a service account, `master` whether `KUBERNETES_MASTER` names a server.
pub fn choose(overrides: &Overrides, config: &Kubeconfig, forced: bool, in_cluster: bool, master: bool) -> Choice {
    let asked = overrides.context.as_deref().filter(|name| !name.is_empty());
    let current = asked.unwrap_or(&config.current_context);
    if forced || (current == OFFLINE && !config.contexts.contains_key(OFFLINE)) {
        return Choice::OfflineAsked;
    }
    let named = [&overrides.context, &overrides.cluster, &overrides.user, &overrides.server, &overrides.kubeconfig];
    let configured = named.iter().any(|flag| flag.as_deref().is_some_and(|text| !text.is_empty()))
        || !config.is_empty()
        || in_cluster
        || master;
    if configured { Choice::Server } else { Choice::OfflineByDefault }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_by_the_rules() {
        let empty = Kubeconfig::default();
        let full =
            Kubeconfig::parse(b"{current-context: a, contexts: [{name: a, context: {cluster: c}}]}").expect("ok");
        let own = Kubeconfig::parse(b"{contexts: [{name: offline, context: {cluster: c}}]}").expect("ok");
        let current = Kubeconfig::parse(b"{current-context: offline, contexts: [{name: a}]}").expect("ok");
        let flag = |context: &str| Overrides { context: Some(context.into()), ..Overrides::default() };
        let server = Overrides { server: Some("http://x".into()), ..Overrides::default() };
        for (overrides, config, forced, want) in [
            (Overrides::default(), &empty, false, Choice::OfflineByDefault),
            (Overrides::default(), &empty, true, Choice::OfflineAsked),
            (Overrides::default(), &full, false, Choice::Server),
            (Overrides::default(), &full, true, Choice::OfflineAsked),
            (flag("offline"), &full, false, Choice::OfflineAsked),
            (flag("offline"), &own, false, Choice::Server),
            (Overrides::default(), &current, false, Choice::OfflineAsked),
            (flag("nosuch"), &empty, false, Choice::Server),
            (server, &empty, false, Choice::Server),
        ] {
            assert_eq!(choose(&overrides, config, forced, false, false), want, "{overrides:?}");
        }
        assert_eq!(choose(&Overrides::default(), &empty, false, true, false), Choice::Server);
    }
}
