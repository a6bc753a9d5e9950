//! `taint`: what keeps pods away from nodes.

use std::fmt;

use anyhow::bail;
use serde_json::Map;

use crate::error::{Many, UsageError};
use crate::object::{Meta, Object, names};
use crate::ops::change::{self, DryRun, DryRunArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::patches::Difference;
use crate::ops::resources::{Builder, Info};

/// Add taints to nodes, or remove them.
///
/// A taint is a key, a value and an effect: KEY=VALUE:EFFECT. The key begins with a letter or digit, may hold letters, digits, hyphens, dots and underscores, and may have a DNS name and a / before it. The value may be left out. The effect is NoSchedule, PreferNoSchedule or NoExecute. KEY:EFFECT- removes a taint, KEY- all taints with that key.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Keep pods away from a node that do not tolerate it\nkctl taint nodes node-1 dedicated=special-user:NoSchedule\n\n# Remove one taint, and all taints with a key\nkctl taint nodes node-1 dedicated:NoSchedule-\nkctl taint nodes node-1 dedicated-\n\n# Add a taint to nodes by label\nkctl taint node -l myLabel=X dedicated=foo:PreferNoSchedule\n\n# A taint without a value\nkctl taint nodes node-1 bar:NoSchedule"
)]
pub struct TaintArgs {
    /// All nodes of the cluster.
    #[arg(long)]
    pub all: bool,
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-taint")]
    pub field_manager: String,
    /// If true, taints that are there already may be changed; if false that is an error.
    #[arg(long)]
    pub overwrite: bool,
    /// Nodes by label: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2).
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// What the server does about fields that it does not know: strict (or true) refuses them, warn warns, ignore (or false) drops them.
    #[arg(long, default_value = "strict", num_args = 0..=1, require_equals = true, default_missing_value = "strict")]
    pub validate: String,
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Nodes and taints.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// A taint, or which taints are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Taint {
    key: String,
    value: String,
    effect: String,
}

impl fmt::Display for Taint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, effect } = self;
        match (effect.as_str(), value.as_str()) {
            ("", "") => f.write_str(key),
            ("", value) => write!(f, "{key}={value}:"),
            (effect, "") => write!(f, "{key}:{effect}"),
            (effect, value) => write!(f, "{key}={value}:{effect}"),
        }
    }
}

impl Taint {
    /// Reads `KEY=VALUE:EFFECT`, `KEY:EFFECT` or `KEY`.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let mut taint = Self::default();
        match parts.as_slice() {
            [key] => taint.key = (*key).to_owned(),
            [pair, effect] => {
                if !matches!(*effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
                    bail!("invalid taint effect: {effect}, unsupported taint effect");
                }
                taint.effect = (*effect).to_owned();
                match pair.split('=').collect::<Vec<_>>().as_slice() {
                    [key] => taint.key = (*key).to_owned(),
                    [key, value] => {
                        let faults = names::label_value(value);
                        if !faults.is_empty() {
                            bail!("invalid taint spec: {text}, {}", faults.join("; "));
                        }
                        (taint.key, taint.value) = ((*key).to_owned(), (*value).to_owned());
                    }
                    _ => bail!("invalid taint spec: {text}"),
                }
            }
            _ => bail!("invalid taint spec: {text}"),
        }
        let faults = names::qualified_name(&taint.key);
        if !faults.is_empty() {
            bail!("invalid taint spec: {text}, {}", faults.join("; "));
        }
        Ok(taint)
    }

    /// Whether a node's taint is this one: its key and effect say so.
    fn is_that_of(&self, taint: &Object) -> bool {
        taint.str_at(&["key"]) == self.key && taint.str_at(&["effect"]) == self.effect
    }

    fn object(&self) -> Object {
        let mut object = Map::new();
        object.insert("key".to_owned(), self.key.as_str().into());
        object.insert("effect".to_owned(), self.effect.as_str().into());
        if !self.value.is_empty() {
            object.insert("value".to_owned(), self.value.as_str().into());
        }
        object.into()
    }
}

/// What is to be done to nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    add: Vec<Taint>,
    remove: Vec<Taint>,
    overwrite: bool,
}

impl Wanted {
    fn parse(words: &[&str], overwrite: bool) -> anyhow::Result<Self> {
        let mut wanted = Self { overwrite, ..Self::default() };
        for word in words {
            if let Some(taint) = word.strip_suffix('-') {
                wanted.remove.push(Taint { value: String::new(), ..Taint::parse(taint)? });
                continue;
            }
            let taint = Taint::parse(word)?;
            if taint.effect.is_empty() {
                bail!("invalid taint spec: {word}");
            }
            if wanted.add.iter().any(|other| other.key == taint.key && other.effect == taint.effect) {
                let Taint { key, value, effect } = taint;
                bail!("duplicated taints with the same key and effect: {{{key} {value} {effect} <nil>}}");
            }
            wanted.add.push(taint);
        }
        Ok(wanted)
    }

