//! `get` as people read it: tables.

use std::io;

use serde::Deserialize;

use super::Settings;
use super::rows::Rows;
use crate::client::discovery::Mapping;
use crate::error::{Exit, Many};
use crate::object::mask::Mask;
use crate::object::raw::Texts;
use crate::object::{GroupVersionResource, Object, Status};
use crate::ops::context::Context;
use crate::ops::print::Out;
use crate::ops::resources::{Enough, Piece, Source};
use crate::output::format::Format;
use crate::output::sort::{self, Keys, SortError};
use crate::output::table::{Options, Row, Table, TablePrinter};

/// Prints what comes. Columns are as wide as the widest cell, so the text of the cells is held to the
/// end; of the rows, and of objects that come with them, nothing else is.
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
    // Whether kinds are shown depends on all of what is found; of one type it is clear from the start.
    let at_once = settings.sort_by.is_empty() && matches!(plan.sources.as_slice(), [Source::Collection { .. }]);
    let mut answers = Answers::new(ctx, settings, at_once);
    let mut failure = None;
    let result = plan.stream(|piece| {
        answers.take(piece).map_err(|error| match error.downcast::<io::Error>() {
            Ok(error) => {
                failure = Some(error);
                Enough.into()
            }
            Err(error) => error,
        })
    });
    let result = result.await;
    if let Some(error) = failure {
        return Err(error.into());
    }
    let errors = not_ignored(result, args.ignore_not_found);
    let namespaced = !args.all_namespaces && answers.namespaced;
    let written = answers.end()?;
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

/// Tables and objects as they come, printed at once or held.
struct Answers<'a> {
    ctx: &'a Context,
    settings: &'a Settings<'a>,
    rows: Rows,
    printer: TablePrinter<Out<'a>>,
    /// The resource that is being printed.
    last: Option<GroupVersionResource>,
    /// Whether anything was handed to the printer.
    any: bool,
    /// Whether namespaces were printed: as kubectl has it, their column stays once it was there.
    with_namespace: bool,
    /// Whether it is printed as it comes.
    at_once: bool,
    held: Vec<Found>,
    /// Whether all of it lives in namespaces.
    namespaced: bool,
}

/// One answer: a table, or an object that the server made none of.
struct Found {
    mapping: Option<Mapping>,
    content: Content,
}

enum Content {
    Table { head: Box<Table>, rows: Texts, keys: Option<Box<Result<Keys, SortError>>> },
    Object(Object),
}

impl<'a> Answers<'a> {
    fn new(ctx: &'a Context, settings: &'a Settings<'a>, at_once: bool) -> Self {
        Self {
            ctx,
            settings,
            rows: Rows::new(settings),
            printer: TablePrinter::new(Out(&ctx.streams), Options::default()),
            last: None,
            any: false,
            with_namespace: false,
            at_once,
            held: Vec::new(),
            namespaced: true,
        }
    }

    fn take(&mut self, piece: Piece<'_>) -> anyhow::Result<()> {
        match piece {
            Piece::Info(info) => {
                let namespaced = info.namespaced();
                let Some(object) = self.settings.keep(info.object.unwrap_or_default()) else { return Ok(()) };
                self.namespaced &= namespaced;
                if !Table::is_table(&object) {
                    return self.object(info.mapping, object);
                }
                let mut head = table(object)?;
                let rows = std::mem::take(&mut head.rows);
                self.columns(info.mapping.as_ref(), head)?;
                rows.into_iter().try_for_each(|row| self.row(row))
            }
            Piece::Columns { mapping, head } => {
                self.namespaced &= mapping.namespaced;
                self.columns(Some(mapping), table(head.clone())?)
            }
            Piece::Row(text) => {
                let row = self.rows.read(text)?;
                if self.settings.filter.as_ref().is_none_or(|filter| filter.holds(&row.object)) {
                    self.row(row)?;
                }
                Ok(())
            }
            Piece::Item { mapping, raw } => {
                let Some(object) = self.settings.keep(raw.read(&Mask::all())?) else { return Ok(()) };
                self.namespaced &= mapping.namespaced;
                self.object(Some(mapping.clone()), object)
            }
        }
    }

