//! Candidates that the kubeconfig or the cluster knows.

use super::directive;
use super::plan::{Candidate, Plan, Want};
use crate::client::Client;
use crate::client::discovery::Mapping;
use crate::client::paging::{Page, Pages};
use crate::client::request::{Accept, Call, Endpoint, ListParams};
use crate::object::mask::Mask;
use crate::object::{Meta, Object};
use crate::ops::context::Context;
use crate::ops::copy::{self, path::FileSpec};
use crate::ops::pods;

/// More names than this help nobody at a prompt.
const ENOUGH: usize = 2000;
/// Names asked for at a time.
const PAGE: u64 = 500;

/// Looks names up into `found`, bare and not yet filtered by what was typed; what was found before
/// an error, or before patience ended, stays.
///
/// # Errors
/// Whatever keeps the cluster or the kubeconfig from answering.
pub async fn look_up(context: &Context, want: &Want, found: &mut Vec<String>) -> anyhow::Result<()> {
    match want {
        Want::Contexts(_) => found.extend(context.kubeconfig()?.contexts.keys().cloned()),
        Want::Clusters(_) => found.extend(context.kubeconfig()?.clusters.keys().cloned()),
        Want::Users(_) => found.extend(context.kubeconfig()?.users.keys().cloned()),
        Want::Types { .. } => {
            let catalog = context.client().await?.catalog().await?;
            let readable = catalog.preferred().filter(|entry| entry.verbs.iter().any(|verb| verb == "get"));
            found.extend(readable.map(|entry| entry.resource.group_resource()));
        }
        Want::Copies(typed) => copies(context, typed, found).await?,
        Want::Names { kind, prefix, .. } => names(context, kind, prefix, found).await?,
        Want::Containers { of, .. } => {
            let pod = pod(context, of).await?;
            for list in ["initContainers", "containers", "ephemeralContainers"] {
                found.extend(pod.list_at(&["spec", list]).iter().map(|c| c.str_at(&["name"]).to_owned()));
            }
        }
        Want::Ports { of, prefix } => {
            let local = prefix.split_once(':').map(|(local, _)| local);
            let ports = ports(context, of).await?;
            found.extend(ports.into_iter().map(|port| match local {
                Some(local) => format!("{local}:{port}"),
                None => format!("{port}:{port}"),
            }));
        }
    }
    Ok(())
}

