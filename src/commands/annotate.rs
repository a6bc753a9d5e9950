//! `annotate`: the annotations of objects.

use anyhow::bail;

use crate::client::request::PatchType;
use crate::error::Many;
use crate::object::patch::merge;
use crate::object::{Meta, Object};
use crate::ops::change::{DryRun, Report};
use crate::ops::context::{CHANGE_CAUSE, Context};
use crate::ops::marks::{self, Changes, MarkArgs};
use crate::ops::resources::Info;
use crate::ops::write;

/// Change the annotations of objects.
///
/// Annotations are keys with values that may be long and of any form, such as JSON; tools keep what they know about an object in them. Keys with a value are set, keys with a '-' behind them are removed. With --overwrite values that are there may be replaced. With --resource-version nothing happens unless that is the present version.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Annotate the pod web\nkctl annotate pods web description='my frontend'\n\n# Annotate what a file describes\nkctl annotate -f pod.json description='my frontend'\n\n# Replace a value that is there\nkctl annotate --overwrite pods web description='my frontend running nginx'\n\n# Annotate all pods in the namespace\nkctl annotate pods --all description='my frontend running nginx'\n\n# Only if the pod is still at version 1\nkctl annotate pods web description='my frontend running nginx' --resource-version=1\n\n# Remove the annotation description if it is there\nkctl annotate pods web description-"
)]
pub struct AnnotateArgs {
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-annotate")]
    pub field_manager: String,
    /// Everything else.
    #[command(flatten)]
    pub marks: MarkArgs,
}

/// Runs `annotate`.
///
/// # Errors
/// Flags that do not go together, and what the server refuses.
pub async fn run(ctx: &Context, args: AnnotateArgs) -> anyhow::Result<()> {
    let marks = &args.marks;
    let dry_run = marks.dry_run.read(ctx)?;
    let report = Report::new(ctx, &marks.output, dry_run)?.sorted_keys();
    let mut printer = report.printer("annotated")?;
    let (resources, pairs) = marks.split("annotation")?;
    let changes = changes(pairs)?;
    marks.validate(resources, dry_run, "rsrc")?;
    if changes.is_empty() && !marks.list {
        bail!("at least one annotation update is required");
    }
    disjoint(&changes)?;
    let plan = marks.plan(ctx, resources).await?;
    let annotating = Annotating { ctx, args: &args, changes: &changes, dry_run };
    let mut errors = Vec::new();
    for info in plan.results().await {
        let done = async {
            let info = info?;
            let object = annotating.one(&info).await?;
            match marks.list {
                true => marks::list(ctx, &info, &object, "annotations", plan.single_item_implied),
                false => printer.print(object),
            }
        };
        errors.extend(done.await.err());
    }
    Many::collect(errors)
}

/// Reads `KEY=VALUE` and `KEY-`.
fn changes(pairs: &[String]) -> anyhow::Result<Changes> {
    let mut changes = Changes::default();
    let mut invalid = Vec::new();
    for pair in pairs {
        match pair.split_once('=').filter(|(key, _)| !key.is_empty()) {
            Some((key, value)) => {
                changes.set.insert(key.to_owned(), value.to_owned());
            }
            None => match pair.strip_suffix('-').filter(|key| !key.is_empty()) {
                Some(key) => changes.remove.push(key.to_owned()),
                None => invalid.push(pair.as_str()),
            },
        }
    }
    if !invalid.is_empty() {
        bail!("invalid annotation format: {}", invalid.join(", "));
    }
    Ok(changes)
}

fn disjoint(changes: &Changes) -> anyhow::Result<()> {
    let both = changes.remove.iter().filter(|key| changes.set.contains_key(*key));
    let both: Vec<&str> = both.map(String::as_str).collect();
    if !both.is_empty() {
        bail!("can not both modify and remove the following annotation(s) in the same command: {}", both.join(", "));
    }
    Ok(())
}

struct Annotating<'a> {
    ctx: &'a Context,
    args: &'a AnnotateArgs,
    changes: &'a Changes,
    dry_run: DryRun,
}

impl Annotating<'_> {
    /// Changes one object and returns it as it is then.
    async fn one(&self, info: &Info) -> anyhow::Result<Object> {
        let marks = &self.args.marks;
        let mut before = info.object().into_owned();
        let version = marks.resource_version.as_deref().unwrap_or_default();
        let local = self.dry_run == DryRun::Client || marks.local || marks.list;
        if !version.is_empty() && !local {
            // So that the version is part of the patch.
            before.remove_at(&["metadata", "resourceVersion"]);
        }
        if !marks.overwrite {
            let taken = self.changes.taken(&before, "annotations").into_iter();
            // May be replaced by anybody: it says what was done last.
            let taken = taken.filter(|(key, _)| *key != CHANGE_CAUSE);
            let taken: Vec<String> =
                taken.map(|(key, value)| format!("'{key}' already has a value ({value})")).collect();
            if !taken.is_empty() {
                bail!("--overwrite is false but found the following declared annotation(s): {}", taken.join("; "));
            }
        }
        let mut after = before.clone();
        if !local {
            self.ctx.record(&mut after);
        }
        self.changes.apply(&mut after, "annotations");
        if !version.is_empty() {
            after.set_at(&["metadata", "resourceVersion"], version);
        }
        if local {
            return Ok(after);
        }
        let patch = merge::diff(&before, &after).to_string();
        let client = self.ctx.client().await?;
        write::patch(client, info, PatchType::Merge, patch, &self.dry_run.write(&self.args.field_manager)).await
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
        let read = changes(&own(&["a=b=c", "d-", "e="])).expect("understood");
        assert_eq!(read.set.get("a").map(String::as_str), Some("b=c"));
        assert_eq!(read.remove, ["d"]);
        let error = changes(&own(&["a=b", "x", "-"])).expect_err("refused");
        assert_eq!(error.to_string(), "invalid annotation format: x, -");
        let both = changes(&own(&["a=b", "a-"])).expect("understood");
        assert_eq!(
            disjoint(&both).expect_err("refused").to_string(),
            "can not both modify and remove the following annotation(s) in the same command: a"
        );
    }

    proptest! {
        #[test]
        fn never_panics(pairs in proptest::collection::vec("[a=-]{0,4}", 0..4)) {
            let _ = changes(&pairs);
        }
    }
}