    /// Refuses taints that are both added and removed.
    fn check(&self) -> anyhow::Result<()> {
        let mut conflicts = Vec::new();
        for add in &self.add {
            for remove in self.remove.iter().filter(|remove| remove.key == add.key) {
                if remove.effect.is_empty() || remove.effect == add.effect {
                    conflicts.push(format!("{}={}", remove.key, remove.effect));
                }
            }
        }
        if !conflicts.is_empty() {
            let conflicts = conflicts.join(", ");
            bail!("can not both modify and remove the following taint(s) in the same command: {conflicts}");
        }
        Ok(())
    }

    /// Changes a node; what was done, in a word.
    fn apply(&self, node: &mut Object) -> anyhow::Result<&'static str> {
        let old = node.list_at(&["spec", "taints"]).to_vec();
        if !self.overwrite {
            let there = |taint: &&Taint| old.iter().any(|old| taint.is_that_of(old));
            let existing: Vec<&str> = self.add.iter().filter(there).map(|taint| taint.key.as_str()).collect();
            if !existing.is_empty() {
                bail!(
                    "node {} already has {} taint(s) with same effect(s) and --overwrite is false",
                    node.name(),
                    existing.join(",")
                );
            }
        }
        let kept = old.iter().filter(|old| !self.add.iter().any(|taint| taint.is_that_of(old)));
        let mut taints: Vec<Object> = self.add.iter().map(Taint::object).chain(kept.cloned()).collect();
        let added = old.len() != taints.len();
        let mut removed = false;
        let mut missing = Vec::new();
        for remove in &self.remove {
            let before = taints.len();
            taints.retain(|taint| match remove.effect.as_str() {
                "" => taint.str_at(&["key"]) != remove.key,
                _ => !remove.is_that_of(taint),
            });
            removed = taints.len() != before;
            if !removed {
                missing.push(anyhow::anyhow!("taint {:?} not found", remove.to_string()));
            }
        }
        Many::collect(missing)?;
        node.set_at(&["spec", "taints"], taints);
        Ok(if (added && removed) || self.overwrite {
            "modified"
        } else if added {
            "tainted"
        } else {
            "untainted"
        })
    }
}

