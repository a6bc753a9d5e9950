//! Lists: of now or as of a revision, whole or page by page.

pub mod options;
mod token;
mod writer;

use serde_json::json;

use self::options::{Match, Options};
use self::token::Token;
pub(super) use self::writer::Writer;
use super::Api;
use super::accept::Form;
use super::query::Query;
use super::selection::Selection;
use crate::backend::registry::{convert, custom, storage_of};
use crate::backend::store::{ListOptions, Page, StoreError};
use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status};

/// Which objects a list is about.
pub(super) struct Extent<'a> {
    /// In the storage version.
    pub storage: &'static Resource,
    /// Empty for all.
    pub namespace: &'a str,
    pub selection: &'a Selection,
    pub options: &'a Options<'a>,
    /// Whether the visitor wants objects rather than bytes.
    pub parse: bool,
}

/// One object of a list.
pub(super) struct Item<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub bytes: &'a [u8],
    /// Where that was wanted, or a selection needed it.
    pub parsed: Option<Object>,
}

/// From which moment a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Now,
    /// As of this revision.
    At(u64),
}

impl Api {
    /// The body of a list of a resource, in one namespace or (`""`) in all.
    pub(super) fn list_body(
        &self,
        resource: &'static Resource,
        namespace: &str,
        query: &Query,
        form: Form,
    ) -> Result<Vec<u8>, Status> {
        let storage = storage_of(resource);
        let options = Options::parse(query, false)?;
        let selection = Selection::parse(storage, query)?;
        let mut writer = Writer::new(resource, form, query, self)?;
        let convert = convert::between(storage, resource);
        let parse = writer.parses() || convert.is_some();
        let mut unconverted = None;
        let extent = Extent { storage, namespace, selection: &selection, options: &options, parse };
        let metadata = self.walk(&extent, |item| {
            match (item.parsed, convert) {
                (None, _) => writer.raw(item.bytes),
                (Some(object), None) => writer.object(object),
                (Some(object), Some(way)) => match self.convert(way, &object) {
                    Ok(object) => writer.object(object),
                    // The others are to be converted with it.
                    Err(status) => unconverted = unconverted.take().or(Some(status)),
                },
            }
        })?;
        match unconverted {
            Some(status) => Err(status),
            None => Ok(writer.finish(metadata)),
        }
    }

