//! `get` as people read it: tables.

use serde::Deserialize;

use super::Settings;
use crate::client::discovery::Mapping;
use crate::error::{Exit, Many};
use crate::object::{GroupVersionResource, Object, Status};
use crate::ops::context::Context;
use crate::ops::print::Out;
use crate::ops::resources::Info;
use crate::output::format::Format;
use crate::output::sort::{self, SortError};
use crate::output::table::{Options, Table, TablePrinter};

/// Fetches everything, then prints it: columns are as wide as the widest cell.
pub(super) async fn run(ctx: &Context, settings: &Settings<'_>) -> anyhow::Result<()> {
    let args = settings.args;
    let (accept, include_object) = settings.accept();
    let plan = settings
        .builder(ctx)
        .subresource(args.subresource.as_deref().unwrap_or_default())
        .page(settings.page())
        .continue_on_error()
        .flatten()
        .accept(accept, include_object)
        .plan()
        .await?;
    let mut found: Vec<Found> = Vec::new();
    let result = plan.visit(|info| {
        let object = info.object.unwrap_or_default();
        if let Some(object) = settings.keep(object) {
            found.push(Found::new(Info { object: Some(object), ..info })?);
        }
        Ok(())
    });
    let errors = not_ignored(result.await, args.ignore_not_found);
    if found.len() > 1 && !settings.sort_by.is_empty() {
        sort_objects(&mut found, settings.sort_by).map_err(|error| fatal(ctx, error))?;
    }
    let with_kind = args.show_kind || several_kinds(&found);
    let namespaced = !args.all_namespaces && found.iter().all(Found::namespaced);
    let written = print(ctx, settings, found, with_kind)?;
    let chosen = settings.filter.as_ref().is_none_or(|filter| filter.finish().is_ok());
    if !written && !args.ignore_not_found && errors.is_empty() && chosen {
        ctx.streams.say(if namespaced {
            format!("No resources found in {} namespace.", settings.namespace)
        } else {
            "No resources found".to_owned()
        });
    }
    plan.outcome(errors)
}

/// One answer: a table, or an object that the server made none of.
struct Found {
    mapping: Option<Mapping>,
    content: Content,
    has_namespace: bool,
}

enum Content {
    Table(Table),
    Object(Object),
}

impl Found {
    fn new(info: Info) -> anyhow::Result<Self> {
        let has_namespace = info.namespaced();
        let object = info.object.unwrap_or_default();
        let content = if Table::is_table(&object) { Content::Table(table(object)?) } else { Content::Object(object) };
        Ok(Self { mapping: info.mapping, content, has_namespace })
    }

    fn namespaced(&self) -> bool {
        self.has_namespace
    }

    fn resource(&self) -> Option<&GroupVersionResource> {
        self.mapping.as_ref().map(|mapping| &mapping.resource)
    }
}

/// A table out of the answer of a server.
pub(super) fn table(object: Object) -> anyhow::Result<Table> {
    Table::deserialize(object).map_err(|error| anyhow::anyhow!("unable to decode the server's table: {error}"))
}

fn several_kinds(found: &[Found]) -> bool {
    let mut kinds = found.iter().map(|found| found.mapping.as_ref().map(|mapping| &mapping.kind));
    let first = kinds.next().flatten();
    kinds.any(|kind| kind != first)
}

/// How the tables of one resource are printed.
pub(super) fn options(settings: &Settings<'_>, mapping: Option<&Mapping>, with_kind: bool) -> Options {
    let args = settings.args;
    let in_namespaces = mapping.is_none_or(|mapping| mapping.namespaced);
    Options {
        no_headers: args.no_headers,
        wide: matches!(settings.format, Format::Wide),
        with_namespace: args.all_namespaces && in_namespaces,
        with_kind,
        kind: mapping.map(|mapping| mapping.kind.group_kind().to_string()).unwrap_or_default(),
        column_labels: args.label_columns.clone(),
        show_labels: args.show_labels,
    }
}

