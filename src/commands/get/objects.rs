//! `get -o`: whole objects, or what a template picks from them.

use super::table::{fatal, not_ignored};
use super::{Settings, text};
use crate::client::request::Accept;
use crate::error::Many;
use crate::object::Object;
use crate::ops::context::Context;
use crate::ops::print::Out;
use crate::ops::resources::Info;
use crate::output::format::Format;
use crate::output::print::{ListPrinter, Printer};
use crate::output::sort;

/// Prints objects as they come: a list is never held, unless it is to be sorted.
pub(super) async fn run(ctx: &Context, settings: &Settings<'_>) -> anyhow::Result<()> {
    let args = settings.args;
    let by_name = matches!(settings.format, Format::Name);
    // Of names alone the metadata is enough; a subresource may be of another kind.
    let metadata =
        by_name && settings.sort_by.is_empty() && settings.filter.is_none() && text(&args.subresource).is_empty();
    let mut printer = args.print.printer(settings.format.clone(), "")?;
    let mut plan =
        settings.builder(ctx).subresource(text(&args.subresource)).page(settings.page()).continue_on_error().flatten();
    if metadata {
        plan = plan.accept(Accept::PartialMetadata, "");
    }
    let plan = plan.plan().await?;
    let single = plan.single_item_implied;
    let mut out = Out(&ctx.streams);
    if single || !settings.sort_by.is_empty() {
        let (infos, result) = plan.infos().await;
        let errors = not_ignored(result, args.ignore_not_found);
        return print_held(ctx, settings, infos, errors, single, &mut printer, &mut out);
    }
    let mut sink = Sink { printer: Some((&mut printer, &mut out)), list: None };
    let mut failure = None;
    let result = plan.visit(|info| {
        if failure.is_none()
            && let Some(object) = settings.keep(info.object.unwrap_or_default())
            && let Err(error) = sink.list().and_then(|list| list.item(object))
        {
            failure = Some(error);
        }
        Ok(())
    });
    let mut errors = not_ignored(result.await, args.ignore_not_found);
    if let Some(error) = failure {
        return Err(error);
    }
    if sink.list.is_none() && args.ignore_not_found {
        return Many::collect(errors);
    }
    sink.list()?;
    if let Some(Err(error)) = sink.list.map(|list| list.end("")) {
        errors.push(error);
    }
    Many::collect(errors)
}

/// A list that is begun with its first item.
struct Sink<'a> {
    printer: Option<(&'a mut Printer, &'a mut Out<'a>)>,
    list: Option<ListPrinter<'a>>,
}

impl<'a> Sink<'a> {
    fn list(&mut self) -> anyhow::Result<&mut ListPrinter<'a>> {
        if let Some((printer, out)) = self.printer.take() {
            self.list = Some(printer.list(out)?);
        }
        self.list.as_mut().ok_or_else(|| anyhow::anyhow!("the list could not be begun"))
    }
}

/// Prints what has been fetched to the end: one object as itself, anything else as a list.
fn print_held(
    ctx: &Context,
    settings: &Settings<'_>,
    infos: Vec<Info>,
    mut errors: Vec<anyhow::Error>,
    single: bool,
    printer: &mut Printer,
    out: &mut Out<'_>,
) -> anyhow::Result<()> {
    if single && !errors.is_empty() {
        return Many::collect(errors);
    }
    if infos.is_empty() && settings.args.ignore_not_found {
        return Many::collect(errors);
    }
    let mut objects: Vec<Object> =
        infos.into_iter().filter_map(|info| settings.keep(info.object.unwrap_or_default())).collect();
    if single && objects.is_empty() {
        return Many::collect(errors);
    }
    let printed = match objects.pop() {
        Some(only) if single && objects.is_empty() => printer.print(only, out),
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
