//! `auth can-i`: whether an action is allowed, or all that is.

use std::io::Write;

use anyhow::bail;
use serde_json::json;

use crate::client::request::{Call, Endpoint, WriteParams};
use crate::error::Exit;
use crate::object::{GroupVersionResource, Meta, Object};
use crate::ops::context::Context;
use crate::ops::print::Out;
use crate::output::rules::compact;
use crate::output::tabwriter::{Settings, TabWriter};

/// Ask whether an action is allowed.
///
/// VERB is what is to be done: get, list, watch, create, delete and so on. TYPE is a resource type; short names and groups are understood. NAME is one object. NONRESOURCEURL is a path on the server that begins with "/". The exit code is 0 where the action is allowed and 1 where it is not.
///
/// Ask for somebody else with --as.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# May I create pods in every namespace?\nkctl auth can-i create pods --all-namespaces\n\n# May I list deployments in this namespace?\nkctl auth can-i list deployments.apps\n\n# May the service account 'robot' of the namespace 'dev' list pods in the namespace 'prod'?\nkctl auth can-i list pods --as=system:serviceaccount:dev:robot -n prod\n\n# May I do everything in this namespace?\nkctl auth can-i '*' '*'\n\n# May I get the job 'backup'?\nkctl auth can-i get jobs.batch/backup\n\n# May I read the logs of pods?\nkctl auth can-i get pods --subresource=log\n\n# May I get the path /logs/?\nkctl auth can-i get /logs/\n\n# What may I do in the namespace 'dev'?\nkctl auth can-i --list --namespace=dev"
)]
pub struct CanIArgs {
    /// If true, ask about all namespaces at once.
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
    /// If true, list all that is allowed.
    #[arg(long)]
    pub list: bool,
    /// If true, list without headers.
    #[arg(long)]
    pub no_headers: bool,
    /// If true, print nothing and answer with the exit code only.
    #[arg(long, short)]
    pub quiet: bool,
    /// A part of the objects, such as log or scale.
    #[arg(long)]
    pub subresource: Option<String>,
    /// Verb and object.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

const RESOURCE_VERBS: &[&str] = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "use",
    "bind",
    "impersonate",
    "*",
    "approve",
    "sign",
    "escalate",
    "attest",
];
const URL_VERBS: &[&str] = &["get", "put", "post", "head", "options", "delete", "patch", "*"];
/// What servers know of without listing it.
const UNLISTED: &[&str] = &["users", "groups"];

/// Runs `auth can-i`.
///
/// # Errors
/// Arguments that do not go together, what the server refuses, and exit code 1 where the action is not
/// allowed.
pub async fn run(ctx: &Context, args: CanIArgs) -> anyhow::Result<()> {
    if args.list && !args.args.is_empty() {
        bail!("list option must be specified with no arguments");
    }
    let subresource = args.subresource.as_deref().unwrap_or_default();
    if args.list {
        let (namespace, _) = ctx.namespace()?;
        if args.quiet || args.all_namespaces || !subresource.is_empty() {
            bail!("list option can't be specified with neither quiet, all-namespaces nor subresource options");
        }
        return list(ctx, &namespace, !args.no_headers).await;
    }
    let [verb, object] = args.args.as_slice() else {
        bail!(
            "you must specify two arguments: verb resource or verb resource/resourceName.\nSee '{} auth can-i -h' for help and examples.",
            ctx.program
        );
    };
    let is_url = object.starts_with('/');
    let (word, name) = object.split_once('/').unwrap_or((object, ""));
    let asked = if is_url { None } else { Some(resource(ctx, word).await?) };
    let namespace = if args.all_namespaces { String::new() } else { ctx.namespace()?.0 };
    let unknown_verb = || warn(ctx, &format!("verb '{verb}' is not a known verb"));
    let attributes = match &asked {
        None => {
            if !subresource.is_empty() {
                bail!("--subresource can not be used with NonResourceURL");
            }
            if !URL_VERBS.contains(&verb.as_str()) {
                unknown_verb();
            }
            json!({"nonResourceAttributes": {"verb": verb, "path": object}})
        }
        Some(Asked { resource, namespaced }) => {
            if !args.all_namespaces && !resource.resource.is_empty() {
                if !namespaced {
                    let group = if resource.group.is_empty() {
                        String::new()
                    } else {
                        format!(" in group '{}'", resource.group)
                    };
                    warn(ctx, &format!("resource '{}' is not namespace scoped{group}", resource.resource));
                }
                if !RESOURCE_VERBS.contains(&verb.as_str()) {
                    unknown_verb();
                }
            }
            let mut attributes = json!({"verb": verb});
            for (field, value) in [
                ("namespace", namespace.as_str()),
                ("group", &resource.group),
                ("resource", &resource.resource),
                ("subresource", subresource),
                ("name", name),
            ] {
                if !value.is_empty() {
                    attributes.set_at(&[field], value);
                }
            }
            json!({"resourceAttributes": attributes})
        }
    };
    if args.no_headers {
        bail!("--no-headers cannot be set without --list specified");
    }
    let answer = review(ctx, "SelfSubjectAccessReview", "selfsubjectaccessreviews", attributes).await?;
    let allowed = answer.bool_at(&["status", "allowed"]);
    if !args.quiet {
        let mut text = if allowed { "yes" } else { "no" }.to_owned();
        for reason in ["reason", "evaluationError"].map(|field| answer.str_at(&["status", field])) {
            if !allowed && !reason.is_empty() {
                text.push_str(" - ");
                text.push_str(reason);
            }
        }
        writeln!(ctx.streams.out(), "{text}")?;
    }
    if allowed { Ok(()) } else { Err(Exit(1).into()) }
}

