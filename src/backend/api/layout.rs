//! Answers in other forms than that in which they are made: JSON with a line for each field for people to read,
//! and YAML.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::response::Parts;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use super::query::Query;
use super::response::{failure, whole};
use super::{Body, accept};
use crate::object::{Object, Status};
use crate::output::yaml;

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

/// Whether an answer is to be YAML: the first form that the client names that there is. What streams does not
/// come in YAML, and neither does what is no API.
pub(super) fn is_yaml(request: &Request<Bytes>) -> bool {
    let path = request.uri().path();
    let is_api = ["/api", "/apis"].contains(&path) || path.starts_with("/api/") || path.starts_with("/apis/");
    is_api && accept::prefers_yaml(request.headers())
}

/// A JSON body as YAML. One that streams stays as it is.
pub(super) async fn to_yaml(response: Response<Body>) -> Response<Body> {
    let (mut parts, bytes) = match whole_json(response).await {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let written = serde_json::from_slice::<Object>(&bytes).ok().and_then(|value| yaml::to_string(&value).ok());
    let Some(text) = written else { return failure(&Status::internal("a body that YAML cannot hold")) };
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/yaml"));
    Response::from_parts(parts, whole(text.into_bytes()))
}

/// The types of tables and metadata in their version of long ago, which differs in its name alone.
pub(super) fn to_beta(response: Response<Body>) -> Response<Body> {
    const NOW: &[u8] = br#""apiVersion":"meta.k8s.io/v1""#;
    const THEN: &[u8] = br#""apiVersion":"meta.k8s.io/v1beta1""#;
    // Inside of texts the quotes have backslashes before them. A frame has whole events.
    response.map(|body| body.map_frame(|frame| frame.map_data(|data| replaced(&data, NOW, THEN))).boxed_unsync())
}

fn replaced(data: &Bytes, what: &[u8], with: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(data.len() + with.len());
    let mut rest: &[u8] = data;
    while let Some(at) = rest.windows(what.len()).position(|window| window == what) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(with);
        rest = after.get(what.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out.into()
}

/// The bytes of a JSON body; any other answer as it is.
async fn whole_json(response: Response<Body>) -> Result<(Parts, Bytes), Box<Response<Body>>> {
    let is_json =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json || response.body().size_hint().exact().is_none() {
        return Err(Box::new(response));
    }
    let (parts, body) = response.into_parts();
    match body.collect().await.map(http_body_util::Collected::to_bytes) {
        Ok(bytes) => Ok((parts, bytes)),
        Err(_) => Err(Box::new(failure(&Status::internal("a body that ended early")))),
    }
}

/// Lays a JSON body out with two spaces a level. One that streams stays as it is.
pub(super) async fn lay_out(response: Response<Body>) -> Response<Body> {
    let (parts, bytes) = match whole_json(response).await {
        Ok(found) => found,
        Err(response) => return *response,
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
