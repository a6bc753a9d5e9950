//! Fetching what a plan names. Independent requests go out together; results keep their order.

use std::collections::VecDeque;
use std::io::Read;

use futures_util::stream::{self, StreamExt};

use super::Info;
use super::document::OtherNamespace;
use super::plan::{Plan, Source};
use crate::client::Client;
use crate::client::discovery::Mapping;
use crate::client::paging::{self, Page, Pages};
use crate::client::request::{Accept, Call, Endpoint, ListParams};
use crate::client::transport::http::download;
use crate::client::typed;
use crate::error::Many;
use crate::object::{GroupVersionResource, Meta, Object, Status};
use crate::ops::manifests::{self, Place};

/// Requests under way at one time.
pub(super) const PARALLEL: usize = 8;

/// One thing to do: fetch an object, begin a list, or look at a document.
pub(super) enum Job {
    Source(Source),
    Document { document: anyhow::Result<Object>, source: String },
}

/// Nothing more is wanted after an error.
#[derive(Debug)]
struct Stop;

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stop {}

/// How the first page of a list is fetched.
#[derive(Clone, Copy)]
pub(super) enum First {
    /// As an object.
    Read,
    /// With its items unread, or not yet, where the list is taken as it comes.
    Unread { at_once: bool },
}

/// What came of it.
pub(super) enum Outcome<'a> {
    Infos(Vec<anyhow::Result<Info>>),
    List { pages: Box<Pages<'a>>, first: anyhow::Result<Option<Object>>, source: Box<Source> },
    Unread { pages: Box<Pages<'a>>, first: Option<anyhow::Result<Option<Page>>>, source: Box<Source> },
}

impl Info {
    /// Fetches the object, or its metadata. Where it is not there because its namespace is not, that is
    /// the error.
    pub async fn fetch(&mut self, client: &Client, accept: Accept, include_object: &'static str) -> anyhow::Result<()> {
        let endpoint = self.endpoint();
        let call = Call::get(&endpoint).accept(accept).text("includeObject", include_object);
        match client.json(call).await.and_then(typed) {
            Ok(object) => {
                self.object = Some(with_type(object, self.mapping.as_ref()));
                Ok(())
            }
            Err(error) => {
                let missing = |error: &anyhow::Error| error.downcast_ref::<Status>().is_some_and(Status::is_not_found);
                if missing(&error) && !matches!(self.namespace.as_str(), "" | "default") {
                    let namespaces = GroupVersionResource::new("", "v1", "namespaces");
                    let namespace = Endpoint::object(&namespaces, "", &self.namespace);
                    if let Err(cause) = client.bytes(Call::get(&namespace)).await
                        && missing(&cause)
                    {
                        return Err(cause);
                    }
                }
                Err(error)
            }
        }
    }
}

impl Plan<'_> {
    /// Hands everything to `take`, in order: objects, lists page by page (their items where lists are
    /// flattened), tables. Fails with the first error, or goes on and fails with all of them in the end.
    pub async fn visit(&self, mut take: impl FnMut(Info) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut errors = Vec::new();
        self.each(|info| self.settle(info.and_then(&mut take), &mut errors)).await?;
        Many::collect(errors)
    }

    /// Everything at once, and in its place what went wrong. Ends with the first error unless the
    /// builder goes on after errors.
    pub async fn results(&self) -> Vec<anyhow::Result<Info>> {
        let mut results = Vec::new();
        let goes_on = self.builder.continue_on_error;
        let stopped = self.each(|info| {
            let stop = info.is_err() && !goes_on;
            results.push(info);
            if stop { Err(Stop.into()) } else { Ok(()) }
        });
        // What stopped it is among the results.
        let _ = stopped.await;
        results
    }

    /// Hands everything to `take`, in order, and ends where that fails.
    async fn each(&self, mut take: impl FnMut(anyhow::Result<Info>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let outcomes = stream::iter(self.jobs()).map(|job| self.run(job, First::Read)).buffered(PARALLEL);
        let mut outcomes = std::pin::pin!(outcomes);
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Outcome::Infos(infos) => infos.into_iter().try_for_each(&mut take)?,
                Outcome::Unread { .. } => {}
                Outcome::List { mut pages, first, source } => {
                    let mut page = first;
                    loop {
                        match page {
                            Ok(None) => break,
                            Ok(Some(list)) => {
                                self.of_page(&source, list).await.into_iter().try_for_each(&mut take)?;
                            }
                            Err(error) => {
                                take(Err(about_source(error, &source)))?;
                                break;
                            }
                        }
                        page = pages.next().await;
                    }
                }
            }
        }
        Ok(())
    }

    /// Everything at once, and what went wrong beside it.
    pub async fn infos(&self) -> (Vec<Info>, anyhow::Result<()>) {
        let mut infos = Vec::new();
        let result = self.visit(|info| {
            infos.push(info);
            Ok(())
        });
        let result = result.await;
        (infos, result)
    }

    /// The errors of a command that went on after them. A single one of reading manifests reaches kubectl
    /// as an aggregate in an aggregate, which is worded without `error: `.
    pub fn outcome(&self, errors: Vec<anyhow::Error>) -> anyhow::Result<()> {
        let manifests = self.sources.iter().any(|source| matches!(source, Source::Manifest(_)));
        match errors.as_slice() {
            [only] if manifests && !only.is::<OtherNamespace>() => Err(Many(vec![Many(errors).into()]).into()),
            _ => Many::collect(errors),
        }
    }

    fn settle(&self, result: anyhow::Result<()>, errors: &mut Vec<anyhow::Error>) -> anyhow::Result<()> {
        match result {
            Ok(()) => Ok(()),
            Err(error) if self.builder.continue_on_error => {
                errors.push(error);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The jobs in order. A manifest is read when its turn comes.
    pub(super) fn jobs(&self) -> impl Iterator<Item = Job> {
        let mut sources = self.sources.iter();
        let mut ready: VecDeque<Job> = VecDeque::new();
        std::iter::from_fn(move || {
            loop {
                if let Some(job) = ready.pop_front() {
                    return Some(job);
                }
                match sources.next()? {
                    Source::Manifest(place @ (Place::Stdin | Place::File(_) | Place::Kustomization(_))) => {
                        ready.extend(self.documents(place, self.read(place)));
                    }
                    source => ready.push_back(Job::Source(source.clone())),
                }
            }
        })
    }

    fn read(&self, place: &Place) -> anyhow::Result<Vec<u8>> {
        match place {
            Place::File(path) => manifests::read_file(path),
            Place::Stdin => {
                let mut text = Vec::new();
                self.builder.ctx.input.take();
                self.builder.ctx.streams.input().read_to_end(&mut text)?;
                Ok(text)
            }
            Place::Kustomization(folder) => {
                let ctx = self.builder.ctx;
                manifests::build(folder, ctx.way_out(), &mut **ctx.streams.err())
            }
            Place::Url(_) => Ok(Vec::new()),
        }
    }

    fn documents(&self, place: &Place, text: anyhow::Result<Vec<u8>>) -> Vec<Job> {
        let source = place.name();
        let documents = match text {
            Ok(text) => manifests::documents(&text, &source),
            Err(error) => vec![Err(error)],
        };
        documents.into_iter().map(|document| Job::Document { document, source: source.clone() }).collect()
    }

    pub(super) async fn run(&self, job: Job, first: First) -> Outcome<'_> {
        match job {
            Job::Document { document, source } => Outcome::Infos(self.of_document(document, &source).await),
            Job::Source(Source::Object(info)) => Outcome::Infos(vec![self.complete(*info).await]),
            Job::Source(Source::Manifest(place)) => {
                let text = match &place {
                    Place::Url(url) => download(url, &self.builder.ctx.way_out()).await,
                    _ => self.read(&place),
                };
                let mut infos = Vec::new();
                for job in self.documents(&place, text) {
                    if let Job::Document { document, source } = job {
                        infos.append(&mut self.of_document(document, &source).await);
                    }
                }
                Outcome::Infos(infos)
            }
            Job::Source(source @ Source::Collection { .. }) => {
                let (Source::Collection { mapping, namespace, labels, fields }, Some(client)) = (&source, self.client)
                else {
                    return Outcome::Infos(vec![Err(anyhow::anyhow!("local operation only"))]);
                };
                let builder = &self.builder;
                let endpoint = Endpoint::collection(&mapping.resource, namespace.clone());
                let params = ListParams {
                    labels: labels.clone(),
                    fields: fields.clone(),
                    limit: builder.page,
                    ..ListParams::default()
                };
                let accept = match builder.accept {
                    Accept::PartialMetadata => Accept::PartialMetadataList,
                    accept => accept,
                };
                let mut pages = Pages::new(client, endpoint, params, accept).include_object(builder.include_object);
                let source = Box::new(source);
                match first {
                    First::Read => {
                        let first = pages.next().await;
                        Outcome::List { pages: Box::new(pages), first, source }
                    }
                    First::Unread { at_once } => {
                        let first = if at_once { None } else { Some(pages.page().await) };
                        Outcome::Unread { pages: Box::new(pages), first, source }
                    }
                }
            }
        }
    }

    /// A page as it is, or its items.
    async fn of_page(&self, source: &Source, page: Object) -> Vec<anyhow::Result<Info>> {
        let Source::Collection { mapping, namespace, .. } = source else { return Vec::new() };
        if !self.builder.flatten || !is_list(&page) {
            let namespace = namespace.clone();
            return vec![Ok(Info { mapping: Some(mapping.clone()), namespace, object: Some(page), ..Info::default() })];
        }
        let mut infos = Vec::new();
        for item in paging::take_items(page) {
            let item = with_type(item, Some(mapping));
            let own = if item.kind() == mapping.kind.kind {
                Ok(mapping.clone())
            } else {
                self.mapping(&item).await.map_err(|error| anyhow::anyhow!("unable to recognize {error}"))
            };
            infos.push(own.map(|mapping| of_object(Some(mapping), item, "")));
        }
        infos
    }

    pub(super) async fn mapping(&self, object: &Object) -> anyhow::Result<Mapping> {
        match self.client {
            Some(client) => {
                let kind = object.gvk();
                let mut mapping = client.mapping(&kind).await?;
                if kind.version.is_empty() {
                    // The address is made of what the manifest says: no server has a resource there.
                    mapping.resource.version.clear();
                }
                Ok(mapping)
            }
            None => anyhow::bail!("local operation only"),
        }
    }

    /// A named object, fetched where objects are required.
    async fn complete(&self, mut info: Info) -> anyhow::Result<Info> {
        if info.name.is_empty() {
            // The address would be that of the whole collection.
            anyhow::bail!("resource name may not be empty");
        }
        if let Some(client) = self.client.filter(|_| self.builder.require_object) {
            info.fetch(client, self.builder.accept, self.builder.include_object).await?;
        }
        Ok(info)
    }
}

pub(super) fn of_object(mapping: Option<Mapping>, object: Object, source: &str) -> Info {
    Info {
        namespace: object.namespace().to_owned(),
        name: object.name().to_owned(),
        mapping,
        object: Some(object),
        source: source.to_owned(),
        subresource: String::new(),
    }
}

/// Metadata that comes alone is given its object's type back.
fn with_type(mut object: Object, mapping: Option<&Mapping>) -> Object {
    if object.kind() == "PartialObjectMetadata"
        && let (Some(mapping), Some(fields)) = (mapping, object.as_object_mut())
    {
        fields.insert("apiVersion".to_owned(), mapping.kind.api_version().into());
        fields.insert("kind".to_owned(), mapping.kind.kind.clone().into());
    }
    object
}

pub(super) fn is_list(object: &Object) -> bool {
    object.get("items").is_some_and(Object::is_array)
}

/// A resource as Go prints it: `apps/v1, Resource=deployments`.
pub(super) fn resource_text(resource: &GroupVersionResource) -> String {
    format!("{}/{}, Resource={}", resource.group, resource.version, resource.resource)
}

/// What was listed, and how it was narrowed, is part of some errors.
pub fn about_list(error: anyhow::Error, resource: &str, labels: &str, fields: &str) -> anyhow::Error {
    match error.downcast::<Status>() {
        Ok(mut status) if matches!(status.reason.as_str(), "BadRequest" | "NotFound") => {
            status.message = if labels.is_empty() && fields.is_empty() {
                format!("Unable to list {resource:?}: {}", status.message)
            } else {
                format!(
                    "Unable to find {resource:?} that match label selector {labels:?}, field selector {fields:?}: {}",
                    status.message
                )
            };
            status.into()
        }
        Ok(status) => status.into(),
        Err(error) => error,
    }
}

pub(super) fn about_source(error: anyhow::Error, source: &Source) -> anyhow::Error {
    match source {
        Source::Collection { mapping, labels, fields, .. } => {
            about_list(error, &resource_text(&mapping.resource), labels, fields)
        }
        _ => error,
    }
}