    /// A table, or a page of one, begins.
    fn columns(&mut self, mapping: Option<&Mapping>, head: Table) -> anyhow::Result<()> {
        if self.at_once {
            self.group(mapping, self.settings.args.show_kind)?;
            return Ok(self.printer.print(&head, None)?);
        }
        let keys = (!self.settings.sort_by.is_empty()).then(|| Box::new(Keys::of_rows(self.settings.sort_by)));
        let content = Content::Table { head: Box::new(head), rows: Texts::default(), keys };
        self.held.push(Found { mapping: mapping.cloned(), content });
        Ok(())
    }

    fn row(&mut self, mut row: Row) -> anyhow::Result<()> {
        if self.at_once {
            return Ok(self.printer.print(&Table { rows: vec![row], ..Table::default() }, None)?);
        }
        if let Some(Found { content: Content::Table { rows, keys, .. }, .. }) = self.held.last_mut() {
            if let Some(Ok(keys)) = keys.as_deref_mut() {
                keys.add(&row.object);
            }
            self.rows.prune(&mut row);
            rows.push(&serde_json::to_vec(&row)?);
        }
        Ok(())
    }

    fn object(&mut self, mapping: Option<Mapping>, object: Object) -> anyhow::Result<()> {
        if self.at_once {
            self.group(mapping.as_ref(), self.settings.args.show_kind)?;
            return self.print_object(object);
        }
        self.held.push(Found { mapping, content: Content::Object(object) });
        Ok(())
    }

    fn print_object(&mut self, object: Object) -> anyhow::Result<()> {
        Ok(self.printer.print(&Table::of_objects(vec![object], self.ctx.clock.now()), None)?)
    }

    /// Begins a new group where another resource comes.
    fn group(&mut self, mapping: Option<&Mapping>, with_kind: bool) -> io::Result<()> {
        let resource = mapping.map(|mapping| &mapping.resource);
        if !self.any || resource.is_none() || resource != self.last.as_ref() {
            let mut options = options(self.settings, mapping, with_kind);
            self.with_namespace |= options.with_namespace;
            options.with_namespace = self.with_namespace;
            self.printer.next_group(options)?;
            self.last = resource.cloned();
            self.any = true;
        }
        Ok(())
    }

    /// Prints what is held, and tells whether there was anything to print.
    fn end(mut self) -> anyhow::Result<bool> {
        let ctx = self.ctx;
        let mut held = std::mem::take(&mut self.held);
        if held.len() > 1 && !self.settings.sort_by.is_empty() {
            sort_answers(&mut held, self.settings.sort_by).map_err(|error| fatal(ctx, error))?;
        }
        let with_kind = self.settings.args.show_kind || several_kinds(&held);
        for answer in held {
            self.group(answer.mapping.as_ref(), with_kind)?;
            match answer.content {
                Content::Object(object) => self.print_object(object)?,
                Content::Table { head, rows, keys } => {
                    self.printer.print(&head, None)?;
                    let order: Box<dyn Iterator<Item = usize>> = match keys {
                        // A single row is left alone, whatever the field.
                        Some(keys) if rows.len() > 1 => match keys.and_then(Keys::order) {
                            Ok(order) => Box::new(order.into_iter()),
                            Err(error @ SortError::Unsortable { .. }) => return Err(fatal(ctx, error)),
                            // As kubectl has it, a table that cannot be sorted is not printed.
                            Err(SortError::Path(_)) => continue,
                        },
                        _ => Box::new(0..rows.len()),
                    };
                    for text in order.filter_map(|at| rows.get(at)) {
                        let row = serde_json::from_slice(text)?;
                        self.printer.print(&Table { rows: vec![row], ..Table::default() }, None)?;
                    }
                }
            }
        }
        Ok(self.printer.finish()?)
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
        wide: matches!(settings.format, Ok(Format::Wide)),
        with_namespace: args.all_namespaces && in_namespaces,
        with_kind,
        kind: mapping.map(|mapping| mapping.kind.group_kind().to_string()).unwrap_or_default(),
        column_labels: args.label_columns.clone(),
        show_labels: args.show_labels,
    }
}

/// Sorts objects by a field. Of several tables kubectl sorts the tables and not their rows, which
/// hardly any field can do.
fn sort_answers(found: &mut Vec<Found>, field: &str) -> Result<(), SortError> {
    /// Marks where an object was; no object has a field of this name.
    const PLACE: &str = " place";
    let mut objects: Vec<Object> = found
        .iter()
        .enumerate()
        .map(|(place, found)| {
            let mut object = match &found.content {
                Content::Object(object) => object.clone(),
                Content::Table { head, .. } => serde_json::json!({"kind": "Table", "metadata": head.metadata}),
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
