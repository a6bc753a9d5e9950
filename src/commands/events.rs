//! `events`: what happened in the cluster, oldest first.

use std::io::Write;

use anyhow::{anyhow, bail};
use serde_json::json;

use crate::client::paging::{DEFAULT_PAGE, Pages};
use crate::client::request::{Accept, Endpoint, ListParams, WatchParams};
use crate::client::watch::{Event, Watcher};
use crate::error::Exit;
use crate::go::sort;
use crate::object::{GroupVersionResource, Meta, Object, Timestamp, fields, time};
use crate::ops::change::OutputArgs;
use crate::ops::context::Context;
use crate::ops::print::Out;
use crate::ops::resources::about_list;
use crate::output::format::Format;
use crate::output::print::Printer;
use crate::output::table::escape_terminal;
use crate::output::tabwriter::{Settings, TabWriter};
use crate::output::type_order;
use crate::terminal::signals::asked_to_end;

/// Show what happened in the cluster, oldest first: the events of a namespace or of all, of one object, or of some types only.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# What happened in the namespace 'default'\nkctl events --namespace default\n\n# What happened anywhere\nkctl events --all-namespaces\n\n# What happened to one pod, and what happens to it from now on\nkctl events --for pod/web-pod-13je7 --watch\n\n# Warnings only, as YAML\nkctl events -oyaml --types=Warning"
)]
pub struct EventsArgs {
    /// If present, list the events of all namespaces. The namespace of the current context and of --namespace does not count.
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
    /// Ask for long lists in pieces of this many objects. 0 asks for everything at once.
    #[arg(long, default_value_t = DEFAULT_PAGE as i64)]
    pub chunk_size: i64,
    /// Only events about this object, TYPE/NAME.
    #[arg(long = "for")]
    pub for_object: Option<String>,
    /// Print no headers, in the table.
    #[arg(long)]
    pub no_headers: bool,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Only events of these types, Normal or Warning.
    #[arg(long, value_delimiter = ',')]
    pub types: Vec<String>,
    /// After listing, watch for more events.
    #[arg(long, short)]
    pub watch: bool,
    /// Nothing is taken.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `events`.
///
/// # Errors
/// Unknown types, and what the server refuses.
pub async fn run(ctx: &Context, args: EventsArgs) -> anyhow::Result<()> {
    let (namespace, _) = ctx.namespace()?;
    let fields = match args.for_object.as_deref().unwrap_or_default() {
        "" => String::new(),
        object => about(ctx, object).await?,
    };
    let form = Form::new(ctx, &args)?;
    if args.types.iter().any(|kind| !["normal", "warning"].contains(&kind.to_lowercase().as_str())) {
        bail!("valid --types are Normal or Warning");
    }
    let scope = if args.all_namespaces { "" } else { namespace.as_str() };
    let endpoint = Endpoint::collection(&GroupVersionResource::new("", "v1", "events"), scope);
    let wanted = |event: &Object| {
        args.types.is_empty() || args.types.iter().any(|kind| kind.eq_ignore_ascii_case(event.str_at(&["type"])))
    };
    let mut writer = EventWriter {
        out: TabWriter::new(Out(&ctx.streams), Settings::TABLE),
        form,
        headers: !args.no_headers,
        with_namespace: args.all_namespaces,
        now: ctx.clock.now(),
    };
    if args.watch {
        return watch(ctx, endpoint, fields, wanted, &mut writer).await;
    }
    let params = ListParams { fields, limit: u64::try_from(args.chunk_size).unwrap_or(0), ..ListParams::default() };
    let listed = Pages::new(ctx.client().await?, endpoint.clone(), params.clone(), Accept::Json).items().await;
    let mut events = listed.map_err(|error| about_list(error, "events", "", &params.fields))?;
    events.retain(wanted);
    if events.is_empty() {
        ctx.streams.say(match args.all_namespaces {
            true => "No events found.".to_owned(),
            false => format!("No events found in {namespace} namespace."),
        });
        return Ok(());
    }
    let times: Vec<Option<Timestamp>> = events.iter().map(happened).collect();
    let order = sort::sort(events.len(), |a, b| times.get(a) < times.get(b));
    let mut slots: Vec<Option<Object>> = events.into_iter().map(Some).collect();
    let sorted = order.into_iter().filter_map(|at| slots.get_mut(at).and_then(Option::take)).collect();
    writer.list(sorted, ctx.program.is_kubectl())
}

/// The field selector of the events about an object.
async fn about(ctx: &Context, object: &str) -> anyhow::Result<String> {
    let Some((word, name)) = object.split_once('/') else { bail!("--for must be in resource/name form") };
    if name.contains('/') {
        bail!("arguments in resource/name form may not have more than one slash");
    }
    let mapping = match ctx.client().await?.resolve(word).await {
        Ok(mapping) => mapping,
        Err(error) if error.to_string().starts_with("the server doesn't have a resource type") => {
            // Said without a prefix, unlike everywhere else.
            ctx.streams.say(error.to_string());
            return Err(Exit(1).into());
        }
        Err(error) => return Err(error),
    };
    if name.is_empty() {
        // As kubectl has it, no name is all objects, of whatever kind.
        return Ok(String::new());
    }
    let (kind, version) = (&mapping.kind.kind, mapping.kind.api_version());
    let name = fields::escape(name);
    Ok(format!("involvedObject.kind={kind},involvedObject.apiVersion={version},involvedObject.name={name}"))
}

async fn watch(
    ctx: &Context,
    endpoint: Endpoint,
    fields: String,
    wanted: impl Fn(&Object) -> bool,
    writer: &mut EventWriter<'_>,
) -> anyhow::Result<()> {
    let params = WatchParams { fields, ..WatchParams::default() };
    let mut watcher = Watcher::new(ctx.client().await?, endpoint, params);
    let mut end = std::pin::pin!(asked_to_end());
    loop {
        let next = tokio::select! {
            next = watcher.next_of_connection() => next?,
            _ = &mut end => return Ok(()),
        };
        match next {
            None => return Ok(()),
            Some(Event::Error(status)) => return Err(status.into()),
            Some(Event::Added(event) | Event::Modified(event)) if wanted(&event) => {
                writer.now = ctx.clock.now();
                writer.one(event)?;
            }
            Some(_) => {}
        }
    }
}

/// When an event happened last; it is sorted by this.
fn happened(event: &Object) -> Option<Timestamp> {
    if is_series(event) {
        return event.time_at(&["series", "lastObservedTime"]);
    }
    event.time_at(&["lastTimestamp"]).or_else(|| event.time_at(&["eventTime"]))
}

fn is_series(event: &Object) -> bool {
    event.at(&["series"]).is_some_and(Object::is_object)
}

/// How events are printed.
enum Form {
    Table,
    Objects { printer: Box<Printer>, by_name: bool },
}

impl Form {
    fn new(ctx: &Context, args: &EventsArgs) -> anyhow::Result<Self> {
        if !args.output.given() {
            return Ok(Self::Table);
        }
        let format = args.output.format(ctx)?;
        let by_name = matches!(format, Format::Name);
        let ordered = matches!(format, Format::Json | Format::Kyaml);
        let mut printer = args.output.print.printer(format, "events")?;
        if ordered {
            let order = if args.watch { type_order::boxed_order_of } else { type_order::list_order_of };
            printer.set_key_order(order("v1", "Event"));
        }
        Ok(Self::Objects { printer: Box::new(printer), by_name })
    }
}

struct EventWriter<'a> {
    out: TabWriter<Out<'a>>,
    form: Form,
    /// Whether the headers are still to be printed.
    headers: bool,
    with_namespace: bool,
    now: Timestamp,
}

