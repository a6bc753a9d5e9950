//! Watches: what is there, then every change, as a stream of events.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use serde_json::json;

use super::accept::Form;
use super::list::options::{self, Options};
use super::query::Query;
use super::selection::Selection;
use super::table::{Include, Printer, partial};
use super::{Api, BoxError};
use crate::backend::registry::{convert, storage_of};
use crate::backend::store::{Feed, Happened, ListOptions, StoreError};
use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status};

/// How often a client that asked for bookmarks gets one.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long a watch lasts that does not say.
const LONGEST: Duration = Duration::from_secs(3600);

/// What is sent once a webhook has converted what it needs to.
enum Later {
    Event(String, Object),
    Bookmark(bool),
}

/// What a change is to a watch.
#[derive(Clone, Copy)]
enum Kind {
    Added,
    Modified,
    Deleted,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// The object that an event shows: what is gone, at the revision at which it went.
fn object_of(change: &Happened, kind: Kind) -> Result<Option<Object>, StoreError> {
    Ok(match kind {
        Kind::Added | Kind::Modified => change.new_object()?.cloned(),
        Kind::Deleted => change.old_object()?.cloned().map(|mut old| {
            old.set_at(&["metadata", "resourceVersion"], change.revision.to_string());
            old
        }),
    })
}

/// The event of a whole object in its storage version, which all watches share.
fn shared_line(change: &Happened, kind: Kind) -> Result<Bytes, StoreError> {
    change.text(kind as usize, || {
        let gone = match kind {
            Kind::Deleted => object_of(change, kind)?.map(|object| Bytes::from(object.to_string())),
            Kind::Added | Kind::Modified => None,
        };
        let object: &[u8] = gone.as_ref().or(change.new.as_ref()).map_or(b"null", |bytes| bytes);
        Ok([b"{\"type\":\"", kind.name().as_bytes(), b"\",\"object\":", object, b"}\n"].concat().into())
    })
}

/// A watch in progress.
pub(super) struct Watch {
    api: Api,
    resource: &'static Resource,
    storage: &'static Resource,
    namespace: String,
    selection: Selection,
    form: Form,
    include: Include,
    headers_sent: bool,
    bookmarks: bool,
    /// Up to which revision events were sent.
    revision: u64,
    feed: Feed,
    pending: VecDeque<Bytes>,
    /// What comes after that, and what has to be converted first.
    later: VecDeque<Later>,
    ends: tokio::time::Instant,
    next_bookmark: tokio::time::Instant,
    ended: bool,
}

impl Api {
    /// Starts a watch of a resource, in one namespace or (`""`) in all, of one name or (`""`) of all.
    pub(super) fn watch(
        &self,
        resource: &'static Resource,
        (namespace, name): (&str, &str),
        query: &Query,
        form: Form,
    ) -> Result<Watch, Status> {
        let storage = storage_of(resource);
        let options = Options::parse(query, true)?;
        let selection = Selection::parse(storage, query)?.of_name(name);
        let from = options::plain_revision(options.revision)?;
        let initial = options.initial == Some(true);
        let now = tokio::time::Instant::now();
        let mut watch = Watch {
            api: self.clone(),
            resource,
            storage,
            namespace: namespace.to_owned(),
            selection,
            form,
            include: Include::parse(query.get("includeObject"))?,
            headers_sent: false,
            bookmarks: options.bookmarks,
            revision: from,
            feed: self.store().feed(storage.group_resource())?,
            pending: VecDeque::new(),
            later: VecDeque::new(),
            ends: now + options.timeout.map_or(LONGEST, Duration::from_secs).min(LONGEST),
            next_bookmark: now + BOOKMARK_EVERY,
            ended: false,
        };
        if initial && let Err(status) = self.wait_for(from) {
            watch.push("ERROR", status.to_object());
            watch.ended = true;
        } else if initial || (from == 0 && options.initial.is_none()) {
            watch.send_initial()?;
            if initial && options.bookmarks {
                watch.bookmark(true);
            }
        } else if from == 0 {
            watch.revision = self.store().revision()?;
        }
        Ok(watch)
    }
}

impl Watch {
    /// The events as the chunks of a body, a line each.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Bytes, BoxError>> {
        stream::unfold(self, |mut watch| async move {
            let chunk = watch.next().await?;
            Some((Ok(chunk), watch))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            if let Some(later) = self.later.pop_front() {
                self.send_later(later).await;
                continue;
            }
            if self.ended {
                return None;
            }
            tokio::select! {
                () = tokio::time::sleep_until(self.ends) => self.ended = true,
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                    self.next_bookmark += BOOKMARK_EVERY;
                    // What happened before it comes before it.
                    self.go_on();
                    if !self.ended {
                        self.bookmark(false);
                    }
                }
                () = self.feed.changed() => self.go_on(),
            }
        }
    }

