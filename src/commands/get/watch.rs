//! `get --watch`: what is there, then every change.

use std::io::Write;

use super::Settings;
use super::table::{options, table};
use crate::client::discovery::Mapping;
use crate::client::paging;
use crate::client::request::{Endpoint, WatchParams};
use crate::client::watch::{Event, Undecodable, Watcher};
use crate::object::{Meta, Object, Status};
use crate::ops::context::Context;
use crate::ops::interrupt::interruptible;
use crate::ops::print::Out;
use crate::ops::resources::{Info, Source};
use crate::output::print::Printer;
use crate::output::table::{Table, TablePrinter};
use crate::output::tabwriter::{Settings as TabSettings, TabWriter};
use crate::output::type_order;

/// Lists, then follows changes until the server, or the user, ends it.
pub(super) async fn run(ctx: &Context, settings: &Settings<'_>) -> anyhow::Result<()> {
    let args = settings.args;
    let (accept, include_object) = settings.accept();
    let plan = settings
        .builder(ctx)
        .page(u64::try_from(args.chunk_size).unwrap_or(0))
        .single_type()
        .accept(accept, include_object)
        .plan()
        .await?;
    let (infos, result) = plan.infos().await;
    if let Err(error) = result {
        let missing = error.downcast_ref::<Status>().is_some_and(Status::is_not_found);
        return if missing && args.ignore_not_found { Ok(()) } else { Err(error) };
    }
    let mapping = infos.first().and_then(|info| info.mapping.clone());
    let mut writer = Writer::new(ctx, settings, mapping.as_ref())?;

    // One object by name is watched from "any version": the server repeats it first.
    let single = plan.single_item_implied && infos.len() == 1;
    let version = if single { "0".to_owned() } else { common_version(&infos) };
    for info in infos.iter().filter(|_| !args.watch_only) {
        let Some(object) = info.object.clone().and_then(|object| settings.keep(object)) else { continue };
        writer.print_listed(object).map_err(|error| match error.is::<std::io::Error>() {
            true => error,
            false => anyhow::anyhow!("unable to output the provided object: {error}"),
        })?;
    }
    writer.flush()?;

    let [source] = plan.sources.as_slice() else {
        anyhow::bail!("you may only watch a single resource or type of resource at a time");
    };
    let (endpoint, fields, labels) = match (source, infos.as_slice()) {
        (Source::Collection { mapping, namespace, labels, fields }, _) => {
            (Endpoint::collection(&mapping.resource, namespace.clone()), fields.clone(), labels.clone())
        }
        (_, [info]) => {
            let endpoint = Endpoint { name: String::new(), ..info.endpoint() };
            (endpoint, format!("metadata.name={}", info.name), String::new())
        }
        (_, infos) => anyhow::bail!(
            "watch is only supported on individual resources and resource collections - {} resources were found",
            infos.len()
        ),
    };
    let params = WatchParams { labels, fields, resource_version: version, ..WatchParams::default() };
    let client = ctx.client().await?;
    let mut watcher = Watcher::new(client, endpoint, params).accept(accept).include_object(include_object);
    watcher.connect().await?;
    interruptible(follow(settings, &mut watcher, &mut writer, single)).await
}

/// Prints changes until the watch ends. `silent` of the first: it is on the screen already.
async fn follow(
    settings: &Settings<'_>,
    watcher: &mut Watcher<'_>,
    writer: &mut Writer<'_>,
    mut silent: bool,
) -> anyhow::Result<()> {
    let mut ended = false;
    while !ended {
        let (kind, object) = match watcher.next_of_connection().await {
            Ok(None) => return Ok(()),
            Ok(Some(Event::Bookmark(_))) => continue,
            Ok(Some(Event::Error(status))) => ("ERROR", status.to_object()),
            Ok(Some(event)) => match (event.kind(), event) {
                (kind, Event::Added(object) | Event::Modified(object) | Event::Deleted(object)) => (kind, object),
                _ => continue,
            },
            // What is no event is shown as one, and is the last.
            Err(error) => match error.downcast_ref::<Undecodable>() {
                Some(undecodable) => {
                    ended = true;
                    ("ERROR", undecodable.status().to_object())
                }
                None => return Err(error),
            },
        };
        let silent = std::mem::take(&mut silent);
        if kind == "ERROR" {
            if !silent {
                writer.print_error(object)?;
                writer.flush()?;
            }
            continue;
        }
        let Some(object) = settings.keep(object) else { continue };
        // A table whose only row was left out would show its columns.
        if settings.filter.is_some() && object.get("rows").is_some_and(|rows| rows == &serde_json::json!([])) {
            continue;
        }
        writer.print_event(kind, object, silent)?;
        writer.flush()?;
    }
    Ok(())
}

