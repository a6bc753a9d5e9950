//! What goes wrong, and how things behave: `inject`.

use std::io::Write as _;

use anyhow::bail;
use serde_json::{Value, json};

use super::content;
use crate::client::Client;
use crate::client::paging;
use crate::client::request::{Call, DeleteParams, Endpoint, ListParams, PatchType, WriteParams};
use crate::object::{GroupVersionResource, Meta, Object, Status, yaml};
use crate::ops::context::Context;

/// Let things go wrong in the offline cluster: images, containers, nodes, requests to the API server.
///
/// The first word says what it is about, the others are fields of a Fault object: image (match, error, delay), container (namespace, labels.KEY, name, exitCode, reason, after, times, startDelay), node (match, down, conditions), api (verbs, resources, namespaces, status, latency, closeWatchesAfter), and for all of them rate, the part of the pods or requests that it is for. In match, * is for anything; lists are separated by commas.
///
/// "file" takes files instead, of Fault objects and of kwok's Stage objects, which say how pods and nodes behave. "list" shows what is in force, "clear" takes it away: what is named, or everything. All of these are objects of the cluster (faults.kctl.dev, stages.kwok.x-k8s.io), which kubectl can make, show and delete, too.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# A registry that does not answer\nkctl offline inject image match='registry.example/*' error=Unreachable\n\n# Half of the pods of an app run out of memory, again and again\nkctl offline inject container labels.app=web exitCode=137 reason=OOMKilled after=1m rate=0.5\n\n# A node under pressure\nkctl offline inject node match=kctl-worker2 conditions=DiskPressure\n\n# A tenth of the requests for pods are too many\nkctl offline inject api verbs=get,list resources=pods status=429 rate=0.1\n\n# What a file says\nkctl offline inject file faults.yaml\n\n# What is in force, and an end to it\nkctl offline inject list\nkctl offline inject clear"
)]
pub struct InjectArgs {
    /// The fault's name. By default it is made of what it is about and a number.
    #[arg(long)]
    pub name: Option<String>,
    /// What, and its fields.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// The parts of a fault's spec that are no part of what it is about.
const COMMON: &str = "rate";

/// Runs `offline inject`.
///
/// # Errors
/// Words that are no fault, a file that cannot be read, an object that is neither a fault nor a stage.
pub async fn run(ctx: &Context, args: InjectArgs) -> anyhow::Result<()> {
    let Some((what, rest)) = args.args.split_first() else {
        bail!("what goes wrong must be said: image, container, node or api; or file, list, clear");
    };
    let client = ctx.offline_client()?;
    match what.as_str() {
        "image" | "container" | "node" | "api" => {
            let spec = spec(what, rest)?;
            let name = match args.name {
                Some(name) => name,
                None => free_name(what, &present(&client, &faults()).await?),
            };
            let fault = json!({
                "apiVersion": "kctl.dev/v1alpha1", "kind": "Fault", "metadata": {"name": name}, "spec": spec,
            });
            put(ctx, &client, vec![fault]).await
        }
        "file" => {
            let mut objects = Vec::new();
            for file in rest {
                objects.extend(content::read(ctx, file)?);
            }
            if objects.is_empty() {
                bail!("at least one file with an object must be named");
            }
            put(ctx, &client, objects).await
        }
        "list" if rest.is_empty() => list(ctx, &client).await,
        "clear" => clear(ctx, &client, rest).await,
        other => bail!("{other:?} is none of image, container, node, api, file, list, clear"),
    }
}

fn faults() -> GroupVersionResource {
    GroupVersionResource::new("kctl.dev", "v1alpha1", "faults")
}

fn stages() -> GroupVersionResource {
    GroupVersionResource::new("kwok.x-k8s.io", "v1alpha1", "stages")
}

/// The spec that words like `match=nginx*` and `labels.app=web` make.
fn spec(what: &str, words: &[String]) -> anyhow::Result<Object> {
    let mut spec = json!({ what: {} });
    for word in words {
        let Some((field, text)) = word.split_once('=') else { bail!("{word:?} has not the form FIELD=VALUE") };
        let is_list = matches!(field, "verbs" | "resources" | "namespaces" | "conditions");
        let value = match (is_list, field.split_once('.')) {
            (true, _) => text.split(',').map(str::trim).collect::<Vec<_>>().into(),
            (_, Some(_)) => Value::from(text),
            // Whatever looks like a number is one, but for the fields that are texts.
            _ if matches!(field, "match" | "name" | "namespace" | "reason" | "error") => Value::from(text),
            _ => yaml::parse(text.as_bytes()).ok().filter(|value| !value.is_null()).unwrap_or(Value::from(text)),
        };
        match field.split_once('.') {
            _ if field == COMMON => spec[COMMON] = value,
            Some((map, key)) => spec[what][map][key] = value,
            None => spec[what][field] = value,
        }
    }
    Ok(spec)
}

fn free_name(what: &str, present: &[Object]) -> String {
    let names = (1..).map(|number: u32| format!("{what}-{number}"));
    names.into_iter().find(|name| present.iter().all(|object| object.name() != name)).unwrap_or_default()
}

/// The objects of a kind; none where the cluster does not know it.
async fn present(client: &Client, of: &GroupVersionResource) -> anyhow::Result<Vec<Object>> {
    match client.json(Call::list(&Endpoint::collection(of, ""), &ListParams::default())).await {
        Ok(list) => Ok(paging::take_items(list)),
        Err(error) if error.downcast_ref::<Status>().is_some_and(Status::is_not_found) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Puts faults and stages into the cluster, and their kinds before them.
async fn put(ctx: &Context, client: &Client, objects: Vec<Object>) -> anyhow::Result<()> {
    let bundled = ctx.bundled()?;
    for object in &objects {
        bundled.check_injected(object)?;
    }
    let definitions = GroupVersionResource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    let params = WriteParams::default();
    for definition in bundled.injected_kinds() {
        match client.json(Call::create(&Endpoint::collection(&definitions, ""), &definition, &params)).await {
            Err(error) if !error.downcast_ref::<Status>().is_some_and(Status::is_already_exists) => return Err(error),
            _ => {}
        }
    }
    let params = WriteParams { field_manager: "kctl-inject".to_owned(), force: Some(true), ..params };
    for object in objects {
        let of = if object.kind() == "Stage" { stages() } else { faults() };
        let endpoint = Endpoint::object(&of, "", object.name());
        client.json(Call::patch(&endpoint, PatchType::Apply, object.to_string(), &params)).await?;
        writeln!(ctx.streams.out(), "{}/{} injected", object.kind().to_lowercase(), object.name())?;
    }
    Ok(())
}

async fn list(ctx: &Context, client: &Client) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for fault in present(client, &faults()).await? {
        let mut words = Vec::new();
        for (what, fields) in fault.at(&["spec"]).and_then(Object::as_object).into_iter().flatten() {
            words_of(what, fields, &mut words);
        }
        rows.push((format!("fault/{}", fault.name()), words.join(" ")));
    }
    for stage in present(client, &stages()).await? {
        rows.push((format!("stage/{}", stage.name()), stage.str_at(&["spec", "resourceRef", "kind"]).to_owned()));
    }
    if rows.is_empty() {
        ctx.streams.say("Nothing is injected.");
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, words) in rows {
        writeln!(ctx.streams.out(), "{name:width$}   {words}")?;
    }
    Ok(())
}

/// A fault as the words that make it.
fn words_of(what: &str, fields: &Object, words: &mut Vec<String>) {
    let text = |value: &Object| match value {
        Object::String(text) => text.clone(),
        Object::Array(list) => list.iter().filter_map(Object::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    let Some(fields) = fields.as_object() else {
        words.push(format!("{what}={}", text(fields)));
        return;
    };
    words.insert(0, what.to_owned());
    for (field, value) in fields {
        match value.as_object() {
            Some(map) => words.extend(map.iter().map(|(key, value)| format!("{field}.{key}={}", text(value)))),
            None => words.push(format!("{field}={}", text(value))),
        }
    }
}

async fn clear(ctx: &Context, client: &Client, names: &[String]) -> anyhow::Result<()> {
    let mut found = Vec::new();
    for (kind, of) in [("fault", faults()), ("stage", stages())] {
        for object in present(client, &of).await? {
            found.push((format!("{kind}/{}", object.name()), Endpoint::object(&of, "", object.name())));
        }
    }
    let is_named = |full: &str, name: &str| full == name || full.split_once('/').is_some_and(|(_, own)| own == name);
    if let Some(unknown) = names.iter().find(|name| !found.iter().any(|(full, _)| is_named(full, name))) {
        bail!("nothing that is called {unknown:?} is injected");
    }
    found.retain(|(full, _)| names.is_empty() || names.iter().any(|name| is_named(full, name)));
    for (full, endpoint) in found {
        client.json(Call::delete(&endpoint, &DeleteParams::default())).await?;
        writeln!(ctx.streams.out(), "{full} cleared")?;
    }
    Ok(())
}