/// Names of objects of a type, or of each type in a list with commas.
async fn names(context: &Context, kind: &str, prefix: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
    let client = context.client().await?;
    for word in kind.split(',') {
        let mapping = client.resolve(word).await?;
        let params = ListParams { limit: PAGE, ..ListParams::default() };
        let endpoint = Endpoint::collection(&mapping.resource, namespace(context, &mapping)?);
        let mut pages = Pages::new(client, endpoint, params, Accept::PartialMetadataList);
        while let Some(page) = pages.page().await? {
            found.extend(names_of(&page).filter(|name| name.starts_with(prefix)));
            if found.len() >= ENOUGH {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The names of a page's items, of which nothing else is read.
fn names_of(page: &Page) -> impl Iterator<Item = String> {
    let mask = Mask::of([["metadata", "name"]]);
    page.elements.iter().filter_map(move |item| mask.read(item).ok()).map(|item| item.name().to_owned())
}

/// What an argument of `cp` may be that begins like this.
async fn copies(context: &Context, typed: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
    if let Some((pod, _)) = typed.split_once(':') {
        let paths = copy::list(context, &FileSpec::typed(typed)?).await?;
        found.extend(paths.into_iter().take(ENOUGH).map(|path| format!("{pod}:{path}")));
        return Ok(());
    }
    let client = context.client().await?;
    let (before, namespace) = match typed.split_once('/') {
        Some((namespace, _)) => (format!("{namespace}/"), namespace.to_owned()),
        None => (String::new(), context.namespace()?.0),
    };
    let endpoint = Endpoint::collection(&pods::resource(), namespace);
    let params = ListParams { limit: ENOUGH as u64, ..ListParams::default() };
    let mut pages = Pages::new(client, endpoint, params, Accept::PartialMetadataList);
    if let Some(page) = pages.page().await? {
        found.extend(names_of(&page).map(|name| format!("{before}{name}:")));
    }
    if !before.is_empty() {
        return Ok(());
    }
    let mut namespaces = Vec::new();
    // Whoever may not list namespaces still has pods.
    let _ = names(context, "namespaces", typed, &mut namespaces).await;
    found.extend(namespaces.into_iter().map(|name| format!("{name}/")));
    found.retain(|text| text.starts_with(typed));
    if typed.is_empty() {
        found.extend(["./".to_owned(), "/".to_owned()]);
    } else if !found.is_empty() {
        // Where there are other candidates the shell adds no files of its own.
        for entry in std::fs::read_dir(".").into_iter().flatten().flatten() {
            let slash = if entry.file_type().is_ok_and(|kind| kind.is_dir()) { "/" } else { "" };
            found.extend(entry.file_name().to_str().map(|name| format!("{name}{slash}")));
        }
    }
    Ok(())
}

fn namespace(context: &Context, mapping: &Mapping) -> anyhow::Result<String> {
    Ok(if mapping.namespaced { context.namespace()?.0 } else { String::new() })
}

async fn object(context: &Context, client: &Client, kind: &str, name: &str) -> anyhow::Result<Object> {
    let mapping = client.resolve(kind).await?;
    let endpoint = Endpoint::object(&mapping.resource, namespace(context, &mapping)?, name);
    client.json(Call::get(&endpoint)).await
}

/// A pod, or what stands for it: the first pod that a workload or service selects.
async fn pod(context: &Context, of: &str) -> anyhow::Result<Object> {
    let client = context.client().await?;
    let Some((kind, name)) = of.split_once('/') else { return object(context, client, "pods", of).await };
    let owner = object(context, client, kind, name).await?;
    let selector = owner.get("spec").and_then(|spec| spec.get("selector"));
    let Some(selector) = selector.map(|selector| selector.get("matchLabels").unwrap_or(selector)) else {
        return Ok(owner);
    };
    let labels: Vec<String> = selector
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    let mapping = client.resolve("pods").await?;
    let endpoint = Endpoint::collection(&mapping.resource, namespace(context, &mapping)?);
    let params = ListParams { limit: 1, labels: labels.join(","), ..ListParams::default() };
    let list = client.json(Call::list(&endpoint, &params)).await?;
    Ok(list.list_at(&["items"]).first().cloned().unwrap_or(Object::Null))
}

/// The ports of a service, or those of a pod's containers.
async fn ports(context: &Context, of: &str) -> anyhow::Result<Vec<i64>> {
    let number = |port: &Object, field: &str| port.get(field).and_then(Object::as_i64);
    if let Some((kind @ ("service" | "services" | "svc"), name)) = of.split_once('/') {
        let service = object(context, context.client().await?, kind, name).await?;
        return Ok(service.list_at(&["spec", "ports"]).iter().filter_map(|port| number(port, "port")).collect());
    }
    let pod = pod(context, of).await?;
    let containers = pod.list_at(&["spec", "containers"]).iter();
    Ok(containers.flat_map(|c| c.list_at(&["ports"])).filter_map(|port| number(port, "containerPort")).collect())
}

/// Adds what was found to the plan.
pub fn add(plan: &mut Plan, want: &Want, mut found: Vec<String>) {
    found.sort();
    found.dedup();
    let (prefix, before, after) = match want {
        Want::Types { prefix, before, after } => (prefix, before.as_str(), *after),
        Want::Names { prefix, before, .. } => (prefix, before.as_str(), ""),
        Want::Containers { prefix, .. } | Want::Ports { prefix, .. } => (prefix, "", ""),
        Want::Contexts(prefix) | Want::Clusters(prefix) | Want::Users(prefix) | Want::Copies(prefix) => {
            (prefix, "", "")
        }
    };
    let except: &[String] = if let Want::Names { except, .. } = want { except } else { &[] };
    let texts: Vec<String> = found
        .iter()
        .filter(|name| name.starts_with(prefix.as_str()))
        .map(|name| format!("{before}{name}{after}"))
        .filter(|text| !except.contains(text))
        .collect();
    // Where no pod fits and only `TYPE/` is offered, the name follows without a blank.
    if texts.is_empty() && !plan.candidates.is_empty() && plan.candidates.iter().all(|c| c.text.ends_with('/')) {
        plan.directive |= directive::NO_SPACE;
    }
    plan.candidates.splice(0..0, texts.into_iter().map(|text| Candidate { text, help: String::new() }));
}
