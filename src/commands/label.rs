//! `label`: the labels of objects.

use std::io::Write;

use anyhow::{anyhow, bail};

use crate::client::request::PatchType;
use crate::error::Many;
use crate::object::patch::merge;
use crate::object::{Meta, Object, names};
use crate::ops::change::{DryRun, Report};
use crate::ops::context::Context;
use crate::ops::marks::{self, Changes, MarkArgs, Outcome};
use crate::ops::resources::Info;
use crate::ops::write;

/// Change the labels of objects.
///
/// A label's key and value begin with a letter or digit and may hold letters, digits, '-', '.' and '_', at most 63 of them; a key may begin with a DNS name and a '/', such as example.com/app. Keys with a value are set, keys with a '-' behind them are removed. With --overwrite values that are there may be replaced. With --resource-version nothing happens unless that is the present version.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Give the pod web the label unhealthy=true\nkctl label pods web unhealthy=true\n\n# Replace a value that is there\nkctl label --overwrite pods web status=unhealthy\n\n# Label all pods in the namespace\nkctl label pods --all status=unhealthy\n\n# Label what a file describes\nkctl label -f pod.json status=unhealthy\n\n# Only if the pod is still at version 1\nkctl label pods web status=unhealthy --resource-version=1\n\n# Remove the label bar if it is there\nkctl label pods web bar-"
)]
pub struct LabelArgs {
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-label")]
    pub field_manager: String,
    /// Everything else.
    #[command(flatten)]
    pub marks: MarkArgs,
}

/// Runs `label`.
///
/// # Errors
/// Flags that do not go together, labels that cannot be, and what the server refuses.
pub async fn run(ctx: &Context, args: LabelArgs) -> anyhow::Result<()> {
    let marks = &args.marks;
    let dry_run = marks.dry_run.read(ctx)?;
    let (resources, pairs) = marks.split("label")?;
    let changes = changes(pairs)?;
    if marks.list && marks.output.given() {
        bail!("--list and --output may not be specified together");
    }
    marks.validate(resources, dry_run, "pod")?;
    if changes.is_empty() && !marks.list {
        bail!("at least one label update is required");
    }
    let sends = !marks.local && dry_run != DryRun::Client;
    let report = Report::lenient(ctx, &marks.output, dry_run, sends)?.sorted_keys();
    let plan = marks.plan(ctx, resources).await?;
    let labelling = Labelling { ctx, args: &args, changes: &changes, dry_run };
    let mut errors = Vec::new();
    for info in plan.results().await {
        let done = async {
            let info = info?;
            let (object, outcome) = labelling.one(&info).await?;
            match marks.list {
                true => marks::list(ctx, &info, &object, "labels", plan.single_item_implied),
                false => report.print(operation(outcome), object),
            }
        };
        errors.extend(done.await.err());
    }
    Many::collect(errors)
}

/// Reads `KEY=VALUE` and `KEY-`.
fn changes(pairs: &[String]) -> anyhow::Result<Changes> {
    let mut changes = Changes::default();
    for pair in pairs {
        if let Some((key, value)) = pair.split_once('=') {
            if value.contains('=') {
                bail!("invalid label spec: {pair}");
            }
            if let Err(faults) = complaints(value) {
                bail!("invalid label value: {pair:?}: {faults}");
            }
            changes.set.insert(key.to_owned(), value.to_owned());
        } else if let Some(key) = pair.strip_suffix('-') {
            changes.remove.push(key.to_owned());
        } else {
            bail!("unknown label spec: {pair}");
        }
    }
    if changes.remove.iter().any(|key| changes.set.contains_key(key)) {
        bail!("can not both modify and remove a label in the same command");
    }
    Ok(changes)
}

fn complaints(value: &str) -> Result<(), String> {
    let complaints = names::label_value(value);
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join(";")) }
}

fn operation(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome { set: true, removed: true } => "modified",
        Outcome { set: true, .. } => "labeled",
        Outcome { removed: true, .. } => "unlabeled",
        _ => "not labeled",
    }
}

struct Labelling<'a> {
    ctx: &'a Context,
    args: &'a LabelArgs,
    changes: &'a Changes,
    dry_run: DryRun,
}

impl Labelling<'_> {
    /// Changes one object and returns it as it has become here.
    async fn one(&self, info: &Info) -> anyhow::Result<(Object, Outcome)> {
        let marks = &self.args.marks;
        let mut before = info.object().into_owned();
        let version = marks.resource_version.as_deref().unwrap_or_default();
        if !version.is_empty() {
            // So that the version is part of the patch.
            before.remove_at(&["metadata", "resourceVersion"]);
        }
        let local = self.dry_run == DryRun::Client || marks.local || marks.list;
        if !local {
            for key in self.changes.remove.iter().filter(|key| before.label(key).is_none()) {
                writeln!(self.ctx.streams.out(), "label {key:?} not found.")?;
            }
        }
        if !marks.overwrite {
            let taken = self.changes.taken(&before, "labels").into_iter();
            let taken =
                taken.map(|(key, value)| anyhow!("'{key}' already has a value ({value}), and --overwrite is false"));
            Many::collect(taken.collect())?;
        }
        let mut after = before.clone();
        let outcome = self.changes.apply(&mut after, "labels");
        if !version.is_empty() {
            after.set_at(&["metadata", "resourceVersion"], version);
        }
        if !local {
            self.ctx.record(&mut after);
        }
        if !local && outcome != Outcome::default() {
            let patch = merge::diff(&before, &after).to_string();
            let client = self.ctx.client().await?;
            write::patch(client, info, PatchType::Merge, patch, &self.dry_run.write(&self.args.field_manager)).await?;
        }
        Ok((after, outcome))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn own(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn reads_changes() {
        let read = changes(&own(&["a=b", "c-", "d="])).expect("understood");
        assert_eq!(read.set.keys().map(String::as_str).collect::<Vec<_>>(), ["a", "d"]);
        assert_eq!(read.remove, ["c"]);
        for (pairs, want) in [
            (&["a=b=c"][..], "invalid label spec: a=b=c"),
            (&["a"], "unknown label spec: a"),
            (&["a=b", "a-"], "can not both modify and remove a label in the same command"),
        ] {
            assert_eq!(changes(&own(pairs)).expect_err("refused").to_string(), want);
        }
        let error = changes(&own(&["a=b c"])).expect_err("refused").to_string();
        assert!(
            error.starts_with("invalid label value: \"a=b c\": a valid label must be an empty string or consist of"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn never_panics(pairs in proptest::collection::vec("[a=-]{0,4}", 0..4)) {
            let _ = changes(&pairs);
        }
    }
}