/// The version of which a list is, where all its pages agree.
fn common_version(infos: &[Info]) -> String {
    let mut versions = infos.iter().filter_map(|info| info.object.as_ref()).map(Meta::resource_version);
    let first = versions.next().unwrap_or_default();
    if versions.all(|version| version == first) { first.to_owned() } else { String::new() }
}

/// Prints objects one by one, in a table that goes on or in any other format.
struct Writer<'a> {
    ctx: &'a Context,
    events: bool,
    form: Form<'a>,
}

/// Both keep to the widths of what came before: kubectl aligns the tabs of every format.
enum Form<'a> {
    Table(Box<TablePrinter<Out<'a>>>),
    Objects(Box<Printer>, Box<TabWriter<Out<'a>>>),
}

impl<'a> Writer<'a> {
    fn new(ctx: &'a Context, settings: &Settings<'_>, mapping: Option<&Mapping>) -> anyhow::Result<Self> {
        let args = settings.args;
        let form = if settings.is_table() {
            let mut options = options(settings, mapping, args.show_kind);
            // Here kubectl does not ask whether the type lives in namespaces.
            options.with_namespace = args.all_namespaces;
            Form::Table(Box::new(TablePrinter::new(Out(&ctx.streams), options)))
        } else {
            let printer = settings.printer()?.unaligned();
            Form::Objects(Box::new(printer), Box::new(TabWriter::new(Out(&ctx.streams), TabSettings::TABLE)))
        };
        Ok(Self { ctx, events: args.output_watch_events, form })
    }

    /// What was there before the watch began: an object, a table, or the items of a list.
    fn print_listed(&mut self, object: Object) -> anyhow::Result<()> {
        if object.get("items").is_some_and(Object::is_array) {
            return paging::take_items(object).into_iter().try_for_each(|item| self.print_event("ADDED", item, false));
        }
        self.print_event("ADDED", object, false)
    }

    /// A change. A silent one is not shown, but the columns of its table count for those after it.
    fn print_event(&mut self, kind: &str, object: Object, silent: bool) -> anyhow::Result<()> {
        match &mut self.form {
            Form::Table(printer) => {
                let mut rows = if Table::is_table(&object) {
                    table(object)?
                } else {
                    Table::of_objects(vec![object], self.ctx.clock.now())
                };
                if silent {
                    rows.rows.clear();
                }
                printer.print(&rows, self.events.then_some(kind))?;
            }
            Form::Objects(..) if silent => {}
            Form::Objects(printer, out) if self.events => printer.print_event(kind, object, out)?,
            Form::Objects(printer, out) => printer.print(object, out)?,
        }
        Ok(())
    }

    /// What went wrong with the watch, as the status that it is; its fields are in the order of its type.
    fn print_error(&mut self, status: Object) -> anyhow::Result<()> {
        if let Form::Objects(printer, _) = &mut self.form {
            printer.set_key_order(type_order::boxed_order_of("v1", "Status"));
        }
        self.print_event("ERROR", status, false)?;
        if let Form::Objects(printer, _) = &mut self.form {
            printer.set_key_order(None);
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        match &mut self.form {
            Form::Table(printer) => printer.flush()?,
            Form::Objects(_, out) => out.flush()?,
        }
        Ok(())
    }
}
