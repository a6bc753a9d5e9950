//! Answers that must have come in time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::BoxError;
use crate::client::error::BodyError;

/// A body that must have come before its time is over.
pub(super) struct Limited<B> {
    inner: B,
    limit: Pin<Box<Sleep>>,
}

impl<B> Limited<B> {
    pub(super) fn new(inner: B, deadline: Instant) -> Self {
        Self { inner, limit: Box::pin(tokio::time::sleep_until(deadline)) }
    }
}

impl<B: HttpBody<Data = Bytes, Error = BoxError> + Unpin> HttpBody for Limited<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.limit.as_mut().poll(cx).is_ready() {
            let message = "net/http: request canceled (Client.Timeout or context cancellation while reading body)";
            return Poll::Ready(Some(Err(BodyError { message: message.to_owned(), stream: false }.into())));
        }
        Poll::Ready(ready!(Pin::new(&mut self.inner).poll_frame(cx)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