/// The resource that is asked about.
struct Asked {
    resource: GroupVersionResource,
    /// Whether its objects live in namespaces, as far as is known.
    namespaced: bool,
}

/// What a word means; a word that the server does not know is asked about as it stands.
async fn resource(ctx: &Context, word: &str) -> anyhow::Result<Asked> {
    let as_it_stands = || Asked { resource: GroupVersionResource::new("", "", word), namespaced: true };
    if word == "*" {
        return Ok(as_it_stands());
    }
    if let Ok(mapping) = ctx.client().await?.resolve(word).await {
        return Ok(Asked { resource: mapping.resource, namespaced: mapping.namespaced });
    }
    let lower = word.to_lowercase();
    if !UNLISTED.contains(&lower.as_str()) {
        warn(
            ctx,
            &match lower.split_once('.') {
                Some((resource, group)) => {
                    format!("the server doesn't have a resource type '{resource}' in group '{group}'")
                }
                None => format!("the server doesn't have a resource type '{lower}'"),
            },
        );
    }
    Ok(as_it_stands())
}

/// A warning with an empty line behind it, as kubectl has these.
fn warn(ctx: &Context, text: &str) {
    ctx.streams.warn(format!("{text}\n"));
}

/// Asks the server a question about the user.
async fn review(ctx: &Context, kind: &str, plural: &str, spec: Object) -> anyhow::Result<Object> {
    let question = json!({"kind": kind, "apiVersion": "authorization.k8s.io/v1", "spec": spec});
    let resource = GroupVersionResource::new("authorization.k8s.io", "v1", plural);
    let call = Call::create(&Endpoint::collection(&resource, ""), &question, &WriteParams::default());
    ctx.client().await?.json(call).await
}

async fn list(ctx: &Context, namespace: &str, headers: bool) -> anyhow::Result<()> {
    let spec = json!({"namespace": namespace});
    let answer = review(ctx, "SelfSubjectRulesReview", "selfsubjectrulesreviews", spec).await?;
    if answer.bool_at(&["status", "incomplete"]) {
        let why = answer.str_at(&["status", "evaluationError"]);
        ctx.streams.warn(format!("the list may be incomplete: {why}"));
    }
    let rules: Vec<Object> = ["resourceRules", "nonResourceRules"]
        .into_iter()
        .flat_map(|part| answer.list_at(&["status", part]))
        .cloned()
        .collect();
    let mut out = TabWriter::new(Out(&ctx.streams), Settings::TABLE);
    if headers {
        writeln!(out, "Resources\tNon-Resource URLs\tResource Names\tVerbs")?;
    }
    for rule in compact(&rules) {
        let list = |items: &[&str]| format!("[{}]", items.join(" "));
        writeln!(out, "{}\t{}\t{}\t{}", rule.resource(), list(&rule.urls), list(&rule.names), list(&rule.verbs))?;
    }
    Ok(out.flush()?)
}
