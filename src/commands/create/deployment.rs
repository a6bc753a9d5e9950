//! `create deployment`.

use anyhow::bail;
use serde_json::json;

use super::new::{Creation, NewArgs, name};
use crate::object::{Meta, Object};
use crate::ops::context::Context;

/// Create a Deployment with the given name.
///
/// Each image becomes a container that is named after it. What follows -- is the command of the container; then there may be only one image.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# A deployment with one replica of an image\nkctl create deployment web --image=nginx\n\n# With a command\nkctl create deployment clock --image=busybox -- date\n\n# With three replicas\nkctl create deployment web --image=nginx --replicas=3\n\n# With a port that the container serves\nkctl create deployment web --image=nginx --port=80\n\n# With several containers\nkctl create deployment web --image=nginx --image=busybox"
)]
pub struct DeploymentArgs {
    /// Images to run. Several make a pod of several containers.
    #[arg(long, required = true, value_delimiter = ',')]
    image: Vec<String>,
    /// A port that the first container serves.
    #[arg(long, default_value_t = -1)]
    port: i32,
    /// How many replicas to run.
    #[arg(long, short, default_value_t = 1)]
    replicas: i32,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
    #[arg(hide = true, last = true)]
    command: Vec<String>,
}

/// Runs `create deployment`.
///
/// # Errors
/// Wrong flags, and what the server refuses.
pub async fn run(ctx: &Context, args: DeploymentArgs) -> anyhow::Result<()> {
    let name = name("deployment", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    if args.image.len() > 1 && !args.command.is_empty() {
        bail!("cannot specify multiple --image options and command");
    }
    let labels = json!({"app": name});
    let mut object = creation.namespaced("apps/v1", "Deployment", name);
    object.set_at(&["metadata", "labels"], labels.clone());
    object.set_at(
        &["spec"],
        json!({
            "replicas": args.replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers(&args)}},
        }),
    );
    creation.finish(object, "failed to create deployment:").await
}

fn containers(args: &DeploymentArgs) -> Vec<Object> {
    let mut containers: Vec<Object> = args
        .image
        .iter()
        .map(|image| json!({"name": container_name(image), "image": image, "command": args.command}))
        .collect();
    if args.port >= 0
        && let Some(first) = containers.first_mut()
    {
        first.set_at(&["ports"], json!([{"containerPort": args.port}]));
    }
    containers
}

/// The image's last part without tag and digest; where it holds what no name may, something random is
/// added, so that two such names do not meet.
fn container_name(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or_default();
    let name = name.split([':', '@']).next().unwrap_or_default();
    if !name.contains(['_', '.']) {
        return name.to_owned();
    }
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let suffix: String =
        (0..5).filter_map(|_| LETTERS.get(fastrand::usize(..LETTERS.len())).copied().map(char::from)).collect();
    format!("{}-{suffix}", name.replace(['_', '.'], "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_named_after_images() {
        for (image, want) in [
            ("nginx", "nginx"),
            ("reg.example.org:5000/team/app:v1", "app"),
            ("app@sha256:1234", "app"),
            ("app:v1@sha256:1234", "app"),
            ("", ""),
        ] {
            assert_eq!(container_name(image), want);
        }
        let name = container_name("my_app.x:1");
        assert!(name.starts_with("my-app-x-") && name.len() == "my-app-x-".len() + 5, "{name}");
    }
}
