//! `set image`: other images for containers.

use anyhow::anyhow;

use super::{Changes, SetArgs};
use crate::error::Many;
use crate::object::Object;
use crate::ops::change;
use crate::ops::context::Context;
use crate::ops::pod_template::{containers_mut, spec_mut};

/// Change the images of a pod template.
///
/// Works on pods, replication controllers, deployments, daemon sets, stateful sets, cron jobs and replica sets.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Two containers of a deployment\nkctl set image deployment/web busybox=busybox nginx=nginx:1.9.1\n\n# The container nginx of all deployments and replication controllers\nkctl set image deployments,rc nginx=nginx:1.9.1 --all\n\n# All containers of a daemon set\nkctl set image daemonset agent *=nginx:1.9.1\n\n# Print what a file becomes, without a server\nkctl set image -f path/to/file.yaml nginx=nginx:1.9.1 --local -o yaml"
)]
pub struct ImageArgs {
    /// Narrow by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2).
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// What all of them have.
    #[command(flatten)]
    pub set: SetArgs,
    /// Types, names, and images.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `set image`.
///
/// # Errors
/// Containers that do not exist, and what the server refuses.
pub async fn run(ctx: &Context, args: ImageArgs) -> anyhow::Result<()> {
    let set = &args.set;
    let dry_run = set.dry_run.read(ctx)?;
    let changes = Changes::new(ctx, set, dry_run, "image updated", "failed to patch image update to pod template: ")?;
    let (resources, images) = change::resources_and_pairs(&args.args, "image")?;
    let images = change::pairs(images, "image")?;
    let selector = args.selector.as_deref().unwrap_or_default();
    let infos = set.infos(ctx, resources, selector).await?;
    let mut wrong: Vec<anyhow::Error> = Vec::new();
    wrong.extend(set.refuse_all_with(selector).err());
    if resources.is_empty() && set.files.is_empty() {
        wrong.push(anyhow!("one or more resources must be specified as <resource> <name> or <resource>/<name>"));
    }
    if images.is_empty() {
        wrong.push(anyhow!("at least one image update is required"));
    } else if images.len() > 1 && images.iter().any(|(name, _)| name == "*") {
        wrong.push(anyhow!(
            "all containers are already specified by *, but saw more than one container_name=container_image pairs"
        ));
    }
    wrong.extend(set.refuse_local_on_server(dry_run).err());
    Many::collect(wrong)?;
    let mut errors = Vec::new();
    let mut changed = Vec::new();
    for info in infos {
        let mut object = info.object.clone().unwrap_or_default();
        let after = set_images(&mut object, &images, &mut errors).map(|()| object);
        changed.push((info, after));
    }
    changes.apply(changed, &mut errors).await?;
    Many::collect(errors)
}

fn set_images(object: &mut Object, images: &[(String, String)], errors: &mut Vec<anyhow::Error>) -> anyhow::Result<()> {
    let spec = spec_mut(object)?;
    for (name, image) in images {
        let mut found = false;
        for field in ["initContainers", "containers"] {
            for container in containers_mut(spec, field) {
                if name == "*" || container.get("name").and_then(Object::as_str) == Some(name) {
                    container["image"] = image.as_str().into();
                    found = true;
                }
            }
        }
        if !found {
            errors.push(anyhow!("error: unable to find container named {name:?}"));
        }
    }
    Ok(())
}