    /// Hands the objects of a list to `visit`, in order, and returns the list's metadata.
    ///
    /// # Errors
    /// 400 for revisions and tokens that are none, 410 for those whose time is over, 504 for those that are
    /// still to come.
    pub(super) fn walk(&self, extent: &Extent<'_>, mut visit: impl FnMut(Item<'_>)) -> Result<Object, Status> {
        let Extent { storage, namespace, selection, options, .. } = *extent;
        let (moment, token) = self.moment(extent)?;
        // What is asked of the cache comes whole.
        let limit = if options.revision == "0" { 0 } else { options.limit };
        // A selected name of a known namespace is right there.
        let (one, placed) = (selection.name(), !namespace.is_empty() || !storage.namespaced);
        if let (Some(name), true, None, Moment::Now) = (one, placed, &token, moment) {
            return self.walk_one(extent, name, visit);
        }
        let everything = selection.is_everything();
        let parse = extent.parse || !everything;
        let range = ListOptions {
            namespace: (!namespace.is_empty()).then_some(namespace),
            after: token.as_ref().map(|token| (token.namespace.as_str(), token.name.as_str())),
            limit: if everything { limit } else { 0 },
        };
        let (mut found, mut more) = (0_u64, 0_u64);
        let mut last = None;
        let mut failed = None;
        let mut each = |namespace: &str, name: &str, bytes: &[u8]| {
            let full = limit != 0 && found == limit;
            if full && more > 0 {
                return;
            }
            let mut parsed = None;
            if parse {
                match serde_json::from_slice::<Object>(bytes) {
                    Ok(object) if selection.matches(&object) => parsed = Some(object),
                    Ok(_) => return,
                    Err(error) => return failed = Some(error),
                }
            }
            if full {
                return more += 1;
            }
            found += 1;
            if found == limit {
                last = Some((namespace.to_owned(), name.to_owned()));
            }
            visit(Item { namespace, name, bytes, parsed });
        };
        let page = match moment {
            Moment::Now => self
                .store()
                .scan(storage.group_resource(), &range, |namespace, name, _, bytes| each(namespace, name, bytes))?,
            Moment::At(revision) => {
                let page = self.store().list_at(storage.group_resource(), &range, revision);
                let page = page.map_err(|error| too_old(error, token.as_ref(), namespace))?;
                page.items.iter().for_each(|stored| each(&stored.namespace, &stored.name, &stored.bytes));
                Page { items: Vec::new(), ..page }
            }
        };
        if let Some(error) = failed {
            return Err(Status::internal(error.to_string()));
        }
        let remaining = page.remaining.max(more);
        let revision = page.revision;
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if let (true, Some((last_namespace, name))) = (remaining > 0, last) {
            let token = Token { revision: Some(revision), namespace: last_namespace, name };
            metadata.set_at(&["continue"], token.encode(namespace));
            if everything {
                metadata.set_at(&["remainingItemCount"], remaining);
            }
        }
        Ok(metadata)
    }

    fn walk_one(&self, extent: &Extent<'_>, name: &str, mut visit: impl FnMut(Item<'_>)) -> Result<Object, Status> {
        let revision = self.store().revision()?;
        let namespace = extent.namespace;
        if let Some(stored) = self.store().get(extent.storage.group_resource(), namespace, name)? {
            let object = stored.parse()?;
            if extent.selection.matches(&object) {
                visit(Item { namespace, name, bytes: &stored.bytes, parsed: Some(object) });
            }
        }
        Ok(json!({"resourceVersion": revision.to_string()}))
    }

    /// From when a list is to be, and where it goes on.
    fn moment(&self, extent: &Extent<'_>) -> Result<(Moment, Option<Token>), Status> {
        let options = extent.options;
        if !options.resume.is_empty() {
            let token = Token::parse(options.resume, extent.storage, extent.namespace)?;
            if !matches!(options.revision, "" | "0") {
                return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
            }
            let moment = match token.revision {
                Some(revision) => {
                    self.wait_for(revision)?;
                    Moment::At(revision)
                }
                None => Moment::Now,
            };
            return Ok((moment, Some(token)));
        }
        let wanted = options::revision(options.revision)
            .map_err(|why| Status::bad_request(format!("invalid resource version: {why}")))?;
        self.wait_for(wanted)?;
        Ok(match options.matching {
            Match::Exact => (Moment::At(wanted), None),
            Match::Unset if options.limit > 0 && wanted > 0 => (Moment::At(wanted), None),
            _ => (Moment::Now, None),
        })
    }

    /// Refuses a revision that is still to come.
    pub(super) fn wait_for(&self, wanted: u64) -> Result<(), Status> {
        if wanted > 0 {
            let current = self.store().revision()?;
            if wanted > current {
                return Err(StoreError::Future { requested: wanted, current }.into());
            }
        }
        Ok(())
    }
}

/// What a list says that is of too long ago: one that goes on may do so with what is there now.
fn too_old(error: StoreError, token: Option<&Token>, namespace: &str) -> Status {
    match (&error, token) {
        (StoreError::Compacted { .. }, Some(token)) => {
            let mut status = Status::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
            );
            status.resume = Token { revision: None, ..token.clone() }.encode(namespace);
            status
        }
        (StoreError::Compacted { .. }, None) => {
            Status::expired("The resourceVersion for the provided list is too old.")
        }
        _ => error.into(),
    }
}

/// The kind of a resource's lists.
pub(super) fn list_kind(resource: &Resource) -> String {
    match custom::of(resource) {
        Some(custom) if !custom.list_kind.is_empty() => custom.list_kind.clone(),
        _ => format!("{}List", resource.kind),
    }
}
