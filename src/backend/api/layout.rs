//! Answers for people to read: JSON with a line for each field.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use super::Body;
use super::query::Query;
use super::response::{failure, whole};
use crate::object::Status;

/// Programs at a terminal, whose answers are for people to read unless they say otherwise.
const PEOPLES_AGENTS: &[&str] = &["curl", "Wget", "Mozilla/5.0"];

/// Whether an answer is to be laid out for people.
pub(super) fn is_for_people(request: &Request<Bytes>) -> bool {
    match Query::parse(request.uri().query()).as_ref().map(|query| query.get("pretty")) {
        Ok("") | Err(_) => {
            let agent = request.headers().get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
            agent.is_some_and(|agent| PEOPLES_AGENTS.iter().any(|people| agent.starts_with(people)))
        }
        Ok(pretty) => !matches!(pretty, "false" | "0"),
    }
}

/// Lays a JSON body out with two spaces a level. One that streams stays as it is.
pub(super) async fn lay_out(response: Response<Body>) -> Response<Body> {
    let is_json =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json || response.body().size_hint().exact().is_none() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(bytes) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return failure(&Status::internal("a body that ended early"));
    };
    // Numbers, strings and the order of fields stay as they are.
    let laid_out = match serde_json::from_slice::<Box<serde_json::value::RawValue>>(&bytes) {
        Ok(raw) => indent(raw.get()),
        Err(_) => bytes.to_vec(),
    };
    Response::from_parts(parts, whole(laid_out))
}

/// Lays JSON out, token by token.
fn indent(json: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut bytes = json.bytes().peekable();
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', depth * 2));
    };
    while let Some(byte) = bytes.next() {
        if quoted {
            out.push(byte);
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'{' | b'[' => {
                out.push(byte);
                while bytes.next_if(u8::is_ascii_whitespace).is_some() {}
                match bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    Some(end) => out.push(end),
                    None => {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(&mut out, depth);
            }
            b':' => out.extend(b": "),
            _ => {
                quoted = byte == b'"';
                out.push(byte);
            }
        }
    }
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lays_out_what_is_there_and_nothing_else() {
        let text = r#"{"a":[],"b":{ },"c":[1,{"d":"x\\\"{,:}"}],"e":1.50}"#;
        let laid_out = String::from_utf8(indent(text)).expect("text");
        assert_eq!(
            laid_out,
            "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": \"x\\\\\\\"{,:}\"\n    }\n  ],\n  \"e\": 1.50\n}\n"
        );
    }
}
