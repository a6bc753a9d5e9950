//! What is in the cluster, as a whole: `import`, `export`.

use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::bail;

use crate::object::{Meta, Object};
use crate::ops::context::Context;
use crate::ops::manifests::{self, STDIN};
use crate::ops::offline::{Import, folder};
use crate::output::{json, yaml};

/// Take objects of another cluster over as they are: with their UIDs, times and status, unchecked.
///
/// A file that has nodes in it is a whole cluster. Imported where there is no cluster yet (see "kctl offline reset"), it becomes the cluster, resource versions included. In all other cases the objects are added to those that are there, and replace those of the same name.
///
/// With --paused nothing moves afterwards: no controller, no scheduler, no kubelet. "kctl offline resume" lets them go on.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Look into another cluster's objects at leisure\nkubectl get all,nodes,events -A -o json > cluster.json\nkctl offline import cluster.json --paused\n\n# Put a cluster back that was exported before\nkctl offline reset -y\nkctl offline import before.yaml\n\n# Import what another program prints\nmake-cluster | kctl offline import -"
)]
pub struct ImportArgs {
    /// If true, nothing moves from now on.
    #[arg(long)]
    pub paused: bool,
    /// The file.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `offline import`.
///
/// # Errors
/// A file that cannot be read or understood; objects of a kind that is not known, and then none is
/// taken over.
pub async fn import(ctx: &Context, args: ImportArgs) -> anyhow::Result<()> {
    let [file] = args.args.as_slice() else { bail!("exactly one file must be named (- for standard input)") };
    let objects = read(ctx, file)?;
    let count = ctx.bundled()?.import(ctx, &folder(ctx)?, Import { objects, paused: args.paused })?;
    let paused = if args.paused { ", the cluster is paused" } else { "" };
    Ok(writeln!(ctx.streams.out(), "{count} objects imported{paused}")?)
}

/// The objects of a file, lists taken apart.
///
/// # Errors
/// A file that cannot be read or understood.
pub(super) fn read(ctx: &Context, file: &str) -> anyhow::Result<Vec<Object>> {
    let mut text = Vec::new();
    let source = if file == "-" {
        ctx.streams.input().read_to_end(&mut text)?;
        STDIN
    } else {
        text = manifests::read_file(Path::new(file))?;
        file
    };
    let mut objects = Vec::new();
    for document in manifests::documents(&text, source) {
        let mut document = document?;
        match document.get_mut("items").map(Object::take) {
            Some(Object::Array(items)) => objects.extend(items),
            _ if document.is_null() => {}
            _ => objects.push(document),
        }
    }
    match objects.iter().find(|object| object.kind().is_empty() || object.api_version().is_empty()) {
        Some(strange) => bail!("{source}: an object without apiVersion and kind: {:?}", strange.name()),
        None => Ok(objects),
    }
}

/// Print everything in the cluster, as a List that "kctl offline import" takes back.
///
/// The objects are as they are stored: with UIDs, resource versions, status, and secrets in the clear.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Keep the cluster for later\nkctl offline export > before.yaml\n\n# As JSON\nkctl offline export -o json"
)]
pub struct ExportArgs {
    /// Output format: yaml or json.
    #[arg(long, short, default_value = "yaml")]
    pub output: String,
}

/// Runs `offline export`.
///
/// # Errors
/// A format that is not known, or a store that cannot be read.
pub async fn export(ctx: &Context, args: ExportArgs) -> anyhow::Result<()> {
    let is_json = match args.output.as_str() {
        "yaml" => false,
        "json" => true,
        other => bail!("--output must be 'yaml' or 'json', not {other:?}"),
    };
    let objects = ctx.bundled()?.export(ctx, &folder(ctx)?)?;
    let mut out = ctx.streams.out();
    if is_json {
        let mut list = json::ListWriter::begin(&mut **out)?;
        objects.iter().try_for_each(|object| list.item(object))?;
        list.end("")?;
    } else {
        let mut list = yaml::ListWriter::begin(&mut **out)?;
        objects.iter().try_for_each(|object| list.item(object))?;
        list.end("")?;
    }
    Ok(())
}