    async fn send_later(&mut self, later: Later) {
        let (kind, object) = match later {
            Later::Bookmark(initial_end) => return self.write_bookmark(initial_end),
            Later::Event(kind, object) => (kind, object),
        };
        let Some(way) = convert::between(self.storage, self.resource) else { return self.write(&kind, object) };
        let session = self.api.session.clone();
        let converted = loop {
            match (self.api.convert(way, &object), &session) {
                (Err(_), Some(session)) if session.is_wanted() => session.ask().await,
                (converted, _) => break converted,
            };
        };
        if let Some(session) = session {
            session.forget_conversions();
        }
        match converted {
            Ok(object) => self.write(&kind, object),
            Err(status) => {
                self.push("ERROR", status.to_object());
                self.later.clear();
                self.ended = true;
            }
        }
    }

    fn send_initial(&mut self) -> Result<(), Status> {
        let options = ListOptions {
            namespace: (!self.namespace.is_empty()).then_some(self.namespace.as_str()),
            ..ListOptions::default()
        };
        let page = self.api.store().list(self.storage.group_resource(), &options)?;
        self.revision = page.revision;
        for stored in page.items {
            let object = stored.parse()?;
            if self.selection.matches(&object) {
                self.event("ADDED", object);
            }
        }
        Ok(())
    }

    fn go_on(&mut self) {
        if let Err(status) = self.catch_up() {
            self.push("ERROR", status.to_object());
            self.ended = true;
        }
    }

    /// Turns what happened after the last event into events.
    fn catch_up(&mut self) -> Result<(), Status> {
        let (changes, reached) = self.feed.after(self.revision)?;
        self.revision = reached;
        for change in changes {
            if self.namespace.is_empty() || change.namespace == self.namespace {
                self.change(&change)?;
            }
        }
        Ok(())
    }

    fn change(&mut self, change: &Happened) -> Result<(), Status> {
        let (was, is) = if self.selection.is_everything() {
            (change.old.is_some(), change.new.is_some())
        } else {
            let selected = |object: Option<&Object>| object.is_some_and(|object| self.selection.matches(object));
            (selected(change.old_object()?), selected(change.new_object()?))
        };
        let kind = match (was, is) {
            (false, false) => return Ok(()),
            (false, true) => Kind::Added,
            (true, true) => Kind::Modified,
            (true, false) => Kind::Deleted,
        };
        if self.form == Form::Object && convert::between(self.storage, self.resource).is_none() {
            let text = shared_line(change, kind)?;
            self.pending.push_back(text);
            return Ok(());
        }
        if let Some(object) = object_of(change, kind)? {
            self.event(kind.name(), object);
        }
        Ok(())
    }

    fn event(&mut self, kind: &str, mut object: Object) {
        if let Some(way) = convert::between(self.storage, self.resource) {
            if !self.later.is_empty() || way.webhook_for(&object).is_some() {
                return self.later.push_back(Later::Event(kind.to_owned(), object));
            }
            object = way.apply(&object);
        }
        self.write(kind, object);
    }

    fn write(&mut self, kind: &str, mut object: Object) {
        let object = match self.form {
            Form::Metadata => partial(&mut object),
            Form::Table => self.table(object),
            Form::Object | Form::Discovery => object,
        };
        self.push(kind, object);
    }

    fn table(&mut self, object: Object) -> Object {
        let printer = Printer::new(self.resource, self.include, self.api.clock().now());
        let metadata = json!({"resourceVersion": object.resource_version()});
        let with_columns = !std::mem::replace(&mut self.headers_sent, true);
        printer.table(metadata, vec![printer.row(object)], with_columns)
    }

    fn bookmark(&mut self, initial_end: bool) {
        if self.later.is_empty() {
            self.write_bookmark(initial_end);
        } else {
            self.later.push_back(Later::Bookmark(initial_end));
        }
    }

    fn write_bookmark(&mut self, initial_end: bool) {
        let mut metadata = json!({"resourceVersion": self.revision.to_string()});
        if initial_end {
            metadata.set_at(&["annotations"], json!({"k8s.io/initial-events-end": "true"}));
        }
        let version = self.resource.group_version().to_string();
        let mut object = json!({"kind": self.resource.kind, "apiVersion": version, "metadata": metadata});
        match self.form {
            Form::Table => object = self.table(object),
            Form::Metadata => object = partial(&mut object),
            Form::Object | Form::Discovery => {}
        }
        self.push("BOOKMARK", object);
    }

    fn push(&mut self, kind: &str, object: Object) {
        let mut line = json!({"type": kind, "object": object}).to_string();
        line.push('\n');
        self.pending.push_back(line.into());
    }
}
