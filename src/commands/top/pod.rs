//! `top pod`: how much CPU and memory pods use.

use std::collections::HashSet;
use std::io::Write;

use anyhow::bail;
use jiff::SignedDuration;

use super::{Measure, Metrics, get, name, row, sort_by, sorted};
use crate::client::request::ListParams;
use crate::go::duration;
use crate::object::fields::FieldSelector;
use crate::object::labels::Selector;
use crate::object::quantity::Quantity;
use crate::object::{Meta, Object};
use crate::ops::context::Context;
use crate::ops::pods;
use crate::ops::print::Out;
use crate::output::tabwriter::{Settings, TabWriter};

/// Show how much CPU and memory pods use.
///
/// A pod is measured for the first time some minutes after its creation.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# The pods of this namespace\nkctl top pod\n\n# The pods of another one\nkctl top pod --namespace=web\n\n# One pod and its containers\nkctl top pod web-0 --containers\n\n# The pods with a label\nkctl top pod -l app=web"
)]
pub struct PodArgs {
    /// If present, show the pods of all namespaces. The namespace of the current context and of --namespace does not count.
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
    /// Show each container for itself.
    #[arg(long)]
    pub containers: bool,
    /// Narrow the list by fields: '=', '==' and '!=' are understood (e.g. --field-selector key1=value1,key2=value2). Each type knows only few fields.
    #[arg(long)]
    pub field_selector: Option<String>,
    /// Print no headers.
    #[arg(long)]
    pub no_headers: bool,
    /// Narrow the list by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2,key3 in (value3)). All conditions must hold.
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// Show swap memory too.
    #[arg(long)]
    pub show_swap: bool,
    /// Sort by 'cpu' or 'memory', most first, instead of by name.
    #[arg(long)]
    pub sort_by: Option<String>,
    /// Show the sums at the end.
    #[arg(long)]
    pub sum: bool,
    /// Whether measurements may come as protocol buffers. JSON is asked for in any case, as it is no slower here.
    #[arg(long, action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub use_protocol_buffers: bool,
    /// Name.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// A pod that is older than this should have been measured.
const DELAY: SignedDuration = SignedDuration::from_mins(2);

/// Runs `top pod`.
///
/// # Errors
/// A server without measurements, pods that are not there or not measured yet.
pub async fn run(ctx: &Context, args: PodArgs) -> anyhow::Result<()> {
    let name = name(&args.args, "top pod", "pod [NAME | -l label]")?;
    let (own, _) = ctx.namespace()?;
    let by = sort_by(args.sort_by.as_deref())?;
    let (labels, fields) =
        [&args.selector, &args.field_selector].map(|flag| flag.as_deref().unwrap_or_default()).into();
    let selects = !labels.is_empty() || !fields.is_empty();
    if !name.is_empty() && selects {
        bail!("only one of NAME or selector can be provided");
    }
    let labels = Selector::parse(labels)?.to_string();
    let fields = FieldSelector::parse(fields)?.to_string();
    let metrics = Metrics::find(ctx).await?;
    let namespace = if args.all_namespaces { "" } else { own.as_str() };
    let mut measured = metrics.get("pods", namespace, name, labels.clone()).await?;
    let params = ListParams { labels, fields: fields.clone(), ..ListParams::default() };
    if !measured.is_empty() && !fields.is_empty() {
        let chosen = get(metrics.client, &pods::resource(), namespace, "", params.clone()).await?;
        let chosen: HashSet<(&str, &str)> = chosen.iter().map(|pod| (pod.namespace(), pod.name())).collect();
        measured.retain(|metric| chosen.contains(&(metric.namespace(), metric.name())));
    }
    if measured.is_empty() {
        let unmeasured = get(metrics.client, &pods::resource(), &own, name, params).await?;
        for pod in &unmeasured {
            let age = pod.creation_timestamp().map(|created| ctx.clock.now().duration_since(created));
            if let Some(age) = age.filter(|age| *age > DELAY) {
                let (namespace, name) = (pod.namespace(), pod.name());
                bail!("Metrics not available for pod {namespace}/{name}, age: {}", duration::text(age));
            }
        }
        if !unmeasured.is_empty() {
            bail!("metrics not available yet");
        }
        ctx.streams.say(match args.all_namespaces {
            true => "No resources found".to_owned(),
            false => format!("No resources found in {own} namespace."),
        });
        return Ok(());
    }
    let table = Table {
        measures: Measure::all(args.show_swap),
        headers: !args.no_headers,
        with_namespace: args.all_namespaces,
        containers: args.containers,
        sum: args.sum,
        by,
    };
    let mut out = TabWriter::new(Out(&ctx.streams), Settings::TABLE);
    table.write(&measured, &mut out)?;
    Ok(out.flush()?)
}

struct Table {
    measures: &'static [Measure],
    headers: bool,
    with_namespace: bool,
    containers: bool,
    sum: bool,
    by: Option<Measure>,
}

/// What the containers of a pod use together.
fn total(pod: &Object, measure: Measure) -> Quantity {
    let containers = pod.list_at(&["containers"]).iter();
    containers.fold(Quantity::default(), |sum, container| sum.plus(measure.of(container.at(&["usage"]))))
}

impl Table {
    fn write(&self, measured: &[Object], out: &mut dyn Write) -> std::io::Result<()> {
        let mut width = 1 + self.measures.len();
        if self.headers {
            let mut headings = Vec::new();
            if self.with_namespace {
                headings.push("NAMESPACE".to_owned());
            }
            if self.containers {
                headings.push("POD".to_owned());
            }
            width += headings.len();
            headings.push("NAME".to_owned());
            headings.extend(self.measures.iter().map(|measure| measure.heading().to_owned()));
            row(out, &headings)?;
        }
        let weight = |pod: &&Object, by: Measure| by.weight(total(pod, by));
        let pods = sorted(measured.iter().collect(), |a: &&Object, b: &&Object| match self.by {
            Some(by) => weight(a, by) > weight(b, by),
            None if self.with_namespace && a.namespace() != b.namespace() => a.namespace() < b.namespace(),
            None => a.name() < b.name(),
        });
        for pod in pods {
            let namespace = || self.with_namespace.then(|| pod.namespace().to_owned());
            if !self.containers {
                let mut cells: Vec<String> = namespace().into_iter().collect();
                cells.push(pod.name().to_owned());
                cells.extend(self.measures.iter().map(|measure| measure.text(total(pod, *measure))));
                row(out, &cells)?;
                continue;
            }
            let usage = |container: &&Object, measure: Measure| measure.of(container.at(&["usage"]));
            let name = |container: &Object| container.str_at(&["name"]).to_owned();
            let containers = pod.list_at(&["containers"]).iter().collect();
            for container in sorted(containers, |a: &&Object, b: &&Object| match self.by {
                Some(by) => by.weight(usage(a, by)) > by.weight(usage(b, by)),
                None => name(a) < name(b),
            }) {
                let mut cells: Vec<String> = namespace().into_iter().collect();
                cells.extend([pod.name().to_owned(), name(container)]);
                cells.extend(self.measures.iter().map(|measure| measure.text(usage(&container, *measure))));
                row(out, &cells)?;
            }
        }
        if self.sum {
            self.write_sum(measured, width, out)?;
        }
        Ok(())
    }

