//! `top node`: how much CPU and memory nodes use.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::bail;

use super::{Measure, Metrics, get, name, row, sort_by, sorted};
use crate::client::request::ListParams;
use crate::object::labels::Selector;
use crate::object::quantity::{Notation, Quantity};
use crate::object::{GroupVersionResource, Meta, Object};
use crate::ops::context::Context;
use crate::ops::print::Out;
use crate::output::tabwriter::{Settings, TabWriter};

/// Show how much CPU and memory nodes use, and how much that is of what they have.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "# All nodes\nkctl top node\n\n# One node\nkctl top node worker-1")]
pub struct NodeArgs {
    /// Print no headers.
    #[arg(long)]
    pub no_headers: bool,
    /// Narrow the list by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2,key3 in (value3)). All conditions must hold.
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// Compare with all that the nodes have instead of what pods may use.
    #[arg(long)]
    pub show_capacity: bool,
    /// Show swap memory too.
    #[arg(long)]
    pub show_swap: bool,
    /// Sort by 'cpu' or 'memory', most first, instead of by name.
    #[arg(long)]
    pub sort_by: Option<String>,
    /// Whether measurements may come as protocol buffers. JSON is asked for in any case, as it is no slower here.
    #[arg(long, action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub use_protocol_buffers: bool,
    /// Name.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `top node`.
///
/// # Errors
/// A server without measurements, a node that is not there.
pub async fn run(ctx: &Context, args: NodeArgs) -> anyhow::Result<()> {
    let name = name(&args.args, "top node", "node [NAME | -l label]")?;
    let by = sort_by(args.sort_by.as_deref())?;
    let selector = args.selector.as_deref().unwrap_or_default();
    if !name.is_empty() && !selector.is_empty() {
        bail!("only one of NAME or --selector can be provided");
    }
    let labels = Selector::parse(selector)?.to_string();
    let metrics = Metrics::find(ctx).await?;
    let nodes = GroupVersionResource::new("", "v1", "nodes");
    let params = ListParams { labels: labels.clone(), ..ListParams::default() };
    let measured = metrics.get("nodes", "", name, labels);
    let (measured, nodes) = futures_util::future::join(measured, get(metrics.client, &nodes, "", name, params)).await;
    let measured = measured?;
    if measured.is_empty() {
        bail!("metrics not available yet");
    }
    let table = Table { measures: Measure::all(args.show_swap), headers: !args.no_headers, by };
    let list = if args.show_capacity { "capacity" } else { "allocatable" };
    let mut out = TabWriter::new(Out(&ctx.streams), Settings::TABLE);
    table.write(&measured, &nodes?, list, &mut out)?;
    Ok(out.flush()?)
}

struct Table {
    measures: &'static [Measure],
    headers: bool,
    by: Option<Measure>,
}

impl Table {
    /// Writes a row for each node that was measured, then one for each other node.
    fn write(&self, measured: &[Object], nodes: &[Object], list: &str, out: &mut dyn Write) -> std::io::Result<()> {
        const UNKNOWN: &str = "<unknown>";
        let mut known: BTreeMap<&str, &Object> = nodes.iter().map(|node| (node.name(), node)).collect();
        if self.headers {
            let mut headings = vec!["NAME".to_owned()];
            for measure in self.measures {
                headings.push(measure.heading().to_owned());
                headings.push(format!("{}(%)", measure.key().to_uppercase()));
            }
            row(out, &headings)?;
        }
        let usage = |node: &&Object, measure: Measure| measure.of(node.at(&["usage"]));
        let rows = sorted(measured.iter().collect(), |a: &&Object, b: &&Object| match self.by {
            Some(by) => by.weight(usage(a, by)) > by.weight(usage(b, by)),
            None => a.name() < b.name(),
        });
        for metric in rows {
            let node = known.remove(metric.name());
            let mut cells = vec![metric.name().to_owned()];
            for measure in self.measures {
                let available = node.and_then(|node| available(node, list, *measure));
                let used = usage(&metric, *measure);
                match available {
                    None if *measure == Measure::Swap && node.is_some() => {
                        cells.extend([UNKNOWN.to_owned(), UNKNOWN.to_owned()]);
                    }
                    None => cells.push(measure.text(used)),
                    Some(available) => {
                        cells.push(measure.text(used));
                        cells.push(format!("{}%", percent(used, available)));
                    }
                }
            }
            row(out, &cells)?;
        }
        for name in known.into_keys() {
            let mut cells = vec![name.to_owned()];
            cells.extend(std::iter::repeat_n(UNKNOWN.to_owned(), self.measures.len() * 2));
            row(out, &cells)?;
        }
        Ok(())
    }
}

/// How much of something a node has; none where it does not say.
fn available(node: &Object, list: &str, measure: Measure) -> Option<Quantity> {
    if measure == Measure::Swap {
        let capacity = node.int_at(&["status", "nodeInfo", "swap", "capacity"])?;
        return Some(Quantity::from_int(capacity, Notation::BinarySi));
    }
    let resources = node.at(&["status", list])?;
    resources.get(measure.key())?;
    Some(measure.of(Some(resources)))
}

fn percent(used: Quantity, available: Quantity) -> i64 {
    if available.is_zero() {
        return 0;
    }
    // As kubectl computes it, in floating point and cut.
    (used.milli_value() as f64 / available.milli_value() as f64 * 100.0) as i64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn compares_with_what_there_is() {
        let node = |name: &str| json!({"metadata": {"name": name}, "status": {"allocatable": {"cpu": "2", "memory": "4Gi"}, "capacity": {"cpu": "4", "memory": "8Gi"}, "nodeInfo": {"swap": {"capacity": 1073741824}}}});
        let metric = |name: &str, cpu: &str| json!({"metadata": {"name": name}, "usage": {"cpu": cpu, "memory": "1Gi", "swap": "512Mi"}});
        let measured = [metric("a", "123456789n"), metric("b", "1"), metric("gone", "5m")];
        let nodes = [node("b"), node("c"), node("a")];
        let print = |by, swap, list: &str| {
            let mut out = TabWriter::new(Vec::new(), Settings::TABLE);
            let table = Table { measures: Measure::all(swap), headers: true, by };
            table.write(&measured, &nodes, list, &mut out).expect("a table");
            out.flush().expect("a table");
            let text = String::from_utf8(out.into_inner()).expect("text");
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(
            print(None, false, "allocatable"),
            [
                "NAME CPU(cores) CPU(%) MEMORY(bytes) MEMORY(%)",
                "a 124m 6% 1024Mi 25%",
                "b 1000m 50% 1024Mi 25%",
                "gone 5m 1024Mi",
                "c <unknown> <unknown> <unknown> <unknown>",
            ]
        );
        let by_cpu = print(Some(Measure::Cpu), true, "capacity");
        assert_eq!(by_cpu[1], "b 1000m 25% 1024Mi 12% 512Mi 50%");
        assert_eq!(by_cpu[2], "a 124m 3% 1024Mi 12% 512Mi 50%");
    }
}
