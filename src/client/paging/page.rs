//! Pages whose items are not read yet.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use http_body_util::BodyExt;

use super::Pages;
use super::split::Splitter;
use crate::client::request::Call;
use crate::client::transport::Body;
use crate::client::{Client, parse, typed, whole};
use crate::object::raw::{Kind, Texts};
use crate::object::{Meta, Object, Status};

/// Bytes of items after which an answer is handed on before its end: servers need not keep to the number
/// of items that was asked for.
const PART: usize = 8 * 1024 * 1024;

/// One answer to a request for a list or a table, or a part of one that is long.
#[derive(Debug, Default)]
pub struct Page {
    /// The answer without its items (or rows), which are an empty list in it.
    pub head: Object,
    /// The JSON of each item, or of each row of a table.
    pub elements: Texts,
}

/// The type of the items of a list, by the list's.
pub fn kind_of_items(head: &Object) -> Kind<'_> {
    match head.kind().strip_suffix("List").filter(|kind| !kind.is_empty()) {
        Some(kind) => Kind { api_version: head.api_version(), kind, certain: false },
        None => Kind::default(),
    }
}

/// A page that is on its way while another is being printed.
pub(super) enum Ahead<'a> {
    Coming(Pin<Box<dyn Future<Output = anyhow::Result<Part>> + 'a>>),
    Here(anyhow::Result<Part>),
}

/// What came of an answer so far, and the rest of it.
pub(super) struct Part {
    page: Page,
    rest: Option<Open>,
}

/// An answer that was read in part.
pub(super) struct Open {
    body: Body,
    splitter: Splitter,
}

impl Pages<'_> {
    /// The next page with its items unread; none after the last. An answer that is long comes in several.
    ///
    /// # Errors
    /// What the server says, and answers that break off.
    pub async fn page(&mut self) -> anyhow::Result<Option<Page>> {
        let Part { page, rest } = match (self.open.take(), self.ahead.take()) {
            (Some(open), _) => open.read_on().await?,
            (None, _) if self.done => return Ok(None),
            (None, None) => fetch(self.client, self.call()).await?,
            (None, Some(ahead)) => {
                let part = match ahead {
                    Ahead::Coming(part) => part.await,
                    Ahead::Here(part) => part,
                };
                match part {
                    // It may have waited longer than the server would hold it, for one behind a pager.
                    Err(error) if !error.is::<Status>() => fetch(self.client, self.call()).await?,
                    part => part?,
                }
            }
        };
        self.open = rest;
        if self.open.is_none() {
            page.head.str_at(&["metadata", "continue"]).clone_into(&mut self.params.continue_token);
            self.done = self.params.continue_token.is_empty();
        }
        Ok(Some(page))
    }

    /// Asks for the next page, unless that is done, and lets it come on as far as it can without
    /// waiting. To be called from time to time while a page is being dealt with.
    pub async fn meanwhile(&mut self) {
        if self.ahead.is_none() && self.open.is_none() && !self.done {
            self.ahead = Some(Ahead::Coming(Box::pin(fetch(self.client, self.call()))));
        }
        let Some(Ahead::Coming(page)) = &mut self.ahead else { return };
        let come = poll_fn(|context| Poll::Ready(page.as_mut().poll(context))).await;
        if let Poll::Ready(page) = come {
            self.ahead = Some(Ahead::Here(page));
            return;
        }
        // The connection is looked after by a task of its own.
        tokio::task::yield_now().await;
    }

    /// Hands the items of the whole list on as they come, each with the answer's head, and returns the
    /// head in the end. For lists that come in one piece, however long.
    ///
    /// # Errors
    /// What the server says, answers that break off, and the errors of `take`.
    pub async fn each_element(
        &mut self,
        mut take: impl FnMut(&Object, &[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Object> {
        loop {
            let mut head: Option<Object> = None;
            // Items that came before the fields that tell what they are.
            let mut early = Texts::default();
            let around = receive(self.client, self.call(), |splitter, element| {
                if head.is_none() && early.is_empty() {
                    head = parse(&splitter.around()).ok().filter(|head| !head.kind().is_empty());
                }
                match &head {
                    Some(head) => take(head, element),
                    None => {
                        early.push(element);
                        Ok(())
                    }
                }
            });
            let whole = head_of(&around.await?)?;
            early.iter().try_for_each(|element| take(&whole, element))?;
            whole.str_at(&["metadata", "continue"]).clone_into(&mut self.params.continue_token);
            if self.params.continue_token.is_empty() {
                self.done = true;
                return Ok(whole);
            }
        }
    }
}

async fn fetch(client: &Client, call: Call) -> anyhow::Result<Part> {
    let body = client.send(call).await?.into_body();
    Open { body, splitter: Splitter::default() }.read_on().await
}

impl Open {
    /// Reads up to the end, or until there is enough.
    async fn read_on(mut self) -> anyhow::Result<Part> {
        let mut elements = Texts::default();
        while let Some(frame) = self.body.frame().await {
            let Ok(piece) = frame.map_err(whole)?.into_data() else { continue };
            self.splitter.feed(&piece, |_, element| {
                elements.push(element);
                Ok::<_, anyhow::Error>(())
            })?;
            if elements.bytes() < PART {
                continue;
            }
            // Without its type, which may come last, nothing can be said of its items.
            if let Some(head) = parse(&self.splitter.around()).ok().filter(|head| !head.kind().is_empty()) {
                return Ok(Part { page: Page { head, elements }, rest: Some(self) });
            }
        }
        let head = head_of(&self.splitter.finish())?;
        Ok(Part { page: Page { head, elements }, rest: None })
    }
}

/// Reads what is around the items. Lists of metadata may have no items rather than an empty list of them.
fn head_of(around: &[u8]) -> anyhow::Result<Object> {
    let mut head = parse(around).and_then(typed)?;
    if let Some(items @ Object::Null) = head.get_mut("items") {
        *items = Object::Array(Vec::new());
    }
    Ok(head)
}

/// Sends a request and takes the answer apart as it comes; what is returned is all but the elements.
async fn receive(
    client: &Client,
    call: Call,
    mut take: impl FnMut(&Splitter, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<u8>> {
    let mut body = client.send(call).await?.into_body();
    let mut splitter = Splitter::default();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.map_err(whole)?.into_data() {
            splitter.feed(&piece, &mut take)?;
        }
    }
    Ok(splitter.finish())
}
