//! `set env`: environment variables of containers.

mod parse;
mod reference;

use std::io::Read;

use anyhow::{anyhow, bail};
use serde_json::json;

use super::{Changes, SetArgs};
use crate::error::Many;
use crate::object::{Meta, Object};
use crate::ops::context::Context;
use crate::ops::pod_template::{containers_mut, is_selected, spec_mut};
use crate::ops::resources::Info;
use parse::Wanted;

/// Change environment variables of a pod template.
///
/// NAME=VALUE sets a variable, NAME- removes it, and - reads variables from standard input. With --from all keys of a ConfigMap or Secret, or those that --keys names, become variables that refer to it. With --list the variables are printed. Works on everything that has a pod template.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Set a variable of all containers of a deployment\nkctl set env deployment/registry STORAGE_DIR=/local\n\n# List the variables of a deployment\nkctl set env deployment/sample-build --list\n\n# List the variables of all pods\nkctl set env pods --all --list\n\n# Print the result without sending it\nkctl set env deployment/sample-build STORAGE_DIR=/data -o yaml --dry-run=client\n\n# Take all keys of a Secret\nkctl set env --from=secret/mysecret deployment/web\n\n# Take them under names that begin with MYSQL_\nkctl set env --from=configmap/myconfigmap --prefix=MYSQL_ deployment/web\n\n# Only some keys\nkctl set env --keys=my-example-key --from=configmap/myconfigmap deployment/web\n\n# Remove a variable from one container of all deployments\nkctl set env deployments --all --containers=\"c1\" ENV-\n\n# Set what this shell has\nenv | grep RAILS_ | kctl set env -e - deployment/registry"
)]
pub struct EnvArgs {
    /// The containers to change, by name; * stands for any characters.
    #[arg(long, short, default_value = "*")]
    pub containers: String,
    /// A variable to set, NAME=VALUE. May be given several times.
    #[arg(long, short, action = clap::ArgAction::Append)]
    pub env: Vec<String>,
    /// A ConfigMap or Secret whose keys become variables, TYPE/NAME.
    #[arg(long)]
    pub from: Option<String>,
    /// Only these keys of --from, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub keys: Vec<String>,
    /// If true, print the variables instead of changing anything.
    #[arg(long)]
    pub list: bool,
    /// If true, variables that have another value already are changed; if false that is an error.
    #[arg(long, action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub overwrite: bool,
    /// What goes before the name of each variable.
    #[arg(long)]
    pub prefix: Option<String>,
    /// With --list, print the values that variables refer to.
    #[arg(long)]
    pub resolve: bool,
    /// Narrow by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2).
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// What all of them have.
    #[command(flatten)]
    pub set: SetArgs,
    /// Types, names, and variables.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

fn text(flag: &Option<String>) -> &str {
    flag.as_deref().unwrap_or_default()
}

/// Runs `set env`.
///
/// # Errors
/// Names that no variable can have, values that must stay, and what the server refuses.
pub async fn run(ctx: &Context, args: EnvArgs) -> anyhow::Result<()> {
    let set = &args.set;
    set.refuse_all_with(text(&args.selector))?;
    let Some((resources, words)) = parse::split(&args.args) else {
        bail!("all resources must be specified before environment changes: {}", args.args.join(" "));
    };
    let dry_run = set.dry_run.read(ctx)?;
    let changes = Changes::new(ctx, set, dry_run, "env updated", "failed to patch env update to pod template: ")?;
    set.refuse_local_on_server(dry_run)?;
    if set.files.filename.is_empty() && resources.is_empty() {
        bail!("one or more resources must be specified as <resource> <name> or <resource>/<name>");
    }
    if args.list && set.output.given() {
        bail!("--list and --output may not be specified together");
    }
    if !args.keys.is_empty() && text(&args.from).is_empty() {
        bail!("when specifying --keys, a configmap or secret must be provided with --from");
    }
    let given: Vec<&str> = args.env.iter().chain(words).map(String::as_str).collect();
    let mut wanted = Wanted::parse(&given, || {
        let mut text = String::new();
        ctx.input.take();
        ctx.streams.input().read_to_string(&mut text)?;
        Ok(text)
    })?;
    if !text(&args.from).is_empty() {
        wanted.set.extend(from(ctx, &args).await?);
    }
    for variable in &mut wanted.set {
        let name = format!("{}{}", text(&args.prefix), variable.str_at(&["name"]));
        variable.set_at(&["name"], name);
    }
    let named = if set.local { &[] } else { resources };
    let infos = set.infos(ctx, named, text(&args.selector)).await?;
    let mut errors = Vec::new();
    let mut changed = Vec::new();
    for info in infos {
        let after = change(ctx, &args, &wanted, &info).await;
        changed.push((info, after));
    }
    if args.list {
        return Ok(());
    }
    changes.apply(changed, &mut errors).await?;
    Many::collect(errors)
}

/// The keys of what `--from` names, as variables that refer to them.
async fn from(ctx: &Context, args: &EnvArgs) -> anyhow::Result<Vec<Object>> {
    let set = &args.set;
    let named = [text(&args.from).to_owned()];
    let infos = super::fetch(set.named(ctx, &named, text(&args.selector))?).await?;
    let mut variables = Vec::new();
    for info in infos {
        let object = info.object();
        let reference = match object.gvk().to_string().as_str() {
            "/v1, Kind=Secret" => "secretKeyRef",
            "/v1, Kind=ConfigMap" => "configMapKeyRef",
            _ => bail!("unsupported resource specified in --from"),
        };
        for key in object.get("data").and_then(Object::as_object).into_iter().flat_map(|data| data.keys()) {
            if !args.keys.is_empty() && !args.keys.contains(key) {
                continue;
            }
            let name = parse::name_of_key(key);
            if name != *key {
                ctx.streams.warn(format!("key {key} transferred to {name}"));
            }
            variables.push(json!({"name": name, "valueFrom": {reference: {"name": object.name(), "key": key}}}));
        }
    }
    Ok(variables)
}

/// The object with its variables changed, which are printed with `--list`.
async fn change(ctx: &Context, args: &EnvArgs, wanted: &Wanted, info: &Info) -> anyhow::Result<Object> {
    let mut object = info.object.clone().unwrap_or_default();
    let before = object.clone();
    let (kind, name) = (object.kind().to_owned(), object.name().to_owned());
    let spec = spec_mut(&mut object)?;
    let mut lists = Vec::new();
    let mut found = false;
    for field in ["containers", "initContainers"] {
        for container in containers_mut(spec, field) {
            if !is_selected(container.str_at(&["name"]), &args.containers) {
                continue;
            }
            found = true;
            let existing = container.list_at(&["env"]);
            if !args.overwrite {
                wanted.refuse_overwriting(existing)?;
            }
            let env = wanted.apply(existing);
            container.set_at(&["env"], env);
            if args.list {
                lists.push(container.clone());
            }
        }
    }
    if !found {
        ctx.streams.warn(format!("{kind}/{name} does not have any containers matching {:?}", args.containers));
    }
    let mut failed = false;
    for container in lists {
        failed |= list(ctx, args, &before, &container).await?;
    }
    if failed {
        return Err(anyhow!("failed to retrieve valueFrom references"));
    }
    Ok(object)
}

/// Prints the variables of a container; whether any of them could not be resolved.
async fn list(ctx: &Context, args: &EnvArgs, object: &Object, container: &Object) -> anyhow::Result<bool> {
    let mut faults = reference::Faults::default();
    let mut lines = format!("# {} {}, container {}\n", object.kind(), object.name(), container.str_at(&["name"]));
    for variable in container.list_at(&["env"]) {
        let name = variable.str_at(&["name"]);
        let Some(source) = variable.get("valueFrom").filter(|source| !source.is_null()) else {
            lines += &format!("{name}={}\n", variable.str_at(&["value"]));
            continue;
        };
        if args.resolve {
            match reference::resolve(ctx, source, object, container).await {
                Ok(value) => {
                    lines += &format!("{name}={value}\n");
                    continue;
                }
                Err(error) => faults.add(name, &error),
            }
        }
        lines += &format!("# {name} from {}\n", reference::describe(source));
    }
    ctx.streams.out().write_all(lines.as_bytes())?;
    for line in faults.lines() {
        ctx.streams.say(line);
    }
    Ok(!faults.is_empty())
}
