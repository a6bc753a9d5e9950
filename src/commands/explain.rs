//! `explain`: what the fields of a resource type are.

use std::io::Write;

use anyhow::{Context as _, anyhow, bail};
use http::Method;

use crate::client::Client;
use crate::client::discovery::Mapping;
use crate::client::request::Call;
use crate::error::Exit;
use crate::object::{GroupVersion, Meta, Object};
use crate::ops::context::Context;
use crate::output::explain::{self, Document, Question, v2};
use crate::output::jsonpath::JsonPath;

/// Describe a resource type and its fields, as the server documents them.
///
/// A field is named by the way to it:
///
/// TYPE.FIELDNAME[.FIELDNAME]
///
/// The text comes from the server, in the form of OpenAPI documents. Use "kctl api-resources" for a list of the types.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# What a pod is, and its fields\nkctl explain pods\n\n# All fields and their fields\nkctl explain pods --recursive\n\n# Deployments, in one version of the API\nkctl explain deployments --api-version=apps/v1\n\n# One field\nkctl explain pods.spec.containers\n\n# In the older layout\nkctl explain deployment --output=plaintext-openapiv2"
)]
pub struct ExplainArgs {
    /// The version of the API to explain (GROUP/VERSION), where the type has several.
    #[arg(long)]
    pub api_version: Option<String>,
    /// Layout, plaintext or plaintext-openapiv2.
    #[arg(long, short, default_value = PLAINTEXT)]
    pub output: String,
    /// Show the fields of fields.
    #[arg(long, short = 'R')]
    pub recursive: bool,
    /// The type, and the way to a field.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

const PLAINTEXT: &str = "plaintext";
const PLAINTEXT_V2: &str = "plaintext-openapiv2";

/// Runs `explain`.
///
/// # Errors
/// Types and fields that there are none of, and a server that has no such documents.
pub async fn run(ctx: &Context, args: ExplainArgs) -> anyhow::Result<()> {
    let text = match args.args.as_slice() {
        [] => bail!(
            "You must specify the type of resource to explain. Use \"{} api-resources\" for a complete list of supported resources.\n",
            ctx.program
        ),
        [text] => text,
        _ => bail!("We accept only this format: explain RESOURCE\n"),
    };
    let client = ctx.client().await?;
    let version = args.api_version.as_deref().filter(|version| !version.is_empty());
    let Some((mapping, fields)) = find(client, text, version.is_some()).await? else {
        let word = text.split('.').next().unwrap_or_default();
        // Said without a prefix, unlike everywhere else.
        ctx.streams.say(format!("the server doesn't have a resource type {word:?}"));
        return Err(Exit(1).into());
    };
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let at = match version {
        None => mapping.resource.group_version(),
        Some(text) => GroupVersion::parse(text).ok_or_else(|| anyhow!("unexpected GroupVersion string: {text}"))?,
    };
    if args.output == PLAINTEXT_V2 {
        return older(ctx, client, &mapping, &at, &fields, args.recursive).await;
    }
    let index = client.json(Call::new(Method::GET, "/openapi/v3")).await;
    let index = match index {
        Err(_) if args.output == PLAINTEXT => return older(ctx, client, &mapping, &at, &fields, args.recursive).await,
        index => index.context("failed to fetch list of groupVersions")?,
    };
    let resource = crate::object::GroupVersionResource::new(
        at.group.clone(),
        at.version.clone(),
        mapping.resource.resource.clone(),
    );
    let path = at.path();
    let path = path.trim_start_matches('/');
    let Some(place) = index.at(&["paths", path]) else {
        bail!("couldn't find resource for \"{}/{}, Resource={}\"", at.group, at.version, resource.resource);
    };
    if args.output != PLAINTEXT {
        bail!("unrecognized format: {}", args.output);
    }
    let fetched = client.bytes(Call::new(Method::GET, place.str_at(&["serverRelativeURL"]))).await;
    let document = fetched.with_context(|| format!("failed to fetch openapi schema for {path}"))?;
    let document = Document::parse(&document).with_context(|| format!("failed to parse openapi schema for {path}"))?;
    let question = Question { resource: &resource, fields: &fields, recursive: args.recursive };
    let (text, result) = explain::explain(&document, &question);
    ctx.streams.out().write_all(text.as_bytes())?;
    Ok(result?)
}

/// By the server's document of OpenAPI version 2.
async fn older(
    ctx: &Context,
    client: &Client,
    mapping: &Mapping,
    at: &GroupVersion,
    fields: &[&str],
    recursive: bool,
) -> anyhow::Result<()> {
    let document: Object = client.json(Call::new(Method::GET, "/openapi/v2")).await?;
    let kind = at.kind(mapping.kind.kind.as_str());
    let text = v2::explain(&document, &v2::Question { kind: &kind, fields, recursive })?;
    ctx.streams.out().write_all(text.as_bytes())?;
    Ok(())
}

/// The type that a text begins with, and the fields behind it. With `plain` the type is one word, and
/// what follows are fields; else a group may follow it, where there is one of that name.
async fn find(client: &Client, text: &str, plain: bool) -> anyhow::Result<Option<(Mapping, Vec<String>)>> {
    let other = if plain { "invalid jsonpath syntax, all nodes must be field nodes" } else { NOT_A_FIELD };
    let steps = steps(text)?;
    let Some((Some(word), rest)) = steps.split_first() else { bail!(NOT_A_FIELD) };
    let found = client.resources_called(word, |mapping| plain || text.starts_with(&mapping.resource.group_resource()));
    let Some(found) = found.await? else { return Ok(None) };
    let named = found.resource.group_resource();
    let in_group = !plain && text.starts_with(&named);
    let tail = match text.get(named.len()..).filter(|_| in_group) {
        None => rest.to_vec(),
        Some("") => Vec::new(),
        Some(tail) => self::steps(tail)?.split_off(1),
    };
    let fields: Option<Vec<String>> = tail.into_iter().collect();
    Ok(Some((found, fields.ok_or_else(|| anyhow!(other))?)))
}

const NOT_A_FIELD: &str = "invalid jsonpath syntax, first node must be field node";

/// A path as the names of its fields; none for a step that is something else.
fn steps(text: &str) -> anyhow::Result<Vec<Option<String>>> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let path = JsonPath::parse(&format!("{{.{text}}}"))?;
    path.steps().ok_or_else(|| anyhow!("must pass in 1 jsonpath string"))
}
