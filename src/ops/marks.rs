//! Labels and annotations: reading what is to change, changing it, and what `label` and `annotate`
//! share around that.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::bail;

use super::change::{self, DryRun, DryRunArgs, FileArgs, OutputArgs};
use super::context::Context;
use super::resources::{Builder, Info, Plan};
use crate::object::{Meta, Object};

/// The flags that both commands have.
#[derive(clap::Args, Clone, Debug)]
pub struct MarkArgs {
    /// All objects of the given types in the namespace.
    #[arg(long)]
    pub all: bool,
    /// If true, the objects of all namespaces.
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
    /// Narrow by fields: '=', '==' and '!=' are understood (e.g. --field-selector key1=value1,key2=value2). Each type knows only few fields.
    #[arg(long)]
    pub field_selector: Option<String>,
    /// If true, show what the objects have.
    #[arg(long)]
    pub list: bool,
    /// If true, no server is asked: the files are changed on their way to the output.
    #[arg(long)]
    pub local: bool,
    /// If true, values that are there may be replaced; else that is an error.
    #[arg(long)]
    pub overwrite: bool,
    /// Only if this is the present version of the object. Only for a single object.
    #[arg(long)]
    pub resource_version: Option<String>,
    /// Narrow by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2,key3 in (value3)). All conditions must hold.
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Types, names and changes.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

fn text(flag: &Option<String>) -> &str {
    flag.as_deref().unwrap_or_default()
}

/// Entries to set, and keys to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// By key.
    pub set: BTreeMap<String, String>,
    /// In order.
    pub remove: Vec<String>,
}

/// What a change did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whether an entry is new or has another value.
    pub set: bool,
    /// Whether an entry is gone.
    pub removed: bool,
}

impl Changes {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// Changes a map of an object (`labels`, `annotations`).
    pub fn apply(&self, object: &mut Object, field: &str) -> Outcome {
        let mut outcome = Outcome::default();
        let map = object.at_mut(&["metadata", field]);
        if !map.is_object() {
            *map = Object::Object(serde_json::Map::new());
        }
        let Object::Object(map) = map else { return outcome };
        for (key, value) in &self.set {
            if map.get(key).and_then(Object::as_str) != Some(value) {
                map.insert(key.clone(), value.as_str().into());
                outcome.set = true;
            }
        }
        for key in &self.remove {
            outcome.removed |= map.remove(key).is_some();
        }
        outcome
    }

    /// The entries that have another value already, with that.
    pub fn taken<'a>(&'a self, object: &'a Object, field: &str) -> Vec<(&'a str, &'a str)> {
        let present = object.map_at(&["metadata", field]).into_iter().collect::<BTreeMap<_, _>>();
        let taken = self.set.iter().filter_map(|(key, value)| {
            let now = present.get(key.as_str())?;
            (*now != value).then_some((key.as_str(), *now))
        });
        taken.collect()
    }
}

impl MarkArgs {
    /// Types and names, and what is to change, as `noun` (`label`).
    ///
    /// # Errors
    /// A name after a change.
    pub fn split(&self, noun: &str) -> anyhow::Result<(&[String], &[String])> {
        change::resources_and_pairs(&self.args, noun)
    }

    /// Refuses flags that do not go together; `file` is how an example of a file is called.
    ///
    /// # Errors
    /// Such flags.
    pub fn validate(&self, resources: &[String], dry_run: DryRun, file: &str) -> anyhow::Result<()> {
        if self.all && !text(&self.selector).is_empty() {
            bail!("cannot set --all and --selector at the same time");
        }
        if self.all && !text(&self.field_selector).is_empty() {
            bail!("cannot set --all and --field-selector at the same time");
        }
        if !self.local {
            if resources.is_empty() && self.files.is_empty() {
                bail!("one or more resources must be specified as <resource> <name> or <resource>/<name>");
            }
            return Ok(());
        }
        if dry_run == DryRun::Server {
            bail!("cannot specify --local and --dry-run=server - did you mean --dry-run=client?");
        }
        if !resources.is_empty() {
            bail!("can only use local files by -f {file}.yaml or --filename={file}.json when --local=true is set");
        }
        if self.files.is_empty() {
            bail!("one or more files must be specified as -f {file}.yaml or --filename={file}.json");
        }
        Ok(())
    }

    /// What the command line names.
    ///
    /// # Errors
    /// Unknown types, and what does not go together.
    pub async fn plan<'a>(&self, ctx: &'a Context, resources: &[String]) -> anyhow::Result<Plan<'a>> {
        let (namespace, explicit) = ctx.namespace()?;
        let mut builder = Builder::new(ctx)
            .local(self.local)
            .namespace(namespace)
            .default_namespace()
            .filenames(explicit, &self.files.options())
            .continue_on_error()
            .flatten();
        if !self.local {
            builder = builder
                .labels(text(&self.selector))
                .fields(text(&self.field_selector))
                .all_namespaces(self.all_namespaces)
                .types_or_names(self.all, resources)
                .latest();
        }
        let plan = builder.plan().await?;
        if !plan.single_item_implied && !text(&self.resource_version).is_empty() {
            bail!("--resource-version may only be used with a single resource");
        }
        Ok(plan)
    }
}

/// Prints the entries of a map of an object, `KEY=VALUE`; with a heading and an indentation where the
/// object is one of several.
///
/// # Errors
/// Standard output that cannot be written.
pub fn list(ctx: &Context, info: &Info, object: &Object, field: &str, single: bool) -> anyhow::Result<()> {
    let mut out = ctx.streams.out();
    if !single {
        let gvk = object.gvk();
        writeln!(out, "Listing {field} for {}.{}/{}:", gvk.kind, gvk.group, info.name)?;
    }
    for (key, value) in object.map_at(&["metadata", field]) {
        writeln!(out, "{}{key}={value}", if single { "" } else { " " })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_say_what_they_did() {
        let changes = |set: &[(&str, &str)], remove: &[&str]| Changes {
            set: set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            remove: remove.iter().map(|key| (*key).to_owned()).collect(),
        };
        for (changes, want, set, removed) in [
            (changes(&[("a", "1")], &[]), json!({"a": "1", "b": "2"}), false, false),
            (changes(&[("a", "x")], &["b"]), json!({"a": "x"}), true, true),
            (changes(&[], &["c"]), json!({"a": "1", "b": "2"}), false, false),
        ] {
            let mut object = json!({"metadata": {"labels": {"a": "1", "b": "2"}}});
            assert_eq!(changes.apply(&mut object, "labels"), Outcome { set, removed });
            assert_eq!(object["metadata"]["labels"], want);
        }
        let object = json!({"metadata": {"labels": {"a": "1"}}});
        assert_eq!(changes(&[("a", "2"), ("c", "3")], &[]).taken(&object, "labels"), [("a", "1")]);
        let mut bare = json!({"metadata": {"annotations": null}});
        changes(&[("a", "1")], &[]).apply(&mut bare, "annotations");
        assert_eq!(bare, json!({"metadata": {"annotations": {"a": "1"}}}));
    }
}
