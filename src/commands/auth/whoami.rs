//! `auth whoami`: as whom the server knows the user.

use std::io::Write;

use anyhow::bail;
use serde_json::json;

use crate::client::request::{Call, Endpoint, WriteParams};
use crate::object::{GroupVersionResource, Meta, Object, Status};
use crate::ops::change::{DryRun, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::print::Out;
use crate::output::tabwriter::{Settings, TabWriter};

/// Show as whom the server knows you: your name, your groups and whatever else it was told of you.
///
/// That helps where you do not see it in your kubeconfig: with tokens, single sign-on and proxies.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "# Who am I?\nkctl auth whoami\n\n# The same as JSON\nkctl auth whoami -o json")]
pub struct WhoamiArgs {
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Nothing is taken.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// The API's versions, the best first.
const VERSIONS: [&str; 3] = ["v1", "v1beta1", "v1alpha1"];

/// Runs `auth whoami`.
///
/// # Errors
/// A server that does not answer such questions.
pub async fn run(ctx: &Context, args: WhoamiArgs) -> anyhow::Result<()> {
    let report = Report::new(ctx, &args.output, DryRun::None)?;
    let answer = ask(ctx).await?;
    if args.output.given() {
        return report.print("", answer);
    }
    let user = answer.at(&["status", "userInfo"]).unwrap_or(&Object::Null);
    let mut out = TabWriter::new(Out(&ctx.streams), Settings::TABLE);
    writeln!(out, "ATTRIBUTE\tVALUE")?;
    for (heading, field) in [("Username", "username"), ("UID", "uid")] {
        let value = user.str_at(&[field]);
        if !value.is_empty() {
            writeln!(out, "{heading}\t{value}")?;
        }
    }
    let groups = user.list_at(&["groups"]);
    if !groups.is_empty() {
        writeln!(out, "Groups\t{}", texts(groups))?;
    }
    for (key, value) in user.at(&["extra"]).and_then(Object::as_object).into_iter().flatten() {
        writeln!(out, "Extra: {key}\t{}", texts(value.as_array().map(Vec::as_slice).unwrap_or_default()))?;
    }
    Ok(out.flush()?)
}

/// A list of texts as Go prints it.
fn texts(items: &[Object]) -> String {
    format!("[{}]", items.iter().filter_map(Object::as_str).collect::<Vec<_>>().join(" "))
}

async fn ask(ctx: &Context) -> anyhow::Result<Object> {
    let client = ctx.client().await?;
    for version in VERSIONS {
        let resource = GroupVersionResource::new("authentication.k8s.io", version, "selfsubjectreviews");
        let question = json!({
            "kind": "SelfSubjectReview",
            "apiVersion": format!("authentication.k8s.io/{version}"),
            "metadata": {},
            "status": {"userInfo": {}},
        });
        let call = Call::create(&Endpoint::collection(&resource, ""), &question, &WriteParams::default());
        match client.json(call).await {
            Ok(answer) => return Ok(answer),
            Err(error) => match error.downcast_ref::<Status>().map(|status| status.reason.as_str()) {
                Some("NotFound") => {}
                Some("Forbidden") => bail!(
                    "the selfsubjectreviews API is not enabled in the cluster or you do not have permission to call it"
                ),
                _ => return Err(error),
            },
        }
    }
    bail!("the selfsubjectreviews API is not enabled in the cluster")
}