/// Runs `taint`.
///
/// # Errors
/// Taints that do not read, are there already or are not, and what the server refuses.
pub async fn run(ctx: &Context, args: TaintArgs) -> anyhow::Result<()> {
    let dry_run = args.dry_run.read(ctx)?;
    let validation = validation(&args.validate)?;
    let is_taint = |word: &str| word.contains(['=', ':']) || word.ends_with('-');
    let at = args.args.iter().position(|word| is_taint(word)).unwrap_or(args.args.len());
    let (resources, words) = args.args.split_at(at);
    if let Some(stray) = words.iter().find(|word| !is_taint(word)) {
        bail!("all resources must be specified before taint changes: {stray}");
    }
    let Some((kind, nodes)) = resources.split_first() else {
        bail!("one or more resources must be specified as <resource> <name>");
    };
    if words.is_empty() {
        bail!("at least one taint update is required");
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let wanted = Wanted::parse(&words, args.overwrite)
        .map_err(|error| UsageError { command: "taint".to_owned(), message: error.to_string() })?;
    let kind = kind.to_lowercase();
    // An unknown type is said as it is, without a word before it: as several errors are.
    let resolved = ctx.client().await?.resolve(&kind).await.map_err(|error| Many(vec![Many(vec![error]).into()]))?;
    if resolved.kind.kind != "Node" {
        bail!("invalid resource type {kind}, only node types are supported");
    }
    wanted.check()?;
    let selector = args.selector.as_deref().unwrap_or_default();
    if args.all && !selector.is_empty() {
        bail!("setting 'all' parameter with a non empty selector is prohibited");
    }
    if !args.all && selector.is_empty() && nodes.is_empty() {
        bail!("at least one resource name must be specified since 'all' parameter is not set");
    }
    // Dry runs are not mentioned here.
    let report = Report::new(ctx, &args.output, DryRun::None)?;
    let builder = Builder::new(ctx).namespace(ctx.namespace()?.0).default_namespace().continue_on_error().flatten();
    let builder = if args.all || !selector.is_empty() {
        builder.labels(selector).select_all(args.all).types_or_names(false, &["node".to_owned()])
    } else {
        builder.names_of("node", nodes)
    };
    let (infos, result) = builder.latest().plan().await?.infos().await;
    let mut errors = change::errors_of(result);
    for info in infos {
        let tainted = async {
            let (done, object) = taint(ctx, &args, &wanted, dry_run, validation, &info).await?;
            report.print(done, object)
        };
        errors.extend(tainted.await.err());
    }
    Many::collect(errors)
}

async fn taint(
    ctx: &Context,
    args: &TaintArgs,
    wanted: &Wanted,
    dry_run: DryRun,
    validation: &str,
    info: &Info,
) -> anyhow::Result<(&'static str, Object)> {
    let before = info.object.clone().unwrap_or_default();
    let mut after = before.clone();
    let done = wanted.apply(&mut after)?;
    if after.list_at(&["spec", "taints"]).is_empty() {
        after.remove_at(&["spec", "taints"]);
    }
    if dry_run == DryRun::Client {
        return Ok((done, after));
    }
    let mut write = dry_run.write(&args.field_manager);
    validation.clone_into(&mut write.field_validation);
    let difference = Difference::between(&before, &after)?.unwrap_or_else(Difference::nothing);
    Ok((done, difference.send(ctx, info, &write).await?))
}

/// What `--validate` says, as the server reads it.
fn validation(value: &str) -> anyhow::Result<&'static str> {
    Ok(match value {
        "strict" | "1" | "t" | "T" | "TRUE" | "true" | "True" => "Strict",
        "warn" => "Warn",
        "ignore" | "0" | "f" | "F" | "FALSE" | "false" | "False" => "Ignore",
        _ => bail!("invalid - validate option {value:?}; must be one of: strict (or true), warn, ignore (or false)"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn node(taints: Object) -> Object {
        json!({"metadata": {"name": "n"}, "spec": {"taints": taints}})
    }

    #[test]
    fn adds_changes_and_removes() {
        let old =
            || node(json!([{"key": "k", "value": "v", "effect": "NoSchedule"}, {"key": "k", "effect": "NoExecute"}]));
        for (words, overwrite, want, left) in [
            (&["a=b:NoSchedule"][..], false, Ok("tainted"), 3),
            (&["k=w:NoSchedule"], true, Ok("modified"), 2),
            (
                &["k=w:NoSchedule"],
                false,
                Err("node n already has k taint(s) with same effect(s) and --overwrite is false"),
                2,
            ),
            (&["k:NoSchedule-"], false, Ok("untainted"), 1),
            (&["k-"], false, Ok("untainted"), 0),
            (&["a=b:NoSchedule", "k-"], false, Ok("modified"), 1),
            (&["x-"], false, Err("taint \"x\" not found"), 2),
            (&["x:NoExecute-"], false, Err("taint \"x:NoExecute\" not found"), 2),
        ] {
            let mut node = old();
            let done = Wanted::parse(words, overwrite).unwrap().apply(&mut node);
            assert_eq!(done.map_err(|error| error.to_string()), want.map_err(str::to_owned), "{words:?}");
            assert_eq!(node.list_at(&["spec", "taints"]).len(), left, "{words:?}");
        }
    }

    #[test]
    fn refuses_what_does_not_read() {
        for (words, want) in [
            (&["a=b:Nope"][..], "invalid taint effect: Nope, unsupported taint effect"),
            (&["a=b"], "invalid taint spec: a=b, "),
            (&["a=b=c:NoSchedule"], "invalid taint spec: a=b=c:NoSchedule"),
            (&["a:b:c"], "invalid taint spec: a:b:c"),
            (
                &["a=b:NoSchedule", "a=c:NoSchedule"],
                "duplicated taints with the same key and effect: {a c NoSchedule <nil>}",
            ),
        ] {
            let error = Wanted::parse(words, false).unwrap_err().to_string();
            assert!(error.starts_with(want), "{error}");
        }
        let both = Wanted::parse(&["a=b:NoSchedule", "a-"], false).unwrap().check().unwrap_err().to_string();
        assert_eq!(both, "can not both modify and remove the following taint(s) in the same command: a=");
    }

    proptest! {
        #[test]
        fn never_panics(words in proptest::collection::vec("[ab=:-]{0,4}(NoSchedule)?-?", 0..4), overwrite: bool) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if let Ok(wanted) = Wanted::parse(&words, overwrite) {
                let _ = (wanted.check(), wanted.apply(&mut node(json!(null))));
            }
        }
    }
}
