//! `create poddisruptionbudget`.

use anyhow::bail;

use super::new::{Creation, NewArgs, name};
use crate::object::labels::Selector;
use crate::object::{Meta, intstr};
use crate::ops::context::Context;

/// Create a PodDisruptionBudget with the given name and selector, and how many pods must be, or may not be, available.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Of the pods app=rails at least one is available at any time\nkctl create poddisruptionbudget rails --selector=app=rails --min-available=1\n\n# Of the pods app=nginx at least half of those selected\nkctl create pdb nginx --selector=app=nginx --min-available=50%"
)]
pub struct PodDisruptionBudgetArgs {
    /// How many pods may be unavailable, a number or a percentage.
    #[arg(long)]
    max_unavailable: Option<String>,
    /// How many pods must be available, a number or a percentage.
    #[arg(long)]
    min_available: Option<String>,
    /// The labels of the pods. Only equalities are understood.
    #[arg(long)]
    selector: Option<String>,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `create poddisruptionbudget`.
///
/// # Errors
/// Flags that do not go together, and what the server refuses.
pub async fn run(ctx: &Context, args: PodDisruptionBudgetArgs) -> anyhow::Result<()> {
    let text = |flag: &'_ Option<String>| flag.clone().unwrap_or_default();
    let name = name("poddisruptionbudget", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let (least, most, selector) = (text(&args.min_available), text(&args.max_unavailable), text(&args.selector));
    if selector.is_empty() {
        bail!("a selector must be specified");
    }
    match (least.is_empty(), most.is_empty()) {
        (true, true) => bail!("one of min-available or max-unavailable must be specified"),
        (false, false) => bail!("min-available and max-unavailable cannot be both specified"),
        _ => {}
    }
    for (value, flag) in [(&least, "min-available"), (&most, "max-unavailable")] {
        if !value.is_empty() && !is_amount(value) {
            bail!("invalid format specified for {flag}");
        }
    }
    let selector = Selector::parse(&selector)
        .map_err(|error| anyhow::anyhow!("couldn't parse the selector string \"{selector}\": {error}"))?;
    let mut object = creation.namespaced("policy/v1", "PodDisruptionBudget", name);
    object.set_at(&["spec", "selector"], selector.to_object().map_err(|error| anyhow::anyhow!("{error}"))?);
    if least.is_empty() {
        object.set_at(&["spec", "maxUnavailable"], intstr::parse(&most));
    } else {
        object.set_at(&["spec", "minAvailable"], intstr::parse(&least));
    }
    creation.finish(object, "failed to create poddisruptionbudgets:").await
}

/// A number, or a number with a percent sign.
fn is_amount(text: &str) -> bool {
    let digits = text.strip_suffix('%').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
