//! `cluster-info dump`: what is needed to find out what is wrong with a cluster.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use futures_util::stream::{self, StreamExt};
use jiff::SignedDuration;

use crate::client::Client;
use crate::client::request::{Accept, Call, Endpoint, ListParams};
use crate::object::{GroupVersionResource, Meta, Object};
use crate::ops::context::Context;
use crate::ops::pods::running_timeout;
use crate::ops::print::{Out, PrintArgs};
use crate::output::format::{Family, Format};
use crate::output::print::Printer;
use crate::output::type_order;

/// Collect what is needed to find out what is wrong with a cluster: its nodes, and of each namespace events, workloads, services, pods and the logs of their containers.
///
/// Everything goes to standard output, or with --output-directory to files in a folder that only you can read. That is done for the current namespace and kube-system unless --namespaces or --all-namespaces says otherwise.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# To standard output\nkctl cluster-info dump\n\n# To files in a folder\nkctl cluster-info dump --output-directory=/path/to/cluster-state\n\n# All namespaces\nkctl cluster-info dump --all-namespaces\n\n# Some namespaces, to files\nkctl cluster-info dump --namespaces default,kube-system --output-directory=/path/to/cluster-state"
)]
pub struct DumpArgs {
    /// If true, dump all namespaces, whatever --namespaces says.
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
    /// Namespaces to dump, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub namespaces: Vec<String>,
    /// Output format.
    #[arg(long, short, default_value = "json")]
    pub output: String,
    /// Where to write files. Empty or '-' is standard output.
    #[arg(long)]
    pub output_directory: Option<String>,
    /// How long (a length of time such as 5s, 2m or 3h, more than zero) to wait until a pod runs.
    #[arg(long, default_value = "20s")]
    pub pod_running_timeout: SignedDuration,
    /// Templates and what is left out of them.
    #[command(flatten)]
    pub print: PrintArgs,
    /// Nothing is taken.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// What is dumped of a namespace: file, group, plural, kind.
const PARTS: [(&str, &str, &str, &str); 7] = [
    ("events", "", "events", "Event"),
    ("replication-controllers", "", "replicationcontrollers", "ReplicationController"),
    ("services", "", "services", "Service"),
    ("daemonsets", "apps", "daemonsets", "DaemonSet"),
    ("deployments", "apps", "deployments", "Deployment"),
    ("replicasets", "apps", "replicasets", "ReplicaSet"),
    ("pods", "", "pods", "Pod"),
];
/// Requests under way at one time.
const PARALLEL: usize = 8;

/// Runs `cluster-info dump`.
///
/// # Errors
/// What the server refuses, but for logs, and files that cannot be written.
pub async fn run(ctx: &Context, args: DumpArgs) -> anyhow::Result<()> {
    let format = args.print.format(ctx, Family::Common, Some(args.output.as_str()), false)?;
    let printer = args.print.printer(format.clone(), "")?;
    running_timeout(args.pod_running_timeout)?;
    let folder = args.output_directory.as_deref().filter(|folder| !matches!(*folder, "" | "-"));
    let client = ctx.client().await?;
    let extension = match args.output.as_str() {
        "json" => ".json",
        "yaml" => ".yaml",
        _ => ".txt",
    };
    let mut dump = Dump { ctx, printer, format, folder: folder.map(PathBuf::from), extension };
    let nodes = list(client, "", "nodes", "").await?;
    dump.list("nodes", nodes, "Node")?;
    let namespaces = if args.all_namespaces {
        let all = list(client, "", "namespaces", "").await?;
        all.list_at(&["items"]).iter().map(|namespace| namespace.name().to_owned()).collect()
    } else if args.namespaces.is_empty() {
        vec!["kube-system".to_owned(), ctx.namespace()?.0]
    } else {
        args.namespaces.clone()
    };
    for namespace in namespaces {
        let lists = PARTS.map(|(_, group, plural, _)| list(client, group, plural, &namespace));
        let lists = futures_util::future::join_all(lists).await;
        let mut pods = Vec::new();
        for ((file, _, plural, kind), list) in PARTS.into_iter().zip(lists) {
            let list = list?;
            if plural == "pods" {
                pods = list.list_at(&["items"]).to_vec();
            }
            dump.list(&format!("{namespace}/{file}"), list, kind)?;
        }
        let mut logs = stream::iter(&pods).map(|pod| logs(client, pod)).buffered(PARALLEL);
        let mut of = pods.iter();
        while let (Some(text), Some(pod)) = (logs.next().await, of.next()) {
            dump.text(&format!("{namespace}/{}/logs", pod.name()), &text)?;
        }
    }
    if let Some(folder) = folder {
        writeln!(ctx.streams.out(), "Cluster info dumped to {folder}")?;
    }
    Ok(())
}

/// Everything of a type in a namespace, as one list.
async fn list(client: &Client, group: &str, plural: &str, namespace: &str) -> anyhow::Result<Object> {
    let endpoint = Endpoint::collection(&GroupVersionResource::new(group, "v1", plural), namespace);
    client.json(Call::list(&endpoint, &ListParams::default())).await
}

/// What the containers of a pod wrote, or why that cannot be had.
async fn logs(client: &Client, pod: &Object) -> Vec<u8> {
    let mut text = Vec::new();
    let endpoint = Endpoint::object(&GroupVersionResource::new("", "v1", "pods"), pod.namespace(), pod.name());
    let endpoint = endpoint.subresource("log");
    let lists = ["initContainers", "containers"];
    for container in lists.iter().flat_map(|list| pod.list_at(&["spec", list])) {
        let name = container.str_at(&["name"]);
        let mark = |what: &str| {
            format!("==== {what} logs for container {name} of pod {}/{} ====\n", pod.namespace(), pod.name())
        };
        text.extend_from_slice(mark("START").as_bytes());
        match client.bytes(Call::get(&endpoint).query("container", name).accept(Accept::Any)).await {
            Ok(log) => text.extend_from_slice(&log),
            Err(error) => text.extend_from_slice(format!("Request log error: {error:#}\n").as_bytes()),
        }
        text.extend_from_slice(mark("END").as_bytes());
    }
    text
}

/// Where everything goes.
struct Dump<'a> {
    ctx: &'a Context,
    printer: Printer,
    format: Format,
    /// None for standard output.
    folder: Option<PathBuf>,
    extension: &'static str,
}

