//! What changes workloads: `set`, `rollout`, `apply`.

use super::super::{apply, rollout, set};
use crate::commands::entry::{
    Completes::{AnyOf, OneOf, Resources},
    Entry,
};
use crate::run;

/// What `rollout` works on.
const ROLLOUTS: &[&str] = &["deployment", "daemonset", "statefulset"];
/// What has a pod template.
const TEMPLATES: &[&str] = &["deployment", "daemonset", "statefulset", "replicaset", "cronjob", "job", "pod"];

/// `set` WHAT.
pub static SET: &[Entry] = &[
    Entry::new("env", "RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N", "Change environment variables of a pod template")
        .action(run!(set::env::EnvArgs, set::env::run)).completes(AnyOf(TEMPLATES)),
    Entry::new(
        "image",
        "(-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N",
        "Change the images of a pod template",
    )
    .action(run!(set::image::ImageArgs, set::image::run)).records().completes(AnyOf(TEMPLATES)),
    Entry::new(
        "resources",
        "(-f FILENAME | TYPE NAME)  ([--limits=LIMITS & --requests=REQUESTS]",
        "Change the resource requests and limits of a pod template",
    )
    .action(run!(set::resources::ResourcesArgs, set::resources::run)).records().completes(AnyOf(TEMPLATES)),
    Entry::new(
        "selector",
        "(-f FILENAME | TYPE NAME) EXPRESSIONS [--resource-version=version]",
        "Replace the selector of a Service",
    )
    .action(run!(set::selector::SelectorArgs, set::selector::run)).records().completes(AnyOf(&["service"])),
    Entry::new("serviceaccount", "(-f FILENAME | TYPE NAME) SERVICE_ACCOUNT", "Change the service account of a pod template")
        .action(run!(set::serviceaccount::ServiceAccountArgs, set::serviceaccount::run)).records().aliases(&["sa"])
        .completes(AnyOf(TEMPLATES)),
    Entry::new(
        "subject",
        "(-f FILENAME | TYPE NAME) [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
        "Add users, groups or service accounts to role bindings",
    )
    .action(run!(set::subject::SubjectArgs, set::subject::run)).completes(AnyOf(&["rolebinding", "clusterrolebinding"])),
];

/// `rollout` WHAT.
pub static ROLLOUT: &[Entry] = &[
    Entry::new("history", "(TYPE NAME | TYPE/NAME) [flags]", "List the revisions of a workload")
        .action(run!(rollout::history::HistoryArgs, rollout::history::run))
        .completes(AnyOf(ROLLOUTS)),
    Entry::new("pause", "RESOURCE", "Hold a rollout back")
        .action(run!(rollout::pause::PauseArgs, rollout::pause::run))
        .completes(AnyOf(&["deployment"])),
    Entry::new("restart", "RESOURCE", "Replace all pods of a workload, a few at a time")
        .action(run!(rollout::restart::RestartArgs, rollout::restart::run))
        .completes(AnyOf(ROLLOUTS)),
    Entry::new("resume", "RESOURCE", "Let a paused rollout go on")
        .action(run!(rollout::resume::ResumeArgs, rollout::resume::run))
        .completes(AnyOf(&["deployment"])),
    Entry::new("status", "(TYPE NAME | TYPE/NAME) [flags]", "Follow a rollout until it is complete")
        .action(run!(rollout::status::StatusArgs, rollout::status::run))
        .completes(OneOf(ROLLOUTS)),
    Entry::new("undo", "(TYPE NAME | TYPE/NAME) [flags]", "Go back to an earlier revision")
        .action(run!(rollout::undo::UndoArgs, rollout::undo::run))
        .completes(AnyOf(ROLLOUTS)),
];

/// `apply` WHAT.
pub static APPLY: &[Entry] = &[
    Entry::new(
        "edit-last-applied",
        "(RESOURCE/NAME | -f FILENAME)",
        "Change the last applied configuration in your editor",
    )
    .action(run!(apply::edit::EditArgs, apply::edit::run))
    .records()
    .completes(Resources),
    Entry::new("set-last-applied", "-f FILENAME", "Record a file as the last applied configuration")
        .action(run!(apply::last_applied::SetArgs, apply::last_applied::set)),
    Entry::new(
        "view-last-applied",
        "(TYPE [NAME | -l label] | TYPE/NAME | -f FILENAME)",
        "Show the last applied configuration",
    )
    .action(run!(apply::last_applied::ViewArgs, apply::last_applied::view))
    .completes(Resources),
];
