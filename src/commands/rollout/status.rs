//! `rollout status`: follows a rollout until it is complete.

use std::io::Write;
use std::time::Duration;

use anyhow::{anyhow, bail};
use jiff::SignedDuration;

use super::{TargetArgs, mapping};
use crate::client::watch::until;
use crate::error::{Exit, Many};
use crate::ops::change;
use crate::ops::context::Context;
use crate::ops::interrupt::interruptible;
use crate::ops::resources::Info;
use crate::ops::rollout::Workload;

/// Follow a rollout until it is complete.
///
/// Says how far the newest rollout of a deployment, daemon set or stateful set is, and goes on saying so until it is complete or has failed. When another rollout begins in the meantime, that one is followed; with --revision only that revision is waited for.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "# Follow the rollout of a deployment\nkctl rollout status deployment/web")]
pub struct StatusArgs {
    /// Only this revision: another one is an error. 0 for the newest.
    #[arg(long, default_value_t = 0)]
    pub revision: i64,
    /// How long to follow (1s, 2m, 3h). 0 for as long as it takes.
    #[arg(long, default_value = "0s")]
    pub timeout: SignedDuration,
    /// Follow the rollout until it is complete.
    #[arg(long, short, action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub watch: bool,
    /// Which workloads.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// Runs `rollout status`.
///
/// # Errors
/// A rollout that failed, or is not complete in time.
pub async fn run(ctx: &Context, args: StatusArgs) -> anyhow::Result<()> {
    args.target.require()?;
    if args.revision < 0 {
        bail!("revision must be a positive integer: {}", args.revision);
    }
    let (infos, result) = args.target.plan(ctx).await?.infos().await;
    let mut errors = change::errors_of(result);
    if infos.is_empty() && errors.is_empty() {
        ctx.streams.say(format!("No resources found in {} namespace.", ctx.namespace()?.0));
    }
    for info in infos {
        match follow(ctx, &args, &info).await {
            Err(error) if error.is::<Exit>() => return Err(error),
            followed => errors.extend(followed.err()),
        }
    }
    Many::collect(errors)
}

async fn follow(ctx: &Context, args: &StatusArgs, info: &Info) -> anyhow::Result<()> {
    let mapping = mapping(info)?;
    let workload = Workload::of(mapping)
        .ok_or_else(|| anyhow!("no status viewer has been implemented for {}", mapping.kind.group_kind()))?;
    let limit = (!args.timeout.is_zero()).then(|| Duration::try_from(args.timeout).unwrap_or_default());
    let endpoint = info.endpoint();
    let followed = until(ctx.client().await?, &endpoint, limit, |object| {
        let Some(object) = object else { bail!("object has been deleted") };
        let (status, done) = workload.status(object, args.revision)?;
        let mut out = ctx.streams.out();
        out.write_all(status.as_bytes())?;
        out.flush()?;
        Ok((done || !args.watch).then_some(()))
    });
    interruptible(followed).await
}
