//! `cp`: files to and from containers.

use anyhow::bail;

use crate::ops::context::Context;
use crate::ops::copy::path::FileSpec;
use crate::ops::copy::{self, Wish};

/// Copy files and folders to and from containers.
///
/// The container must have a program `tar`. Links are left out of what comes from a container; where they, or patterns, or permissions matter, use exec and tar.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Copy a folder of this machine into the pod web\nkctl cp ./site web:/usr/share/nginx/html\n\n# Copy a file into its container sidecar\nkctl cp ./settings.yaml web:/etc/settings.yaml -c sidecar\n\n# Copy a file into a pod of another namespace\nkctl cp ./settings.yaml shop/web:/etc/settings.yaml\n\n# Copy a file from a pod to this machine\nkctl cp shop/web:/var/log/app.log ./app.log\n\n# The same by hand, with links and permissions\nkctl exec web -- tar cf - /var/log | tar xf -"
)]
pub struct CpArgs {
    /// The container. Without a name it is the one that the annotation kubectl.kubernetes.io/default-container of the pod names, or the first.
    #[arg(long, short)]
    pub container: Option<String>,
    /// Leave owner and permissions in the container to whoever unpacks there.
    #[arg(long)]
    pub no_preserve: bool,
    /// How often a copy from a container is taken up again where it broke off; a number below 0 for without end.
    #[arg(long, default_value = "0")]
    pub retries: i64,
    /// Source and destination.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `cp`.
///
/// # Errors
/// Arguments that do not name a file here and one in a pod, and what copying meets.
pub async fn run(ctx: &Context, args: CpArgs) -> anyhow::Result<()> {
    let [source, target] = args.args.as_slice() else { bail!("source and destination are required") };
    let (source, target) = (FileSpec::parse(source)?, FileSpec::parse(target)?);
    let wish =
        Wish { container: args.container.unwrap_or_default(), no_preserve: args.no_preserve, retries: args.retries };
    if !source.pod.is_empty() && !target.pod.is_empty() {
        bail!("one of src or dest must be a local file specification");
    }
    if source.path.is_empty() || target.path.is_empty() {
        bail!("filepath can not be empty");
    }
    match (source.pod.is_empty(), target.pod.is_empty()) {
        (false, _) => copy::from_container(ctx, &source, &target, &wish).await,
        (_, false) => copy::to_container(ctx, &source, &target, &wish).await,
        _ => bail!("one of src or dest must be a remote file specification"),
    }
}