/// Prints everything and tells whether there was anything to print.
fn print(ctx: &Context, settings: &Settings<'_>, found: Vec<Found>, with_kind: bool) -> anyhow::Result<bool> {
    let mut printer = TablePrinter::new(Out(&ctx.streams), Options::default());
    let mut last: Option<GroupVersionResource> = None;
    let mut any = false;
    // As kubectl has it, the column of namespaces stays once it was there.
    let mut with_namespace = false;
    for answer in found {
        if !any || answer.resource().is_none() || answer.resource() != last.as_ref() {
            let mut options = options(settings, answer.mapping.as_ref(), with_kind);
            with_namespace |= options.with_namespace;
            options.with_namespace = with_namespace;
            printer.next_group(options)?;
            last = answer.resource().cloned();
            any = true;
        }
        match answer.content {
            Content::Object(object) => {
                printer.print(&Table::of_objects(vec![object], ctx.clock.now()), None)?;
            }
            Content::Table(mut table) => {
                // As kubectl has it, a table that cannot be sorted is not printed.
                match sort_rows(&mut table, settings.sort_by) {
                    Ok(()) => printer.print(&table, None)?,
                    Err(error @ SortError::Unsortable { .. }) => return Err(fatal(ctx, error)),
                    Err(SortError::Path(_)) => {}
                }
            }
        }
    }
    Ok(printer.finish()?)
}

fn sort_rows(table: &mut Table, field: &str) -> Result<(), SortError> {
    if field.is_empty() { Ok(()) } else { sort::sort_table(table, field) }
}

/// Sorts objects by a field. Of several tables kubectl sorts the tables and not their rows, which
/// hardly any field can do.
fn sort_objects(found: &mut Vec<Found>, field: &str) -> Result<(), SortError> {
    /// Marks where an object was; no object has a field of this name.
    const PLACE: &str = " place";
    let mut objects: Vec<Object> = found
        .iter()
        .enumerate()
        .map(|(place, found)| {
            let mut object = match &found.content {
                Content::Object(object) => object.clone(),
                Content::Table(table) => serde_json::json!({"kind": "Table", "metadata": table.metadata}),
            };
            if let Some(fields) = object.as_object_mut() {
                fields.insert(PLACE.to_owned(), place.into());
            }
            object
        })
        .collect();
    sort::sort_objects(&mut objects, field)?;
    let mut unsorted: Vec<Option<Found>> = found.drain(..).map(Some).collect();
    let places = objects.iter().filter_map(|object| usize::try_from(object.get(PLACE)?.as_u64()?).ok());
    found.extend(places.filter_map(|place| unsorted.get_mut(place)?.take()));
    Ok(())
}

/// kubectl ends at once where two values of a field cannot be compared, with a line as its log has them.
pub(super) fn fatal(ctx: &Context, error: SortError) -> anyhow::Error {
    let SortError::Unsortable { line, message } = error else { return error.into() };
    let time = jiff::fmt::strtime::format("%m%d %H:%M:%S%.6f", ctx.clock.now()).unwrap_or_default();
    ctx.streams.say(format!("F{time} {:>7} sorter.go:{line}] {message}", std::process::id()));
    Exit(1).into()
}

/// The errors in a result, those for missing objects left out where they do not count.
pub(super) fn not_ignored(result: anyhow::Result<()>, ignore_not_found: bool) -> Vec<anyhow::Error> {
    let errors = match result {
        Ok(()) => return Vec::new(),
        Err(error) => match error.downcast::<Many>() {
            Ok(Many(errors)) => errors,
            Err(error) => vec![error],
        },
    };
    let ignored =
        |error: &anyhow::Error| ignore_not_found && error.downcast_ref::<Status>().is_some_and(Status::is_not_found);
    errors.into_iter().filter(|error| !ignored(error)).collect()
}
