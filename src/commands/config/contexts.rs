//! Contexts: `get-contexts`, `current-context`, `use-context`, `set-context`, `rename-context`,
//! `delete-context`.

use std::io::Write;

use anyhow::{anyhow, bail};

use super::store::Store;
use super::{only, unexpected};
use crate::error::{Many, WithHelp};
use crate::go::quote::quote;
use crate::ops::context::Context;
use crate::output::tabwriter::{Settings, TabWriter};

/// List the contexts of the kubeconfig, or some of them.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# All contexts\nkctl config get-contexts\n\n# One context\nkctl config get-contexts my-context"
)]
pub struct GetArgs {
    /// Print no headers.
    #[arg(long)]
    no_headers: bool,
    /// Print names only, with 'name'.
    #[arg(long, short)]
    output: Option<String>,
    #[arg(hide = true)]
    names: Vec<String>,
}

/// Runs `config get-contexts`.
///
/// # Errors
/// Names of contexts that are not there, after those that are.
pub async fn get(context: &Context, args: GetArgs) -> anyhow::Result<()> {
    let names_only = match args.output.as_deref().unwrap_or_default() {
        "" => false,
        "name" => true,
        other => bail!(
            "--output {other} is not available in {} config get-contexts; resetting to default output format",
            context.program
        ),
    };
    let config = Store::new(context).load()?;
    let mut names = if args.names.is_empty() { config.contexts.keys().cloned().collect() } else { args.names };
    let missing = names.iter().filter(|name| !config.contexts.contains_key(*name));
    let missing = missing.map(|name| anyhow!("context {name} not found")).collect();
    names.sort();
    let mut out = context.streams.out();
    let mut table = TabWriter::new(&mut **out, Settings::TABLE);
    if !names_only && !args.no_headers {
        writeln!(table, "CURRENT\tNAME\tCLUSTER\tAUTHINFO\tNAMESPACE")?;
    }
    for name in names {
        let Some(entry) = config.contexts.get(&name) else { continue };
        if names_only {
            writeln!(table, "{name}")?;
        } else {
            let mark = if name == config.current_context { "*" } else { " " };
            writeln!(table, "{mark}\t{name}\t{}\t{}\t{}", entry.cluster, entry.user, entry.namespace)?;
        }
    }
    table.flush()?;
    Many::collect(missing)
}

/// Print the name of the current context.
#[derive(clap::Args, Debug)]
#[command(after_help = "# The current context\nkctl config current-context")]
pub struct CurrentArgs {}

/// Runs `config current-context`.
///
/// # Errors
/// No context is current.
pub async fn current(context: &Context, _: CurrentArgs) -> anyhow::Result<()> {
    let config = Store::new(context).load()?;
    if config.current_context.is_empty() {
        bail!("current-context is not set");
    }
    Ok(writeln!(context.streams.out(), "{}", config.current_context)?)
}