impl Dump<'_> {
    fn list(&mut self, file: &str, list: Object, kind: &str) -> anyhow::Result<()> {
        if matches!(self.format, Format::Name) {
            bail!("list types are not supported by name printing: *v1.{kind}List");
        }
        if matches!(self.format, Format::Json | Format::Kyaml) {
            self.printer.set_key_order(type_order::list_order_of(list.api_version(), kind));
        }
        match self.open(file, self.extension)? {
            Some(mut out) => self.printer.print(list, &mut out),
            None => self.printer.print(list, &mut Out(&self.ctx.streams)),
        }
    }

    fn text(&mut self, file: &str, text: &[u8]) -> anyhow::Result<()> {
        match self.open(file, ".txt")? {
            Some(mut out) => out.write_all(text)?,
            None => self.ctx.streams.out().write_all(text)?,
        }
        Ok(())
    }

    /// A new file, for its owner alone: logs may hold secrets. None for standard output.
    fn open(&self, file: &str, extension: &str) -> anyhow::Result<Option<std::io::BufWriter<std::fs::File>>> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let path = folder.join(format!("{file}{extension}"));
        let mut folders = DirBuilder::new();
        folders.recursive(true);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
            folders.mode(0o700);
            options.mode(0o600);
        }
        if let Some(parent) = path.parent() {
            folders.create(parent).with_context(|| format!("mkdir {}", parent.display()))?;
        }
        let file = options.open(&path).with_context(|| format!("open {}", path.display()))?;
        Ok(Some(std::io::BufWriter::new(file)))
    }
}
