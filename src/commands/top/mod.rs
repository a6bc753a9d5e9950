//! `top`: how much CPU and memory nodes and pods use.

pub mod node;
pub mod pod;

use std::io;
use std::io::Write;

use anyhow::bail;

use crate::client::Client;
use crate::client::paging::take_items;
use crate::client::request::{Call, Endpoint, ListParams};
use crate::error::UsageError;
use crate::object::quantity::Quantity;
use crate::object::{GroupVersionResource, Object};
use crate::ops::context::Context;

/// Something that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Cpu,
    Memory,
    Swap,
}

impl Measure {
    fn all(swap: bool) -> &'static [Self] {
        if swap { &[Self::Cpu, Self::Memory, Self::Swap] } else { &[Self::Cpu, Self::Memory] }
    }

    /// Its key in maps of resources.
    fn key(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Swap => "swap",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Cpu => "CPU(cores)",
            Self::Memory => "MEMORY(bytes)",
            Self::Swap => "SWAP(bytes)",
        }
    }

    fn text(self, quantity: Quantity) -> String {
        match self {
            Self::Cpu => format!("{}m", quantity.milli_value()),
            Self::Memory | Self::Swap => format!("{}Mi", quantity.value() / (1024 * 1024)),
        }
    }

    /// The quantity in a map of resources, 0 where there is none.
    fn of(self, resources: Option<&Object>) -> Quantity {
        let value = resources.and_then(|resources| resources.get(self.key()));
        value.and_then(Object::as_str).and_then(|text| Quantity::parse(text).ok()).unwrap_or_default()
    }

    /// By what `--sort-by` compares it.
    fn weight(self, quantity: Quantity) -> i64 {
        if self == Self::Cpu { quantity.milli_value() } else { quantity.value() }
    }
}

/// What a table is sorted by: most first, or names where nothing is said.
fn sort_by(flag: Option<&str>) -> anyhow::Result<Option<Measure>> {
    match flag.unwrap_or_default() {
        "" => Ok(None),
        "cpu" => Ok(Some(Measure::Cpu)),
        "memory" => Ok(Some(Measure::Memory)),
        _ => bail!("--sort-by accepts only cpu or memory"),
    }
}

/// The one name on the command line; empty where there is none.
fn name<'a>(args: &'a [String], command: &str, usage: &str) -> anyhow::Result<&'a str> {
    match args {
        [] => Ok(""),
        [name] => Ok(name),
        _ => Err(UsageError { command: command.to_owned(), message: usage.to_owned() }.into()),
    }
}

/// A way to the server's measurements.
struct Metrics<'a> {
    client: &'a Client,
    version: String,
}

impl<'a> Metrics<'a> {
    /// Asks whether the server has any.
    async fn find(ctx: &'a Context) -> anyhow::Result<Self> {
        let client = ctx.client().await?;
        let versions = &client.catalog().await?.group_versions;
        let mut served = versions.iter().filter_map(|version| version.strip_prefix("metrics.k8s.io/"));
        match served.find(|version| matches!(*version, "v1" | "v1beta1")) {
            Some(version) => Ok(Self { client, version: version.to_owned() }),
            None => bail!("Metrics API not available"),
        }
    }

    /// One by name, or all that fit the labels.
    async fn get(&self, plural: &str, namespace: &str, name: &str, labels: String) -> anyhow::Result<Vec<Object>> {
        let resource = GroupVersionResource::new("metrics.k8s.io", self.version.as_str(), plural);
        get(self.client, &resource, namespace, name, ListParams { labels, ..ListParams::default() }).await
    }
}

/// One object by name, or all that fit.
async fn get(
    client: &Client,
    resource: &GroupVersionResource,
    namespace: &str,
    name: &str,
    params: ListParams,
) -> anyhow::Result<Vec<Object>> {
    if name.is_empty() {
        let list = client.json(Call::list(&Endpoint::collection(resource, namespace), &params)).await?;
        return Ok(take_items(list));
    }
    let endpoint = Endpoint::object(resource, namespace, name);
    Ok(vec![client.json(Call::get(&endpoint)).await?])
}

/// Writes a row; each cell ends in a tab.
fn row(out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
    let mut line = String::new();
    for cell in cells {
        line.push_str(cell);
        line.push('\t');
    }
    line.push('\n');
    out.write_all(line.as_bytes())
}

/// Sorts as Go's `sort.Sort` does.
fn sorted<T>(items: Vec<T>, less: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let order = crate::go::sort::sort(items.len(), |a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => less(a, b),
        _ => false,
    });
    let mut slots: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| slots.get_mut(at).and_then(Option::take)).collect()
}
