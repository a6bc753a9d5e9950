//! Handing lists on item by item, unread, so that neither a list nor a page of it is held as objects.

use futures_util::stream::{self, StreamExt};

use super::fetch::{First, Outcome, PARALLEL, about_source, is_list};
use super::{Info, Plan, Source};
use crate::client::discovery::Mapping;
use crate::client::paging::kind_of_items;
use crate::error::Many;
use crate::object::raw::{Kind, Raw};
use crate::object::{Meta, Object};
use crate::output::table::Table;

/// How many items are handed on before the next page gets a chance to come on.
const GROUP: usize = 32;

/// A part of what a plan names.
pub enum Piece<'a> {
    /// An object, or an answer that is neither a list nor a table.
    Info(Box<Info>),
    /// A page of a table begins: its columns, without rows.
    Columns {
        /// The resource.
        mapping: &'a Mapping,
        /// The page without its rows.
        head: &'a Object,
    },
    /// The JSON of a row of the table that has begun.
    Row(&'a [u8]),
    /// An item of a list.
    Item {
        /// The resource.
        mapping: &'a Mapping,
        /// The item.
        raw: Raw<'a>,
    },
}

/// No more is wanted; the command has kept the reason.
#[derive(Debug)]
pub struct Enough;

impl std::fmt::Display for Enough {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no more is wanted")
    }
}

impl std::error::Error for Enough {}

/// The type of the items of a list; metadata that comes alone is of the type that was asked for.
fn kind<'t>(mapping: &'t Mapping, version: &'t str, head: &'t Object) -> Kind<'t> {
    match head.kind() {
        "PartialObjectMetadataList" => Kind { api_version: version, kind: &mapping.kind.kind, certain: true },
        _ => kind_of_items(head),
    }
}

impl Plan<'_> {
    /// Hands everything to `take`, in order, lists item by item and tables row by row. Goes on after
    /// errors and fails with all of them in the end, unless `take` has [`Enough`].
    ///
    /// # Errors
    /// What the server says, and the errors of `take`.
    pub async fn stream(&self, mut take: impl FnMut(Piece<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut errors: Vec<anyhow::Error> = Vec::new();
        let mut enough = false;
        let mut settle = |result: anyhow::Result<()>| match result {
            Ok(()) => true,
            Err(error) if error.is::<Enough>() => {
                enough = true;
                false
            }
            Err(error) => {
                errors.push(error);
                true
            }
        };
        // A list that is not cut into pages may be long; alone it is taken as it comes.
        let at_once = self.builder.page == 0 && self.sources.len() == 1;
        let outcomes = stream::iter(self.jobs()).map(|job| self.run(job, First::Unread { at_once })).buffered(PARALLEL);
        let mut outcomes = std::pin::pin!(outcomes);
        'all: while let Some(outcome) = outcomes.next().await {
            let (mut pages, first, source) = match outcome {
                Outcome::Infos(infos) => {
                    for info in infos {
                        if !settle(info.and_then(|info| take(Piece::Info(Box::new(info))))) {
                            break 'all;
                        }
                    }
                    continue;
                }
                Outcome::List { .. } => continue,
                Outcome::Unread { pages, first, source } => (pages, first, source),
            };
            let Source::Collection { mapping, namespace, .. } = &*source else { continue };
            let version = mapping.kind.api_version();
            let mut begun = false;
            let begin = |head: &Object, take: &mut dyn FnMut(Piece<'_>) -> anyhow::Result<()>| {
                if Table::is_table(head) {
                    return take(Piece::Columns { mapping, head });
                }
                if is_list(head) {
                    return Ok(());
                }
                take(Piece::Info(Box::new(Info {
                    mapping: Some(mapping.clone()),
                    namespace: namespace.clone(),
                    object: Some(head.clone()),
                    ..Info::default()
                })))
            };
            let element = |head: &Object, text: &[u8], take: &mut dyn FnMut(Piece<'_>) -> anyhow::Result<()>| {
                if Table::is_table(head) {
                    return take(Piece::Row(text));
                }
                take(Piece::Item { mapping, raw: Raw { text, kind: kind(mapping, &version, head) } })
            };
            let Some(first) = first else {
                let whole = pages.each_element(|head, text| {
                    if !std::mem::replace(&mut begun, true) {
                        begin(head, &mut take)?;
                    }
                    element(head, text, &mut take)
                });
                let result = match whole.await {
                    Ok(head) if !begun => begin(&head, &mut take),
                    Ok(_) => Ok(()),
                    Err(error) => Err(about_source(error, &source)),
                };
                if !settle(result) {
                    break;
                }
                continue;
            };
            let mut page = first;
            loop {
                let this = match page {
                    Ok(None) => break,
                    Ok(Some(page)) => page,
                    Err(error) => {
                        settle(Err(about_source(error, &source)));
                        break;
                    }
                };
                if !settle(begin(&this.head, &mut take)) {
                    break 'all;
                }
                for (index, text) in this.elements.iter().enumerate() {
                    if index % GROUP == 0 {
                        pages.meanwhile().await;
                    }
                    if !settle(element(&this.head, text, &mut take)) {
                        break 'all;
                    }
                }
                page = pages.page().await;
            }
        }
        if enough {
            return Err(Enough.into());
        }
        Many::collect(errors)
    }
}
