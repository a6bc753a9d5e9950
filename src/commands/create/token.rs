//! `create token`.

use std::io::Write;

use anyhow::{anyhow, bail};
use http::Method;
use jiff::SignedDuration;
use serde_json::json;

use super::new::name;
use crate::client::request::{Call, Endpoint};
use crate::object::{GroupVersionResource, Meta};
use crate::ops::change::{DryRun, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::typed::typed;

/// Kinds that a token may be bound to.
const KINDS: &[&str] = &["Node", "Pod", "Secret"];

/// Request a token for a service account.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# For the service account app of the current namespace\nkctl create token app\n\n# Of another namespace\nkctl create token app --namespace blue\n\n# For ten minutes\nkctl create token app --duration 10m\n\n# For another audience than the API server\nkctl create token app --audience https://example.com\n\n# That ends with a Secret\nkctl create token app --bound-object-kind Secret --bound-object-name mysecret\n\n# That ends with this very Secret\nkctl create token app --bound-object-kind Secret --bound-object-name mysecret --bound-object-uid 0d4691ed-659b-4935-a832-355f77ee47cc"
)]
pub struct TokenArgs {
    /// For whom the token is; the API server unless given. May be given several times.
    #[arg(long)]
    audience: Vec<String>,
    /// The kind of an object that the token ends with. One of Node, Pod, Secret. With --bound-object-name.
    #[arg(long)]
    bound_object_kind: Option<String>,
    /// The name of an object that the token ends with. With --bound-object-kind.
    #[arg(long)]
    bound_object_name: Option<String>,
    /// The UID of that object; that of the present one unless given.
    #[arg(long)]
    bound_object_uid: Option<String>,
    /// How long the token is to live. 0 leaves it to the server, which may choose otherwise anyway.
    #[arg(long, default_value = "0s")]
    duration: SignedDuration,
    #[command(flatten)]
    output: OutputArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `create token`.
///
/// # Errors
/// Flags that do not go together, and what the server refuses.
pub async fn run(ctx: &Context, args: TokenArgs) -> anyhow::Result<()> {
    let name = name("token", &args.args)?;
    let (namespace, _) = ctx.namespace()?;
    let report = Report::new(ctx, &args.output, DryRun::None)?;
    let bound = validate(&args)?;
    let mut request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {},
        "spec": {"audiences": args.audience},
    });
    if !args.duration.is_zero() {
        request.set_at(&["spec", "expirationSeconds"], args.duration.as_secs());
    }
    if let Some(kind) = bound {
        let version = "v1";
        let name = args.bound_object_name.as_deref().unwrap_or_default();
        let mut object = json!({"kind": kind, "apiVersion": version, "name": name});
        if let Some(uid) = args.bound_object_uid.as_deref().filter(|uid| !uid.is_empty()) {
            object.set_at(&["uid"], uid);
        }
        request.set_at(&["spec", "boundObjectRef"], object);
    }
    let accounts = GroupVersionResource::new("", "v1", "serviceaccounts");
    let endpoint = Endpoint::object(&accounts, namespace, name).subresource("token");
    endpoint.check()?;
    let call = Call::new(Method::POST, endpoint.path()).json(&typed(request));
    let answer = ctx.client().await?.json(call).await;
    let answer = typed(answer.map_err(|error| anyhow!("failed to create token: {error:#}"))?);
    let token = answer.str_at(&["status", "token"]);
    if token.is_empty() {
        bail!("failed to create token: no token in server response");
    }
    if args.output.given() {
        return report.print("created", answer);
    }
    let mut out = ctx.streams.out();
    write!(out, "{token}{}", if ctx.streams.out_is_terminal { "\n" } else { "" })?;
    Ok(())
}

/// Checks the flags and returns the kind that the token is bound to.
fn validate(args: &TokenArgs) -> anyhow::Result<Option<&str>> {
    let text = |flag: &'_ Option<String>| flag.clone().unwrap_or_default();
    if args.duration.is_negative() {
        bail!("--duration must be greater than or equal to 0");
    }
    if args.duration.subsec_nanos() != 0 {
        bail!("--duration cannot be expressed in units less than seconds");
    }
    if args.audience.iter().any(String::is_empty) {
        bail!("--audience must not be an empty string");
    }
    let Some(kind) = args.bound_object_kind.as_deref().filter(|kind| !kind.is_empty()) else {
        for (flag, name) in [(&args.bound_object_name, "name"), (&args.bound_object_uid, "uid")] {
            if !text(flag).is_empty() {
                bail!("--bound-object-{name} can only be set if --bound-object-kind is provided");
            }
        }
        return Ok(None);
    };
    if !KINDS.contains(&kind) {
        bail!("supported --bound-object-kind values are {}", KINDS.join(", "));
    }
    if text(&args.bound_object_name).is_empty() {
        bail!("--bound-object-name is required if --bound-object-kind is provided");
    }
    Ok(Some(kind))
}
