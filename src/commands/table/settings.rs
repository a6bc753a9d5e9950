//! What belongs to this machine: `config`, `kuberc`, `plugin`.

use super::super::config::{clusters, contexts, property, users, view};
use super::super::kuberc;
use crate::commands::entry::{
    Action, Builtin,
    Completes::{Clusters, Contexts, Users},
    Entry,
};
use crate::run;

/// How plugins are listed.
pub const PLUGIN_EXAMPLES: &str = "# List the plugins that can be called\nkctl plugin list\n\n# Only their names, not where they are\nkctl plugin list --name-only";

/// `plugin` WHAT.
pub static PLUGIN: &[Entry] = &[Entry::new("list", "[flags]", "List the plugins on the PATH")
    .action(Action::Builtin(Builtin::PluginList))
    .examples(PLUGIN_EXAMPLES)];

/// `config` WHAT.
pub static CONFIG: &[Entry] = &[
    Entry::new("current-context", "[flags]", "Print the name of the current context").action(run!(contexts::CurrentArgs, contexts::current)),
    Entry::new("delete-cluster", "NAME", "Remove a cluster from the kubeconfig").action(run!(clusters::DeleteArgs, clusters::delete)).completes(Clusters),
    Entry::new("delete-context", "NAME", "Remove a context from the kubeconfig").action(run!(contexts::DeleteArgs, contexts::delete)).completes(Contexts),
    Entry::new("delete-user", "NAME", "Remove a user from the kubeconfig").action(run!(users::DeleteArgs, users::delete)).completes(Users),
    Entry::new("get-clusters", "[flags]", "List the clusters of the kubeconfig").action(run!(clusters::GetArgs, clusters::get)),
    Entry::new("get-contexts", "[(-o|--output=)name)]", "List the contexts of the kubeconfig").action(run!(contexts::GetArgs, contexts::get)).completes(Contexts),
    Entry::new("get-users", "[flags]", "List the users of the kubeconfig").action(run!(users::GetArgs, users::get)),
    Entry::new("rename-context", "CONTEXT_NAME NEW_NAME", "Give a context another name").action(run!(contexts::RenameArgs, contexts::rename)).completes(Contexts),
    Entry::new("set", "PROPERTY_NAME PROPERTY_VALUE", "Set a single value in the kubeconfig").action(run!(property::SetArgs, property::set)),
    Entry::new(
        "set-cluster",
        "NAME [--server=server] [--certificate-authority=path/to/certificate/authority] [--insecure-skip-tls-verify=true] [--tls-server-name=example.com]",
        "Add a cluster to the kubeconfig, or change one",
    ).action(run!(clusters::SetArgs, clusters::set))
    .completes(Clusters),
    Entry::new(
        "set-context",
        "[NAME | --current] [--cluster=cluster_nickname] [--user=user_nickname] [--namespace=namespace]",
        "Add a context to the kubeconfig, or change one",
    ).action(run!(contexts::SetArgs, contexts::set))
    .completes(Contexts),
    Entry::new(
        "set-credentials",
        "NAME [--client-certificate=path/to/certfile] [--client-key=path/to/keyfile] [--token=bearer_token] [--username=basic_user] [--password=basic_password] [--auth-provider=provider_name] [--auth-provider-arg=key=value] [--exec-command=exec_command] [--exec-api-version=exec_api_version] [--exec-arg=arg] [--exec-env=key=value]",
        "Add a user to the kubeconfig, or change one",
    ).action(run!(users::SetArgs, users::set))
    .completes(Users),
    Entry::new("unset", "PROPERTY_NAME", "Remove a single value from the kubeconfig").action(run!(property::UnsetArgs, property::unset)),
    Entry::new("use-context", "CONTEXT_NAME", "Make a context the current one").action(run!(contexts::UseArgs, contexts::use_context)).aliases(&["use"]).completes(Contexts),
    Entry::new("view", "[flags]", "Show the kubeconfig, all files merged").action(run!(view::ViewArgs, view::run)),
];

/// `kuberc` WHAT.
pub static KUBERC: &[Entry] = &[
    Entry::new(
        "set",
        "--section (defaults|aliases) --command COMMAND",
        "Set a default or an alias in your preferences",
    )
    .action(run!(kuberc::set::SetArgs, kuberc::set::run)),
    Entry::new("view", "", "Show your preferences").action(run!(kuberc::view::ViewArgs, kuberc::view::run)),
];
