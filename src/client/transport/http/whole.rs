//! Bodies that must be whole: of HTTP/2, the library takes some resets for an end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http::header::CONTENT_LENGTH;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use super::super::BoxError;
use super::words::explain_body;
use crate::client::error::BodyError;

/// A body whose end is looked at.
pub(super) struct Whole<B> {
    inner: B,
    /// Bytes still to come, as its head says; none where it does not say.
    left: Option<u64>,
    /// Whether an end can be no end.
    doubted: bool,
}

impl Whole<Incoming> {
    /// The body of an answer, and its head.
    pub(super) fn of(response: Response<Incoming>, to_head: bool) -> (http::response::Parts, Self) {
        let (head, inner) = response.into_parts();
        let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let doubted = head.version == http::Version::HTTP_2 && !to_head && !inner.is_end_stream();
        (head, Self { inner, left: length, doubted })
    }
}

impl<B: HttpBody<Data = Bytes, Error = hyper::Error> + Unpin> HttpBody for Whole<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.left = self.left.map(|left| left.saturating_sub(size));
                Some(Ok(frame))
            }
            Some(Err(error)) => Some(Err(explain_body(&error).into())),
            // A stream that is reset without an error has not ended, unless all has come.
            None if std::mem::take(&mut self.doubted)
                && self.left.map_or(!self.inner.is_end_stream(), |left| left > 0) =>
            {
                let message = "stream error: stream ID 1; NO_ERROR; received from peer".to_owned();
                Some(Err(BodyError { message, stream: true }.into()))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        !self.doubted && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
