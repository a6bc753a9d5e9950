//! `certificate`: requests for certificates, approved or denied.

use std::io::Write;

use anyhow::{anyhow, bail};
use serde_json::json;

use crate::client::request::{Call, Endpoint, WriteParams};
use crate::object::{GroupVersionResource, Meta, Object, Status, time};
use crate::ops::change::{DryRun, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::resources::{Builder, Info};

/// Approve a request for a certificate.
///
/// The signer that the request names then issues a certificate with what the request asks for.
///
/// Look at the request first: its certificate may let somebody into the cluster, or let them pass for somebody else.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "# Approve the request 'csr-sqgzp'\nkctl certificate approve csr-sqgzp")]
pub struct ApproveArgs {
    /// Write the request again even if it is approved already.
    #[arg(long)]
    pub force: bool,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Names.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Deny a request for a certificate.
///
/// The signer that the request names then issues no certificate.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "# Deny the request 'csr-sqgzp'\nkctl certificate deny csr-sqgzp")]
pub struct DenyArgs {
    /// Write the request again even if it is denied already.
    #[arg(long)]
    pub force: bool,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Names.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// A decision.
struct Verdict {
    /// The condition that says so.
    condition: &'static str,
    /// The condition that rules it out.
    opposite: &'static str,
    reason: &'static str,
    /// What was done.
    done: &'static str,
    verb: &'static str,
}

const APPROVE: Verdict =
    Verdict { condition: "Approved", opposite: "Denied", reason: "KubectlApprove", done: "approved", verb: "approve" };
const DENY: Verdict =
    Verdict { condition: "Denied", opposite: "Approved", reason: "KubectlDeny", done: "denied", verb: "deny" };

/// How often a request is written again after somebody else changed it.
const RETRIES: usize = 10;

/// Runs `certificate approve`.
///
/// # Errors
/// Requests that are not there, or denied already.
pub async fn approve(ctx: &Context, args: ApproveArgs) -> anyhow::Result<()> {
    run(ctx, &APPROVE, args.force, &args.files, &args.output, &args.args).await
}

/// Runs `certificate deny`.
///
/// # Errors
/// Requests that are not there, or approved already.
pub async fn deny(ctx: &Context, args: DenyArgs) -> anyhow::Result<()> {
    run(ctx, &DENY, args.force, &args.files, &args.output, &args.args).await
}

async fn run(
    ctx: &Context,
    verdict: &Verdict,
    force: bool,
    files: &FileArgs,
    output: &OutputArgs,
    names: &[String],
) -> anyhow::Result<()> {
    // As a request is an object of its own type, but is fetched as any other, its keys are sorted.
    let report = Report::new(ctx, output, DryRun::None)?.sorted_keys();
    if names.is_empty() && files.is_empty() {
        bail!("one or more CSRs must be specified as <name> or -f <filename>");
    }
    let plan = Builder::new(ctx)
        .continue_on_error()
        .filenames(false, &files.options())
        .names_of("certificatesigningrequests", names)
        .flatten()
        .latest()
        .plan()
        .await?;
    let (infos, result) = plan.infos().await;
    let mut errors = crate::ops::change::errors_of(result);
    let mut found = 0;
    let mut printer = report.printer(verdict.done)?;
    for info in infos {
        match decide(ctx, &info, verdict, force).await {
            Ok(()) => {
                found += 1;
                printer.print(info.object.unwrap_or_default())?;
            }
            Err(error) => errors.push(error),
        }
    }
    if found == 0 && errors.is_empty() {
        writeln!(ctx.streams.out(), "No resources found")?;
    }
    crate::error::Many::collect(errors)
}

/// Writes a decision into a request.
async fn decide(ctx: &Context, info: &Info, verdict: &Verdict, force: bool) -> anyhow::Result<()> {
    let kind = info.object().gvk().group_kind();
    if (kind.group.as_str(), kind.kind.as_str()) != ("certificates.k8s.io", "CertificateSigningRequest") {
        bail!("can only handle CertificateSigningRequest.certificates.k8s.io objects, got {kind}");
    }
    let client = ctx.client().await?;
    let resource = GroupVersionResource::new("certificates.k8s.io", "v1", "certificatesigningrequests");
    let endpoint = Endpoint::object(&resource, "", info.name.as_str());
    let mut tries = 0;
    loop {
        let mut request =
            client.json(Call::get(&endpoint)).await.map_err(|error| match error.downcast_ref::<Status>() {
                Some(status) if status.is_not_found() => {
                    anyhow!("could not find v1 version of {}: {status}", info.name)
                }
                _ => error,
            })?;
        let now = time::rfc3339(ctx.clock.now());
        let decided = add(&mut request, verdict, &now)?;
        if decided && !force {
            return Ok(());
        }
        let call = Call::update(&endpoint.clone().subresource("approval"), &request, &WriteParams::default());
        match client.bytes(call).await {
            Err(error) if tries < RETRIES && error.downcast_ref::<Status>().is_some_and(Status::is_conflict) => {
                tries += 1;
            }
            result => return result.map(drop),
        }
    }
}

/// Adds the condition, and returns whether it was there already.
fn add(request: &mut Object, verdict: &Verdict, now: &str) -> anyhow::Result<bool> {
    let conditions = request.list_at(&["status", "conditions"]);
    let is = |kind: &str| conditions.iter().any(|condition| condition.str_at(&["type"]) == kind);
    if is(verdict.opposite) {
        bail!("certificate signing request {:?} is already {}", request.name(), verdict.opposite);
    }
    if is(verdict.condition) {
        return Ok(true);
    }
    let (done, verb) = (verdict.done, verdict.verb);
    let mut conditions = conditions.to_vec();
    conditions.push(json!({
        "type": verdict.condition,
        "status": "True",
        "reason": verdict.reason,
        "message": format!("This CSR was {done} by kubectl certificate {verb}."),
        "lastUpdateTime": now,
        "lastTransitionTime": null,
    }));
    request.set_at(&["status", "conditions"], conditions);
    Ok(false)
}