impl EventWriter<'_> {
    /// Prints events that were listed. kubectl prints no names of a list, and says nothing of it.
    fn list(&mut self, events: Vec<Object>, as_kubectl: bool) -> anyhow::Result<()> {
        match &mut self.form {
            Form::Objects { by_name: true, .. } if as_kubectl => return Ok(()),
            Form::Objects { by_name: true, .. } | Form::Table => {
                events.into_iter().try_for_each(|event| self.write(event))?;
            }
            Form::Objects { printer, .. } => {
                let list = json!({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": events});
                printer.print(list, &mut self.out)?;
            }
        }
        Ok(self.out.flush()?)
    }

    /// Prints an event that a watch brought.
    fn one(&mut self, event: Object) -> anyhow::Result<()> {
        self.write(event)?;
        self.out.flush()?;
        Ok(self.out.get_mut().flush()?)
    }

    fn write(&mut self, event: Object) -> anyhow::Result<()> {
        match &mut self.form {
            Form::Objects { printer, .. } => printer.print(event, &mut self.out),
            Form::Table => self.row(&event).map_err(|error| anyhow!(error)),
        }
    }

    fn row(&mut self, event: &Object) -> std::io::Result<()> {
        if std::mem::take(&mut self.headers) {
            let namespace = if self.with_namespace { "NAMESPACE\t" } else { "" };
            writeln!(self.out, "{namespace}LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE")?;
        }
        if self.with_namespace {
            write!(self.out, "{}\t", event.namespace())?;
        }
        let text = |path: &[&str]| escape_terminal(event.str_at(path));
        writeln!(
            self.out,
            "{}\t{}\t{}\t{}/{}\t{}",
            interval(event, self.now),
            text(&["type"]),
            text(&["reason"]),
            text(&["involvedObject", "kind"]),
            text(&["involvedObject", "name"]),
            escape_terminal(event.str_at(&["message"]).trim()),
        )
    }
}

/// How long ago: `5m`, or `5m (x3 over 2h)` of what happened again and again.
fn interval(event: &Object, now: Timestamp) -> String {
    let ago = |path: &[&str]| time::age(event.time_at(path), now);
    let first = if event.time_at(&["eventTime"]).is_some() { ago(&["eventTime"]) } else { ago(&["firstTimestamp"]) };
    let again = |last: String, count: i64| format!("{last} (x{count} over {first})");
    if is_series(event) {
        return again(ago(&["series", "lastObservedTime"]), event.int_at(&["series", "count"]).unwrap_or(0));
    }
    match event.int_at(&["count"]) {
        Some(count) if count > 1 => again(ago(&["lastTimestamp"]), count),
        _ => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_how_long_ago_and_how_often() {
        let now = "2026-01-02T03:04:05Z".parse().expect("a time");
        for (event, want, at) in [
            (
                json!({"firstTimestamp": "2026-01-02T03:00:05Z", "lastTimestamp": "2026-01-02T03:03:05Z", "count": 3}),
                "60s (x3 over 4m)",
                Some("2026-01-02T03:03:05Z"),
            ),
            (json!({"firstTimestamp": "2026-01-02T03:00:05Z", "lastTimestamp": null, "count": 1}), "4m", None),
            (
                json!({"eventTime": "2026-01-02T02:04:05.000001Z", "series": {"count": 9, "lastObservedTime": "2026-01-02T03:04:00.000000Z"}}),
                "5s (x9 over 60m)",
                Some("2026-01-02T03:04:00Z"),
            ),
            (json!({"eventTime": "2026-01-02T02:04:05.000000Z"}), "60m", Some("2026-01-02T02:04:05Z")),
            (json!({}), "<unknown>", None),
        ] {
            assert_eq!(interval(&event, now), want, "{event}");
            assert_eq!(happened(&event), at.map(|at| at.parse().expect("a time")), "{event}");
        }
    }
}
