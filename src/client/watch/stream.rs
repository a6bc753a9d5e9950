//! The events of one connection.

use http_body_util::{BodyExt, Empty};

use super::event::{Event, Undecodable};
use super::splitter::Splitter;
use crate::client::transport::Body;
use crate::client::{BodyError, from_box};
use crate::object::yaml;

/// The events of one connection.
pub struct Stream {
    body: Body,
    splitter: Splitter,
}

impl Stream {
    /// Events of a body that is a watch.
    pub fn new(body: Body) -> Self {
        Self { body, splitter: Splitter::default() }
    }

    /// A watch in which nothing happens.
    pub(super) fn empty() -> Self {
        Self::new(Empty::new().map_err(|never| match never {}).boxed_unsync())
    }

    /// The next event; none where the server ends the watch. Fails with [`BodyError`] where it ends in the midst of
    /// an event, and with [`Undecodable`] for what is no event.
    pub async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            if let Some(text) = self.splitter.next_object() {
                return Ok(Some(Event::read(&text)?));
            }
            let Some(frame) = self.body.frame().await else {
                let rest = self.splitter.rest();
                return match yaml::json_mistake(rest) {
                    Some(mistake) if mistake != "unexpected end of JSON input" => Err(Undecodable(mistake).into()),
                    _ if rest.is_empty() => Ok(None),
                    _ => Err(BodyError::unexpected_end().into()),
                };
            };
            if let Ok(chunk) = frame.map_err(from_box)?.into_data() {
                self.splitter.push(&chunk);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::client::request::Call;
    use crate::client::transport::recorded::Recorded;
    use http::Method;
    use serde_json::json;
    use std::sync::Arc;

    #[tokio::test]
    async fn what_is_no_event_is_an_error_and_half_of_one_the_end() {
        for (text, want) in [
            (r#"{"type": "ADDED", "#, Err("unexpected EOF")),
            ("", Ok(false)),
            (r#"{"type": "ADDED", "object": {"kind": "Pod"}}"#, Ok(true)),
            ("what", Err("invalid character 'w' looking for beginning of value")),
            (r#"{"type": }"#, Err("invalid character '}' looking for beginning of value")),
            (r#"{"type": "NEW", "object": {}}"#, Err("got invalid watch event type: NEW")),
            (
                r#"{"type": "ADDED", "object": {"a":  1}}"#,
                Err("unable to decode watch event: Object 'Kind' is missing in '{\"a\":  1}'"),
            ),
        ] {
            let recorded = Recorded::parse(&json!([{"uri": "/x", "response": text}]).to_string()).expect("a recording");
            let client = Client::new(Arc::new(recorded), "test", Box::new(|_| {}));
            let body = client.send(Call::new(Method::GET, "/x")).await.expect("an answer").into_body();
            let said = match Stream::new(body).next().await {
                Ok(event) => Ok(event.is_some()),
                Err(error) => {
                    let Some(undecodable) = error.downcast_ref::<Undecodable>() else {
                        let broken = error.downcast_ref::<BodyError>().expect("an end");
                        assert_eq!(Err(broken.message.as_str()), want, "{text}");
                        continue;
                    };
                    assert_eq!(
                        (undecodable.status().code, undecodable.status().reason.as_str()),
                        (500, "InternalError")
                    );
                    Err(undecodable.0.clone())
                }
            };
            assert_eq!(said, want.map_err(str::to_owned), "{text}");
        }
    }
}
