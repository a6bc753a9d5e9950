//! `kustomize`: builds a kustomization and prints the result.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::object::{Meta, Object};
use crate::ops::context::Context;
use crate::ops::kustomize::helm::Helm;
use crate::ops::kustomize::{self, Options};
use crate::output::yaml;

/// Build the kustomization of a folder and print the objects it declares.
///
/// Without a folder, the current one is meant. Nothing is asked of a cluster.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Print what the kustomization of the current folder declares\nkctl kustomize\n\n# That of another folder\nkctl kustomize overlays/production\n\n# Let it read files outside of its folder\nkctl kustomize overlays/production --load-restrictor LoadRestrictionsNone"
)]
pub struct KustomizeArgs {
    /// Run functions as the current user instead of as nobody. Functions are not run.
    #[arg(long)]
    as_current_user: bool,
    /// Allow plugins. Only kustomize's own are run: no programs and no containers.
    #[arg(long)]
    enable_alpha_plugins: bool,
    /// Allow helm charts, rendered with the program helm.
    #[arg(long)]
    enable_helm: bool,
    /// Environment variables for functions.
    #[arg(short, long, value_name = "=[]")]
    env: Vec<String>,
    /// API versions that helm is told of.
    #[arg(long, value_name = "=[]")]
    helm_api_versions: Vec<String>,
    /// The program that helm charts are rendered with.
    #[arg(long, default_value = "helm")]
    helm_command: String,
    /// Let helm tell what it does.
    #[arg(long)]
    helm_debug: bool,
    /// The Kubernetes version that helm is told of.
    #[arg(long)]
    helm_kube_version: Option<String>,
    /// Whether files may be outside of the kustomization's folder: LoadRestrictionsNone or LoadRestrictionsRootOnly.
    #[arg(long, default_value = "LoadRestrictionsRootOnly")]
    load_restrictor: String,
    /// Folders that functions may use.
    #[arg(long, value_name = "=[]")]
    mount: Vec<String>,
    /// Let functions use the network.
    #[arg(long)]
    network: bool,
    /// Name of the docker network that functions use.
    #[arg(long, default_value = "bridge")]
    network_name: String,
    /// Write to this file, or one file an object into this folder.
    #[arg(short, long)]
    output: Option<String>,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `kustomize`.
///
/// # Errors
/// Whatever is wrong with the kustomization; a place that cannot be written to.
pub fn run(context: &Context, args: KustomizeArgs) -> anyhow::Result<()> {
    let folder = match args.args.as_slice() {
        [] => ".",
        [folder] => folder,
        _ => anyhow::bail!("specify one path to kustomization.yaml"),
    };
    let unrestricted = match args.load_restrictor.as_str() {
        "LoadRestrictionsNone" => true,
        "LoadRestrictionsRootOnly" | "" => false,
        other => anyhow::bail!(
            "illegal flag value --load-restrictor {other}; legal values: [LoadRestrictionsRootOnly LoadRestrictionsNone]"
        ),
    };
    let helm = args.enable_helm.then(|| Helm {
        command: args.helm_command.clone(),
        api_versions: args.helm_api_versions.clone(),
        kube_version: args.helm_kube_version.clone().unwrap_or_default(),
        debug: args.helm_debug,
    });
    let options = Options {
        unrestricted,
        managed_by: false,
        plugins: args.enable_alpha_plugins,
        helm,
        way_out: context.way_out().into(),
    };
    let mut warnings = Vec::new();
    let built = kustomize::build(folder, &options, &mut warnings);
    let mut err = context.streams.err();
    for warning in warnings {
        writeln!(err, "{warning}")?;
    }
    drop(err);
    let objects = built?;
    match args.output.as_deref().filter(|output| !output.is_empty()) {
        Some(output) if Path::new(output).is_dir() => {
            for object in &objects {
                fs::write(Path::new(output).join(file_name(object)), yaml::to_string(object)?)?;
            }
        }
        Some(output) => fs::write(output, text(&objects)?)?,
        None => context.streams.out().write_all(text(&objects)?.as_bytes())?,
    }
    Ok(())
}

fn text(objects: &[Object]) -> anyhow::Result<String> {
    let texts: Vec<String> = objects.iter().map(yaml::to_string).collect::<Result<_, _>>()?;
    Ok(texts.join("---\n"))
}

/// `namespace_group_version_kind_name.yaml`, in lower case, without what is empty.
fn file_name(object: &Object) -> String {
    let gvk = object.gvk();
    let parts = [gvk.group.as_str(), &gvk.version, &gvk.kind, object.name()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}.yaml", parts.join("_").to_lowercase())
}