/// Make a context the current one.
#[derive(clap::Args, Debug)]
#[command(after_help = "# Work in the context minikube from now on\nkctl config use-context minikube")]
pub struct UseArgs {
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `config use-context`.
///
/// # Errors
/// A context that is not there.
pub async fn use_context(context: &Context, args: UseArgs) -> anyhow::Result<()> {
    let name = only(&args.args, "Unexpected args")?;
    let store = Store::new(context);
    let old = store.load()?;
    if name.is_empty() {
        bail!("empty context names are not allowed");
    }
    if !old.contexts.contains_key(&name) {
        bail!("no context exists with the name: {}", quote(&name));
    }
    let mut new = old.clone();
    new.current_context.clone_from(&name);
    store.save(&old, &new)?;
    Ok(writeln!(context.streams.out(), "Switched to context {}.", quote(&name))?)
}

/// Add a context to the kubeconfig, or change one.
///
/// Of a context that exists only the given fields change.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Change the user of a context and nothing else\nkctl config set-context gce --user=cluster-admin\n\n# Work in another namespace from now on\nkctl config set-context --current --namespace=blue"
)]
pub struct SetArgs {
    /// The context's cluster.
    #[arg(long)]
    cluster: Option<String>,
    /// Change the current context.
    #[arg(long)]
    current: bool,
    /// The context's namespace.
    #[arg(long, short)]
    namespace: Option<String>,
    /// The context's user.
    #[arg(long)]
    user: Option<String>,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `config set-context`.
///
/// # Errors
/// No name, or two ways of naming a context.
pub async fn set(context: &Context, args: SetArgs) -> anyhow::Result<()> {
    let name = match args.args.as_slice() {
        [] => String::new(),
        [name] => name.clone(),
        more => return Err(unexpected(more, "Unexpected args")),
    };
    match (name.is_empty(), args.current) {
        (true, false) => bail!("you must specify a non-empty context name or --current"),
        (false, true) => bail!("you cannot specify both a context name and --current"),
        _ => {}
    }
    let store = Store::new(context);
    let old = store.load()?;
    let name = if args.current { old.current_context.clone() } else { name };
    if name.is_empty() {
        bail!("no current context is set");
    }
    let mut new = old.clone();
    let entry = new.contexts.entry(name.clone()).or_default();
    for (field, value) in
        [(&mut entry.cluster, args.cluster), (&mut entry.user, args.user), (&mut entry.namespace, args.namespace)]
    {
        if let Some(value) = value {
            *field = value;
        }
    }
    store.save(&old, &new)?;
    let done = if old.contexts.contains_key(&name) { "modified" } else { "created" };
    Ok(writeln!(context.streams.out(), "Context {} {done}.", quote(&name))?)
}

/// Give a context another name. If it is the current one, it stays so.
#[derive(clap::Args, Debug)]
#[command(after_help = "# Call the context old-name new-name\nkctl config rename-context old-name new-name")]
pub struct RenameArgs {
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `config rename-context`.
///
/// # Errors
/// A context that is not there, or a name that is taken.
pub async fn rename(context: &Context, args: RenameArgs) -> anyhow::Result<()> {
    let [from, to] = args.args.as_slice() else { return Err(unexpected(&args.args, "Unexpected args")) };
    if to.is_empty() {
        bail!("You must specify a new non-empty context name");
    }
    let store = Store::new(context);
    let old = store.load()?;
    let file = store.file();
    let mut new = old.clone();
    let Some(entry) = new.contexts.remove(from) else {
        bail!("cannot rename the context {}, it's not in {}", quote(from), file.display());
    };
    if old.contexts.contains_key(to) {
        bail!(
            "cannot rename the context {}, the context {} already exists in {}",
            quote(from),
            quote(to),
            file.display()
        );
    }
    new.contexts.insert(to.clone(), entry);
    if new.current_context == *from {
        new.current_context.clone_from(to);
    }
    store.save(&old, &new)?;
    Ok(writeln!(context.streams.out(), "Context {} renamed to {}.", quote(from), quote(to))?)
}

/// Remove a context from the kubeconfig. Its cluster and its user stay.
#[derive(clap::Args, Debug)]
#[command(after_help = "# Remove the context minikube\nkctl config delete-context minikube")]
pub struct DeleteArgs {
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `config delete-context`.
///
/// # Errors
/// A context that is not there.
pub async fn delete(context: &Context, args: DeleteArgs) -> anyhow::Result<()> {
    let store = Store::new(context);
    let old = store.load()?;
    let [name] = args.args.as_slice() else { return Err(WithHelp(None).into()) };
    let file = store.file();
    let mut new = old.clone();
    if new.contexts.remove(name).is_none() {
        bail!("cannot delete context {name}, not in {}", file.display());
    }
    if old.current_context == *name {
        let program = context.program.name();
        context.streams.say(format!(
            "warning: this removed your active context, use \"{program} config use-context\" to select a different one"
        ));
    }
    store.save(&old, &new)?;
    Ok(writeln!(context.streams.out(), "deleted context {name} from {}", file.display())?)
}
