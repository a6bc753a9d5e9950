//! SPDY/3.1 framing, as port forwarding speaks it: frames to bytes and back, without any I/O.
//!
//! It stands here because both ends need it, the client and the bundled cluster, and neither may know
//! the other. Only what Kubernetes uses is read: streams that are opened, answered, written to, ended
//! and reset, and pings. There is no flow control: the peers of this protocol ignore it.

mod frame;
mod headers;

pub use frame::{Decoder, Encoder, Frame, HEAD, data_frame};
pub use headers::Headers;

/// The subprotocol of a websocket in which these frames flow.
pub const PORT_FORWARD: &str = "SPDY/3.1+portforward.k8s.io";
/// The header that tells what a stream is for: [`DATA`] or [`ERROR`].
pub const STREAM_TYPE: &str = "streamtype";
/// The header that names the port of the pod.
pub const PORT: &str = "port";
/// The header that joins the two streams of one connection.
pub const REQUEST_ID: &str = "requestid";
/// A stream that carries a connection.
pub const DATA: &str = "data";
/// A stream that tells why a connection failed.
pub const ERROR: &str = "error";
/// The status of a reset by whoever does not want a stream any more.
pub const CANCEL: u32 = 5;
/// The status of a reset of a stream that is not known.
pub const INVALID_STREAM: u32 = 2;

/// What is wrong with what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "malformed SPDY frame: {}", self.0)
    }
}

impl std::error::Error for Malformed {}
