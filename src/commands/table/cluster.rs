//! What looks after a cluster and who may do what in it: `certificate`, `cluster-info`, `top`, `auth`.

use super::super::{auth, certificate, cluster_info, top};
use crate::commands::entry::{Completes::Name, Entry};
use crate::run;

/// `certificate` WHAT.
pub static CERTIFICATE: &[Entry] = &[
    Entry::new("approve", "(-f FILENAME | NAME)", "Approve a request for a certificate")
        .action(run!(certificate::ApproveArgs, certificate::approve))
        .completes(Name("certificatesigningrequest")),
    Entry::new("deny", "(-f FILENAME | NAME)", "Deny a request for a certificate")
        .action(run!(certificate::DenyArgs, certificate::deny))
        .completes(Name("certificatesigningrequest")),
];

/// `cluster-info` WHAT.
pub static CLUSTER_INFO: &[Entry] =
    &[Entry::new("dump", "[flags]", "Collect what is needed to find out what is wrong with a cluster")
        .action(run!(cluster_info::dump::DumpArgs, cluster_info::dump::run))];

/// `top` WHAT.
pub static TOP: &[Entry] = &[
    Entry::new("node", "[NAME | -l label]", "Show how much CPU and memory nodes use")
        .action(run!(top::node::NodeArgs, top::node::run))
        .aliases(&["nodes", "no"])
        .completes(Name("node")),
    Entry::new("pod", "[NAME | -l label]", "Show how much CPU and memory pods use")
        .action(run!(top::pod::PodArgs, top::pod::run))
        .aliases(&["pods", "po"])
        .completes(Name("pod")),
];

/// `auth` WHAT.
pub static AUTH: &[Entry] = &[
    Entry::new("can-i", "VERB [TYPE | TYPE/NAME | NONRESOURCEURL]", "Ask whether an action is allowed")
        .action(run!(auth::can_i::CanIArgs, auth::can_i::run)),
    Entry::new("reconcile", "-f FILENAME", "Make roles and bindings grant at least what files declare")
        .action(run!(auth::reconcile::ReconcileArgs, auth::reconcile::run)),
    Entry::new("whoami", "", "Show as whom the server knows you")
        .action(run!(auth::whoami::WhoamiArgs, auth::whoami::run)),
];
