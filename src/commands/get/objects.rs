//! `get -o`: whole objects, or what a template picks from them.

use super::table::{fatal, not_ignored};
use super::{Settings, text};
use crate::client::request::Accept;
use crate::error::Many;
use crate::object::Object;
use crate::object::mask::Mask;
use crate::ops::context::Context;
use crate::ops::print::Out;
use crate::ops::resources::{Enough, Info, Piece, Plan};
use crate::output::format::Format;
use crate::output::print::{Held, ListPrinter, Printer};
use crate::output::sort::{self, Keys};

/// Prints objects as they come. A list is not held, unless it is to be sorted or a template needs all of it;
/// then its items are held as text.
pub(super) async fn run(ctx: &Context, settings: &Settings<'_>) -> anyhow::Result<()> {
    let args = settings.args;
    let by_name = matches!(settings.format, Ok(Format::Name));
    // Of names alone the metadata is enough; a subresource may be of another kind.
    let metadata =
        by_name && settings.sort_by.is_empty() && settings.filter.is_none() && text(&args.subresource).is_empty();
    let mut plan =
        settings.builder(ctx).subresource(text(&args.subresource)).page(settings.page()).continue_on_error().flatten();
    if metadata {
        plan = plan.accept(Accept::PartialMetadata, "");
    }
    let plan = plan.plan().await?;
    let single = plan.single_item_implied;
    let mut out = Out(&ctx.streams);
    let mut printer = match settings.printer() {
        Ok(printer) => printer,
        Err(error) => return refuse(settings, &plan, error).await,
    };
    if single {
        let (infos, result) = plan.infos().await;
        let errors = not_ignored(result, args.ignore_not_found);
        return print_single(ctx, settings, infos, errors, &mut printer, &mut out);
    }
    if !settings.sort_by.is_empty() {
        return sorted(ctx, settings, &plan, &mut printer, &mut out).await;
    }
    let mut list = None;
    let mut begin = Some((&mut printer, &mut out));
    let mut failure = None;
    let result = plan.stream(|piece| {
        let printed = match piece {
            Piece::Info(info) => match settings.keep(info.object.unwrap_or_default()) {
                Some(object) => begun(&mut list, &mut begin).and_then(|list| list.item(object)),
                None => Ok(()),
            },
            Piece::Item { raw, .. } => match settings.keeps(|| raw.read(&Mask::all())) {
                Ok(true) => begun(&mut list, &mut begin).and_then(|list| list.raw(&raw)),
                kept => kept.map(drop),
            },
            Piece::Columns { .. } | Piece::Row(_) => Ok(()),
        };
        printed.map_err(|error| {
            failure = Some(error);
            Enough.into()
        })
    });
    let result = result.await;
    if let Some(error) = failure {
        return Err(error);
    }
    let mut errors = not_ignored(result, args.ignore_not_found);
    if list.is_none() && args.ignore_not_found {
        return Many::collect(errors);
    }
    begun(&mut list, &mut begin)?;
    if let Some(Err(error)) = list.map(|list| list.end("")) {
        errors.push(error);
    }
    Many::collect(errors)
}

/// Says why nothing can be printed, unless there is nothing to print: kubectl asks the server first.
async fn refuse(settings: &Settings<'_>, plan: &Plan<'_>, error: anyhow::Error) -> anyhow::Result<()> {
    let (infos, result) = plan.infos().await;
    let errors = not_ignored(result, settings.args.ignore_not_found);
    let nothing = infos.is_empty() && settings.args.ignore_not_found;
    if nothing || plan.single_item_implied && !errors.is_empty() {
        return Many::collect(errors);
    }
    Err(error)
}

/// The list, begun with its first item.
fn begun<'l, 'a>(
    list: &'l mut Option<ListPrinter<'a>>,
    begin: &mut Option<(&'a mut Printer, &'a mut Out<'a>)>,
) -> anyhow::Result<&'l mut ListPrinter<'a>> {
    if let Some((printer, out)) = begin.take() {
        *list = Some(printer.list(out)?);
    }
    list.as_mut().ok_or_else(|| anyhow::anyhow!("the list could not be begun"))
}

/// Prints one object as itself, and what turns out to be several as a list.
fn print_single(
    ctx: &Context,
    settings: &Settings<'_>,
    infos: Vec<Info>,
    mut errors: Vec<anyhow::Error>,
    printer: &mut Printer,
    out: &mut Out<'_>,
) -> anyhow::Result<()> {
    if !errors.is_empty() || infos.is_empty() && settings.args.ignore_not_found {
        return Many::collect(errors);
    }
    let mut objects: Vec<Object> =
        infos.into_iter().filter_map(|info| settings.keep(info.object.unwrap_or_default())).collect();
    if objects.is_empty() {
        return Many::collect(errors);
    }
    let printed = match objects.pop() {
        Some(only) if objects.is_empty() => printer.print(only, out),
        last => {
            objects.extend(last);
            if !settings.sort_by.is_empty() && !objects.is_empty() {
                sort::sort_objects(&mut objects, settings.sort_by).map_err(|error| fatal(ctx, error))?;
            }
            let mut list = printer.list(out)?;
            objects.into_iter().try_for_each(|object| list.item(object)).and_then(|()| list.end(""))
        }
    };
    errors.extend(printed.err());
    Many::collect(errors)
}

/// Prints a list in the order of a field. Until all of it is there, its items are held as the text that
/// they came as.
async fn sorted(
    ctx: &Context,
    settings: &Settings<'_>,
    plan: &Plan<'_>,
    printer: &mut Printer,
    out: &mut Out<'_>,
) -> anyhow::Result<()> {
    let mut held = Held::default();
    let mut keys = Keys::of_objects(settings.sort_by);
    let mask = match keys.as_ref().map(Keys::wanted) {
        Ok(Some(paths)) => Mask::of(paths),
        _ => Mask::all(),
    };
    let result = plan.stream(|piece| {
        match piece {
            Piece::Info(info) => {
                let Some(object) = settings.keep(info.object.unwrap_or_default()) else { return Ok(()) };
                if let Ok(keys) = &mut keys {
                    keys.add(&object);
                }
                held.push_value(&object);
            }
            Piece::Item { raw, .. } => {
                if !settings.keeps(|| raw.read(&Mask::all()))? {
                    return Ok(());
                }
                if let Ok(keys) = &mut keys {
                    keys.add(&raw.read(&mask)?);
                }
                held.push(&raw);
            }
            Piece::Columns { .. } | Piece::Row(_) => {}
        }
        Ok(())
    });
    let mut errors = not_ignored(result.await, settings.args.ignore_not_found);
    if held.is_empty() && settings.args.ignore_not_found {
        return Many::collect(errors);
    }
    let order = match held.is_empty() {
        true => Vec::new(),
        false => keys.and_then(Keys::order).map_err(|error| fatal(ctx, error))?,
    };
    let mut list = printer.list(out)?;
    let printed = order.into_iter().filter_map(|at| held.get(at)).try_for_each(|raw| list.raw(&raw));
    errors.extend(printed.and_then(|()| list.end("")).err());
    Many::collect(errors)
}
