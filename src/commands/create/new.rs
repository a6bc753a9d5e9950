//! What the generators share: flags, the object's name, and the way from the object to the server and
//! to what is printed.

use serde_json::json;

use crate::error::UsageError;
use crate::object::{Meta, Object};
use crate::ops::change::{self, DryRun, DryRunArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::last_applied;
use crate::ops::typed::typed;
use crate::ops::validation::ValidateArgs;

/// The flags that all generators have.
#[derive(clap::Args, Clone, Debug)]
pub struct NewArgs {
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-create")]
    pub field_manager: String,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// If true, keep the object's configuration in its annotation, so that it can be changed with apply later.
    #[arg(long)]
    pub save_config: bool,
    /// How unknown fields are taken.
    #[command(flatten)]
    pub validate: ValidateArgs,
}

/// The one name that a generator takes.
///
/// # Errors
/// None, or more than one.
pub fn name<'a>(command: &str, args: &'a [String]) -> anyhow::Result<&'a str> {
    match args {
        [name] => Ok(name),
        _ => {
            let message = format!("exactly one NAME is required, got {}", args.len());
            Err(UsageError { command: format!("create {command}"), message }.into())
        }
    }
}

/// An object on its way.
pub struct Creation<'a> {
    /// The context.
    pub ctx: &'a Context,
    args: &'a NewArgs,
    dry_run: DryRun,
    directive: &'static str,
    report: Report<'a>,
    /// Where the object goes.
    pub namespace: String,
    explicit: bool,
}

impl<'a> Creation<'a> {
    /// Reads the flags.
    ///
    /// # Errors
    /// Flags with values that mean nothing.
    pub fn new(ctx: &'a Context, args: &'a NewArgs) -> anyhow::Result<Self> {
        let (namespace, explicit) = ctx.namespace()?;
        let dry_run = args.dry_run.read(ctx)?;
        let report = Report::new(ctx, &args.output, dry_run)?;
        let directive = args.validate.directive()?;
        Ok(Self { ctx, args, dry_run, directive, report, namespace, explicit })
    }

    /// An object of a kind that lives in namespaces. It names one only where a flag does.
    pub fn namespaced(&self, api_version: &str, kind: &str, name: &str) -> Object {
        let mut object = cluster_scoped(api_version, kind, name);
        if self.explicit {
            object.set_at(&["metadata", "namespace"], self.namespace.as_str());
        }
        object
    }

    /// Creates the object, unless that is only pretended, and prints it. `failure` stands before what
    /// the server says against it, `failed to create deployment:`; empty for its bare words.
    ///
    /// # Errors
    /// What the server refuses.
    pub async fn finish(self, object: Object, failure: &str) -> anyhow::Result<()> {
        let mut object = typed(object);
        if self.args.save_config {
            last_applied::record_typed(&mut object);
        }
        if self.dry_run != DryRun::Client {
            let mut write = self.dry_run.write(&self.args.field_manager);
            self.directive.clone_into(&mut write.field_validation);
            let created = change::create(self.ctx, &object, &self.namespace, &write).await;
            object = typed(created.map_err(|error| match failure {
                "" => error,
                failure => anyhow::anyhow!("{failure} {error:#}"),
            })?);
        }
        self.report.print("created", object)
    }
}

/// An object of a kind that lives in no namespace.
pub fn cluster_scoped(api_version: &str, kind: &str, name: &str) -> Object {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}})
}
