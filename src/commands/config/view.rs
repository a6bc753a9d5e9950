//! `config view`: the kubeconfig, all files merged.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use base64::Engine;

use super::store::Store;
use super::{absolute, fields};
use crate::client::config::Kubeconfig;
use crate::client::config::io_words as words;
use crate::error::UsageError;
use crate::ops::context::Context;
use crate::ops::kubeconfig::document;
use crate::ops::print::PrintArgs;
use crate::output::format::Family;

/// Show the kubeconfig: the files that count merged into one, or a single file.
///
/// Secrets and certificates are left out unless --raw or --flatten is given.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# The merged kubeconfig\nkctl config view\n\n# With certificates and secrets\nkctl config view --raw\n\n# Only what the current context needs, with its files in it\nkctl config view --minify --flatten\n\n# The password of a user\nkctl config view --raw -o jsonpath='{.users[?(@.name == \"e2e\")].user.password}'"
)]
pub struct ViewArgs {
    /// Put the content of certificate and key files into the output, so that it stands alone.
    #[arg(long)]
    flatten: bool,
    /// Merge all files that count. Without it a file must be named by --kubeconfig.
    #[arg(long, value_name = "=true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    merge: Option<bool>,
    /// Show only what the current context needs.
    #[arg(long)]
    minify: bool,
    /// How to print. One of: (json, yaml, kyaml, name, go-template, go-template-file, template, templatefile, jsonpath, jsonpath-as-json, jsonpath-file)
    #[arg(long, short, value_name = "=yaml")]
    output: Option<String>,
    /// Show certificates and secrets.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    print: PrintArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `config view`.
///
/// # Errors
/// Wrong arguments; files that cannot be read; a context that leads nowhere, with `--minify`.
pub async fn run(context: &Context, args: ViewArgs) -> anyhow::Result<()> {
    if !args.args.is_empty() {
        let message = format!("unexpected arguments: [{}]", args.args.join(" "));
        return Err(UsageError { command: "config view".to_owned(), message }.into());
    }
    let output = args.output.as_deref().or(args.print.template.is_none().then_some("yaml"));
    let format = args.print.format(context, Family::Common, output, false)?;
    let mut printer = args.print.printer(format, "")?.with_key_order(Box::new(&fields::CONFIG));
    let store = Store::new(context);
    if args.merge == Some(false) && !store.is_explicit() {
        bail!("if merge==false a precise file must be specified");
    }
    let mut config = store.load()?;
    if args.minify {
        if let Some(name) = context.overrides.context.as_deref().filter(|name| !name.is_empty()) {
            name.clone_into(&mut config.current_context);
        }
        minify(&mut config)?;
    }
    if args.flatten {
        flatten(&mut config)?;
    } else if !args.raw {
        redact(&mut config);
    }
    printer.print(document(&config), &mut **context.streams.out())
}

/// Keeps the current context, and the cluster and the user that it names.
fn minify(config: &mut Kubeconfig) -> anyhow::Result<()> {
    let current = config.current_context.clone();
    if current.is_empty() {
        bail!("current-context must exist in order to minify");
    }
    let Some(context) = config.contexts.get(&current) else { bail!("cannot locate context {current}") };
    let (cluster, user) = (context.cluster.clone(), context.user.clone());
    if !cluster.is_empty() && !config.clusters.contains_key(&cluster) {
        bail!("cannot locate cluster {cluster}");
    }
    if !user.is_empty() && !config.users.contains_key(&user) {
        bail!("cannot locate user {user}");
    }
    config.contexts.retain(|name, _| *name == current);
    config.clusters.retain(|name, _| *name == cluster);
    config.users.retain(|name, _| *name == user);
    Ok(())
}

/// Reads certificates and keys into the configuration.
fn flatten(config: &mut Kubeconfig) -> anyhow::Result<()> {
    for user in config.users.values_mut() {
        let folder = folder(user.location.as_deref());
        flatten_one(&mut user.client_certificate, &mut user.client_certificate_data, &folder)?;
        flatten_one(&mut user.client_key, &mut user.client_key_data, &folder)?;
    }
    for cluster in config.clusters.values_mut() {
        let folder = folder(cluster.location.as_deref());
        flatten_one(&mut cluster.certificate_authority, &mut cluster.certificate_authority_data, &folder)?;
    }
    Ok(())
}

fn folder(location: Option<&Path>) -> PathBuf {
    let folder = location.and_then(Path::parent).unwrap_or(Path::new(""));
    PathBuf::from(absolute(&folder.to_string_lossy()))
}

fn flatten_one(path: &mut String, data: &mut String, folder: &Path) -> anyhow::Result<()> {
    if path.is_empty() {
        return Ok(());
    }
    if !data.is_empty() {
        bail!("cannot have values for both path and contents");
    }
    let file = folder.join(path.as_str());
    let content = std::fs::read(&file).map_err(|error| anyhow!("open {}: {}", file.display(), words(&error)))?;
    *data = base64::engine::general_purpose::STANDARD.encode(content);
    path.clear();
    Ok(())
}

/// Hides what must not be shown, and what is too long to.
fn redact(config: &mut Kubeconfig) {
    let hide = |text: &mut String, by: &str| {
        if !text.is_empty() {
            by.clone_into(text);
        }
    };
    for cluster in config.clusters.values_mut() {
        hide(&mut cluster.certificate_authority_data, "DATA+OMITTED");
    }
    for user in config.users.values_mut() {
        hide(&mut user.client_certificate_data, "DATA+OMITTED");
        hide(&mut user.client_key_data, "DATA+OMITTED");
        hide(&mut user.token, "REDACTED");
        hide(&mut user.password, "REDACTED");
    }
}
