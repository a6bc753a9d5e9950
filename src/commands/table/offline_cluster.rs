//! The bundled cluster: `offline`.

use super::super::offline;
use crate::commands::entry::{
    Completes::{Files, Name},
    Entry,
};
use crate::run;

/// `offline` WHAT.
pub static OFFLINE: &[Entry] = &[
    Entry::new("export", "[(-o|--output=)json|yaml]", "Print everything in the offline cluster")
        .action(run!(offline::content::ExportArgs, offline::content::export)),
    Entry::new("import", "FILE [--paused]", "Take objects of another cluster over as they are")
        .action(run!(offline::content::ImportArgs, offline::content::import))
        .completes(Files),
    Entry::family("node", "SUBCOMMAND", "Add nodes to the offline cluster, remove them, take them down", OFFLINE_NODE),
    Entry::new("reset", "[-y]", "Throw the offline cluster away")
        .action(run!(offline::state::ResetArgs, offline::state::reset)),
    Entry::new("resume", "", "Let a paused cluster go on")
        .action(run!(offline::state::ResumeArgs, offline::state::resume)),
    Entry::new("serve", "[flags]", "Serve the offline cluster over TLS")
        .action(run!(offline::serve::ServeArgs, offline::serve::run)),
    Entry::new("status", "", "Show what the offline cluster is and does")
        .action(run!(offline::state::StatusArgs, offline::state::status)),
    Entry::new("stop", "", "End the server of the offline cluster")
        .action(run!(offline::stop::StopArgs, offline::stop::stop)),
];

/// `offline node` WHAT.
static OFFLINE_NODE: &[Entry] = &[
    Entry::new("add", "[NAME...]", "Add nodes").action(run!(offline::node::AddArgs, offline::node::add)),
    Entry::new("fail", "NAME...", "Take nodes down")
        .action(run!(offline::node::FailArgs, offline::node::fail))
        .completes(Name("node")),
    Entry::new("recover", "NAME...", "Bring nodes back that were taken down")
        .action(run!(offline::node::RecoverArgs, offline::node::recover))
        .completes(Name("node")),
    Entry::new("remove", "NAME...", "Remove nodes")
        .action(run!(offline::node::RemoveArgs, offline::node::remove))
        .completes(Name("node")),
];
