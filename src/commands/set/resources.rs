//! `set resources`: requests and limits of containers.

use anyhow::{anyhow, bail};

use super::{Changes, SetArgs};
use crate::error::Many;
use crate::object::quantity::{self, Quantity};
use crate::object::{Meta, Object};
use crate::ops::context::Context;
use crate::ops::pod_template::{containers_mut, is_selected, spec_mut};

/// Change the resource requests and limits of a pod template.
///
/// A limit without a request is also the request. Only what is named is changed; 0 takes a limit away in all but name. Works on everything that has a pod template.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Limit one container of a deployment\nkctl set resources deployment web -c=nginx --limits=cpu=200m,memory=512Mi\n\n# Requests and limits of all containers\nkctl set resources deployment web --limits=cpu=200m,memory=512Mi --requests=cpu=100m,memory=256Mi\n\n# Print what a file becomes, without a server\nkctl set resources -f path/to/file.yaml --limits=cpu=200m,memory=512Mi --local -o yaml"
)]
pub struct ResourcesArgs {
    /// The containers to change, by name; * stands for any characters.
    #[arg(long, short, default_value = "*")]
    pub containers: String,
    /// The most that each container may use: 'cpu=100m,memory=256Mi'.
    #[arg(long)]
    pub limits: Option<String>,
    /// What each container asks for: 'cpu=100m,memory=256Mi'.
    #[arg(long)]
    pub requests: Option<String>,
    /// Narrow by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2).
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// What all of them have.
    #[command(flatten)]
    pub set: SetArgs,
    /// Types and names.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `set resources`.
///
/// # Errors
/// Quantities that do not read, containers that do not exist, and what the server refuses.
pub async fn run(ctx: &Context, args: ResourcesArgs) -> anyhow::Result<()> {
    let set = &args.set;
    let dry_run = set.dry_run.read(ctx)?;
    let changes = Changes::new(
        ctx,
        set,
        dry_run,
        "resource requirements updated",
        "failed to patch resources update to pod template ",
    )?;
    let selector = args.selector.as_deref().unwrap_or_default();
    let infos = set.infos(ctx, &args.args, selector).await?;
    set.refuse_local_on_server(dry_run)?;
    set.refuse_all_with(selector)?;
    let (limits, requests) = (args.limits.as_deref().unwrap_or_default(), args.requests.as_deref().unwrap_or_default());
    if limits.is_empty() && requests.is_empty() {
        bail!("you must specify an update to requests or limits (in the form of --requests/--limits)");
    }
    let amounts = [("limits", quantities(limits)?), ("requests", quantities(requests)?)];
    let mut errors = Vec::new();
    let mut changed = Vec::new();
    for info in infos {
        let mut object = info.object.clone().unwrap_or_default();
        match set_amounts(&mut object, &args.containers, &amounts) {
            Ok(true) => changed.push((info, Ok(object))),
            Ok(false) => errors.push(anyhow!("error: unable to find container named {}", args.containers)),
            Err(error) => changed.push((info, Err(error))),
        }
    }
    changes.apply(changed, &mut errors).await?;
    Many::collect(errors)
}

/// Reads `cpu=100m,memory=256Mi`.
fn quantities(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut quantities = Vec::new();
    for part in text.split(',').filter(|_| !text.is_empty()) {
        match part.split('=').collect::<Vec<_>>().as_slice() {
            [name, amount] => {
                Quantity::parse(amount)?;
                quantities.push(((*name).to_owned(), quantity::canonical(amount)));
            }
            _ => bail!("Invalid argument syntax {part}, expected <resource>=<value>"),
        }
    }
    Ok(quantities)
}

/// Whether there was any container to change.
fn set_amounts(object: &mut Object, pattern: &str, amounts: &[(&str, Vec<(String, String)>)]) -> anyhow::Result<bool> {
    let spec = spec_mut(object)?;
    let mut found = false;
    for field in ["containers", "initContainers"] {
        for container in containers_mut(spec, field) {
            if !is_selected(container.str_at(&["name"]), pattern) {
                continue;
            }
            found = true;
            for (kind, quantities) in amounts {
                for (name, amount) in quantities {
                    container.set_at(&["resources", kind, name], amount.as_str());
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_quantities() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(quantities("cpu=0.2,memory=512Mi").unwrap(), [pair("cpu", "200m"), pair("memory", "512Mi")]);
        assert_eq!(quantities("").unwrap(), []);
        for (text, want) in [
            ("gpu", "Invalid argument syntax gpu, expected <resource>=<value>"),
            ("cpu=bad", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
        ] {
            assert_eq!(quantities(text).unwrap_err().to_string(), want);
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,12}") {
            let _ = quantities(&text);
        }
    }
}
