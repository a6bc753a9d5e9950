//! Events as they are on the wire.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::error::{MADE_UP, generic_status};
use crate::object::status::{StatusCause, StatusDetails};
use crate::object::{Meta, Object, Status, yaml};

/// One change that a server reports.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The object is new, or was there when the watch began.
    Added(Object),
    /// The object has changed.
    Modified(Object),
    /// The object is gone; this is its last state.
    Deleted(Object),
    /// Nothing happened up to this resource version.
    Bookmark(Object),
    /// The watch cannot go on.
    Error(Status),
}

impl Event {
    /// The object that an event is about.
    pub fn object(&self) -> Option<&Object> {
        match self {
            Self::Added(object) | Self::Modified(object) | Self::Deleted(object) | Self::Bookmark(object) => {
                Some(object)
            }
            Self::Error(_) => None,
        }
    }

    /// The type as it is on the wire: `ADDED`, …
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Added(_) => "ADDED",
            Self::Modified(_) => "MODIFIED",
            Self::Deleted(_) => "DELETED",
            Self::Bookmark(_) => "BOOKMARK",
            Self::Error(_) => "ERROR",
        }
    }

    pub(super) fn read(text: &[u8]) -> Result<Self, Undecodable> {
        let mut event: Object = serde_json::from_slice(text)
            .map_err(|error| Undecodable(yaml::json_mistake(text).unwrap_or_else(|| error.to_string())))?;
        let object = event.get_mut("object").map(Object::take).unwrap_or_default();
        let make = match event.str_at(&["type"]) {
            "ADDED" => Self::Added,
            "MODIFIED" => Self::Modified,
            "DELETED" => Self::Deleted,
            "BOOKMARK" => Self::Bookmark,
            "ERROR" => |object: Object| {
                let status = Status::from_object(&object);
                Self::Error(status.unwrap_or_else(|| Status::internal(format!("watch error: {object}"))))
            },
            other => return Err(Undecodable(format!("got invalid watch event type: {other}"))),
        };
        if object.kind().is_empty() {
            let sent = serde_json::from_slice::<Sent<'_>>(text).ok();
            let sent = sent.and_then(|sent| sent.object).map_or("", RawValue::get);
            return Err(Undecodable(format!("unable to decode watch event: Object 'Kind' is missing in '{sent}'")));
        }
        Ok(make(object))
    }
}

/// The object of an event as it was sent.
#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow)]
    object: Option<&'a RawValue>,
}

/// What a server sent that is no event.
#[derive(Debug)]
pub struct Undecodable(pub(super) String);

impl Undecodable {
    /// The event that stands in its place, as client-go makes it up.
    pub fn status(&self) -> Status {
        let text = self.to_string();
        let cause =
            |reason: &str| StatusCause { reason: reason.to_owned(), message: text.clone(), field: String::new() };
        let mut status = generic_status(&Method::GET, None, StatusCode::INTERNAL_SERVER_ERROR, Some(&text), None);
        let causes = vec![cause(MADE_UP), cause("ClientWatchDecoding")];
        status.details = Some(Box::new(StatusDetails { causes, ..StatusDetails::default() }));
        status
    }
}

impl std::fmt::Display for Undecodable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unable to decode an event from the watch stream: {}", self.0)
    }
}

impl std::error::Error for Undecodable {}