    /// The sums of all pods, under a line. How far they are moved in follows the headers, as in kubectl.
    fn write_sum(&self, measured: &[Object], width: usize, out: &mut dyn Write) -> std::io::Result<()> {
        const LINE: &str = "________";
        let mut line = vec![String::new(); width.saturating_sub(2)];
        line.extend([LINE.to_owned(), LINE.to_owned()]);
        row(out, &line)?;
        let mut cells = vec![String::new(); width.saturating_sub(3) + 1];
        for measure in self.measures {
            let sum = measured.iter().fold(Quantity::default(), |sum, pod| sum.plus(total(pod, *measure)));
            cells.push(measure.text(sum));
        }
        row(out, &cells)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn print(table: &Table) -> String {
        let pod = |namespace: &str, name: &str, usages: &[(&str, &str, &str)]| {
            let containers: Vec<Object> = usages
                .iter()
                .map(|(name, cpu, memory)| json!({"name": name, "usage": {"cpu": cpu, "memory": memory}}))
                .collect();
            json!({"metadata": {"namespace": namespace, "name": name}, "containers": containers})
        };
        let measured = [
            pod("x", "b", &[("one", "10m", "64Mi"), ("two", "500u", "1Gi")]),
            pod("w", "c", &[("one", "1", "1Mi")]),
            pod("x", "a", &[]),
        ];
        let mut out = TabWriter::new(Vec::new(), Settings::TABLE);
        table.write(&measured, &mut out).expect("a table");
        out.flush().expect("a table");
        String::from_utf8(out.into_inner()).expect("text")
    }

    #[test]
    fn adds_up_containers() {
        let plain = Table {
            measures: Measure::all(false),
            headers: true,
            with_namespace: false,
            containers: false,
            sum: true,
            by: None,
        };
        assert_eq!(
            print(&plain),
            "NAME   CPU(cores)   MEMORY(bytes)   \na      0m           0Mi             \nb      11m          1088Mi          \nc      1000m        1Mi             \n       ________     ________        \n       1011m        1089Mi          \n"
        );
        let by_cpu = Table { by: Some(Measure::Cpu), sum: false, with_namespace: true, containers: true, ..plain };
        assert_eq!(
            print(&by_cpu),
            "NAMESPACE   POD   NAME   CPU(cores)   MEMORY(bytes)   \nw           c     one    1000m        1Mi             \nx           b     one    10m          64Mi            \nx           b     two    1m           1024Mi          \n"
        );
    }
}
