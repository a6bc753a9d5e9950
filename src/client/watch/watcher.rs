//! A watch over as many connections as it takes.

use std::time::Duration;

use super::event::{Event, Undecodable};
use super::stream::Stream;
use crate::client::error::{UNEXPECTED_END, is_end, is_timeout};
use crate::client::log::Value;
use crate::client::request::{Accept, Call, Endpoint, WatchParams};
use crate::client::{BodyError, Client, ConnectionError};
use crate::object::{Meta, Status};

/// A watch of a collection that goes on where a connection ends.
pub struct Watcher<'a> {
    client: &'a Client,
    endpoint: Endpoint,
    params: WatchParams,
    accept: Accept,
    include_object: &'static str,
    stream: Option<Stream>,
    /// Whether this connection has said anything.
    heard: bool,
}

/// How long to wait after a connection that ended without a word.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

impl<'a> Watcher<'a> {
    /// A watch; nothing is asked yet.
    pub fn new(client: &'a Client, endpoint: Endpoint, params: WatchParams) -> Self {
        Self { client, endpoint, params, accept: Accept::Json, include_object: "", stream: None, heard: false }
    }

    /// Asks for another form of objects: tables, metadata.
    #[must_use]
    pub fn accept(mut self, accept: Accept) -> Self {
        self.accept = accept;
        self
    }

    /// Of tables: what comes with each row, `None`, `Metadata` (the server's default) or `Object`.
    #[must_use]
    pub fn include_object(mut self, what: &'static str) -> Self {
        self.include_object = what;
        self
    }

    /// The resource version up to which everything is seen.
    pub fn resource_version(&self) -> &str {
        &self.params.resource_version
    }

    /// Begins the watch, so that errors show before anything is waited for.
    pub async fn connect(&mut self) -> anyhow::Result<()> {
        if self.stream.is_none() {
            let call = Call::watch(&self.endpoint, &self.params).accept(self.accept);
            let response = self.client.open_watch(call.text("includeObject", self.include_object)).await?;
            self.stream = Some(response.map_or_else(Stream::empty, |response| Stream::new(response.into_body())));
            self.heard = false;
        }
        Ok(())
    }

    /// The next event of this connection; none where it ends. The next call begins another, after the
    /// last resource version seen.
    pub async fn next_of_connection(&mut self) -> anyhow::Result<Option<Event>> {
        self.connect().await?;
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let event = match stream.next().await {
            Err(error) => self.end(error).map(|()| None),
            event => event,
        };
        match &event {
            Ok(Some(event)) => {
                self.heard = true;
                self.note(event);
            }
            Ok(None) | Err(_) => self.stream = None,
        }
        event
    }

    /// The next event, over as many connections as it takes. A watch from a resource version that the
    /// server no longer has ends with the [`Status`] `Expired` or `Gone`: list again.
    pub async fn next(&mut self) -> anyhow::Result<Event> {
        loop {
            let resumable = !matches!(self.params.resource_version.as_str(), "" | "0");
            self.heard &= self.stream.is_some();
            match self.next_of_connection().await {
                Ok(Some(Event::Error(status))) => return Err(status.into()),
                Ok(Some(event)) => return Ok(event),
                Ok(None) if resumable => {}
                Err(error) if resumable && error.downcast_ref::<Status>().is_none() => {}
                Ok(None) => anyhow::bail!("watch closed before anything was seen"),
                Err(error) => return Err(error),
            }
            if !self.heard {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// What becomes of an error of a stream: for client-go a connection that breaks, or that took its time, has ended.
    fn end(&self, error: anyhow::Error) -> anyhow::Result<()> {
        let message = match (error.downcast_ref::<BodyError>(), error.downcast_ref::<ConnectionError>()) {
            (Some(broken), _) => &broken.message,
            (None, Some(broken)) => &broken.message,
            (None, None) => return Err(error),
        };
        let (level, place, words) = if message == UNEXPECTED_END {
            (1, "streamwatcher.go:120", "Unexpected EOF during watch stream event decoding")
        } else if is_end(message) || is_timeout(message) {
            (5, "streamwatcher.go:123", "Unable to decode an event from the watch stream")
        } else {
            return Err(Undecodable(message.clone()).into());
        };
        if let Some(log) = self.client.log.as_ref().filter(|log| log.level("streamwatcher") >= level) {
            log.say(place, words, &[("err", Value::Text(message))]);
        }
        Ok(())
    }

    /// Tables carry the version in their own metadata, objects in theirs.
    fn note(&mut self, event: &Event) {
        if let Some(version) = event.object().map(Meta::resource_version).filter(|version| !version.is_empty()) {
            version.clone_into(&mut self.params.resource_version);
        }
    }
}
