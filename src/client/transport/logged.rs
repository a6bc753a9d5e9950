//! A transport that logs what goes through it, as client-go's `round_trippers.go` does.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Method, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use std::sync::Arc;

use super::{Body, BoxError, BoxFuture, Transport, Upgrade};
use crate::client::config::Impersonation;
use crate::client::log::{self, Log, Value};

/// The level from which requests are logged.
pub const REQUESTS: u8 = 6;

/// Headers whose values are nobody's concern.
const SECRET: [&str; 6] =
    ["proxy-authorization", "cookie", "set-cookie", "x-auth-token", "x-amz-security-token", "sec-websocket-protocol"];
/// Resources and subresources whose bodies are nobody's concern.
const SECRET_PARTS: [&str; 3] = ["secrets", "token", "tokenreviews"];
/// What stands for them.
const MASKED: &str = "<masked>";

/// Logs what goes through another transport.
pub struct Logged {
    inner: Arc<dyn Transport>,
    log: Log,
    /// The server's URL, without what is secret in it.
    base: String,
    /// `Bearer` or `Basic`, where the transport adds such credentials.
    scheme: Option<&'static str>,
    impersonate: Impersonation,
}

impl Logged {
    /// Logs what goes to `base` (a URL). The transport adds credentials of this scheme, and headers to act
    /// as somebody else.
    pub fn new(
        inner: Arc<dyn Transport>,
        log: Log,
        base: &str,
        scheme: Option<&'static str>,
        impersonate: Impersonation,
    ) -> Self {
        // A name and a password may stand before the host.
        let base = match base.split_once("://") {
            Some((kind, rest)) => {
                let end = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(end);
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                format!("{kind}://{host}{path}")
            }
            None => base.to_owned(),
        };
        Self { inner, log, base, scheme, impersonate }
    }

    fn begin(&self, request: &Request<Bytes>) -> Exchange {
        let level = self.log.level("round_trippers");
        let url = format!("{}{}", self.base, request.uri());
        let bodies = self.log.level("request");
        let secret = is_secret(request.uri().path());
        if bodies >= 8 {
            let body = request.body();
            let text = if secret && !body.is_empty() {
                MASKED.to_owned()
            } else {
                log::body_text(body.get(..log::limit(bodies).min(body.len())).unwrap_or_default(), body.len(), bodies)
            };
            self.log.say("request.go:1300", "Request Body", &[("body", Value::Text(&text))]);
        }
        let mut headers = request.headers().clone();
        let _ = self.impersonate.put(&mut headers);
        let mut shown = shown(&headers);
        if let Some(scheme) = self.scheme.filter(|_| !headers.contains_key("authorization")) {
            shown.push(("Authorization".to_owned(), format!("{scheme} {MASKED}")));
            shown.sort();
        }
        let verb = request.method().as_str();
        match level {
            7 | 8 => {
                let headers = lines(&shown);
                self.log.say(
                    "round_trippers.go:527",
                    "Request",
                    &[("verb", Value::Text(verb)), ("url", Value::Text(&url)), ("headers", Value::Text(&headers))],
                );
            }
            9.. => {
                let headers: String =
                    shown.iter().map(|(name, value)| format!(" -H {:?}", format!("{name}: {value}"))).collect();
                let command = format!("curl -v -X{verb} {headers} '{url}'\n");
                self.log.say("round_trippers.go:527", "Request", &[("curlCommand", Value::Text(&command))]);
            }
            _ => {}
        }
        let watch = request.uri().query().is_some_and(|query| query.split('&').any(|part| part == "watch=true"));
        let follow = request.uri().query().is_some_and(|query| query.split('&').any(|part| part == "follow=true"));
        Exchange {
            verb: request.method().clone(),
            url,
            level,
            // What never ends is never shown.
            bodies: if watch || follow { 0 } else { bodies },
            secret,
            start: Instant::now(),
        }
    }

    /// Logs the head of an answer, or that there is none.
    fn end(&self, exchange: &Exchange, head: Option<(http::StatusCode, &HeaderMap)>) {
        let Exchange { verb, url, level, start, .. } = exchange;
        if *level < REQUESTS {
            return;
        }
        let status = head.map_or(String::new(), |(status, _)| {
            format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default())
        });
        let headers = head.map_or(String::new(), |(_, headers)| lines(&shown(headers)));
        let mut values = Vec::new();
        if matches!(level, 6 | 9..) {
            values.extend([("verb", Value::Text(verb.as_str())), ("url", Value::Text(url))]);
        }
        values.push(("status", Value::Text(status.trim_end())));
        if *level >= 8 {
            values.push(("headers", Value::Text(&headers)));
        }
        values.push(("milliseconds", Value::Number(start.elapsed().as_millis())));
        self.log.say("round_trippers.go:632", "Response", &values);
    }

    fn tapped(&self, exchange: &Exchange, response: Response<Body>) -> Response<Body> {
        if exchange.bodies < 8 {
            return response;
        }
        let (log, level, secret) = (self.log.clone(), exchange.bodies, exchange.secret);
        response
            .map(|inner| Tapped { inner, log, level, secret, kept: Vec::new(), total: 0, said: false }.boxed_unsync())
    }
}

/// A request on its way.
struct Exchange {
    verb: Method,
    url: String,
    level: u8,
    bodies: u8,
    secret: bool,
    start: Instant,
}

/// Whether what is sent to a path, and what comes back, is secret.
fn is_secret(path: &str) -> bool {
    path.split('/').any(|part| SECRET_PARTS.contains(&part))
}

/// Headers in order of their names as Go writes them, secret values masked.
fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut all: Vec<_> = headers
        .iter()
        .map(|(name, value)| (canonical(name.as_str()), masked(name.as_str(), value.as_bytes())))
        .collect();
    all.sort();
    all
}

fn masked(name: &str, value: &[u8]) -> String {
    let value = String::from_utf8_lossy(value);
    if SECRET.contains(&name) {
        // A subprotocol may carry a token; the others are known by name.
        let token = name != "sec-websocket-protocol" || value.contains("base64url.bearer");
        return if token { MASKED.to_owned() } else { value.into_owned() };
    }
    if name != "authorization" || value.is_empty() {
        return value.into_owned();
    }
    let scheme = value.split(' ').next().unwrap_or_default();
    if !["bearer", "basic", "negotiate"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return MASKED.to_owned();
    }
    if value.len() > scheme.len() + 1 { format!("{scheme} {MASKED}") } else { scheme.to_owned() }
}

/// `content-type` as `Content-Type`.
fn canonical(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}

fn lines(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

impl Transport for Logged {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        Box::pin(async move {
            let exchange = self.begin(&request);
            let answer = self.inner.send(request).await;
            self.end(&exchange, answer.as_ref().ok().map(|response| (response.status(), response.headers())));
            Ok(self.tapped(&exchange, answer?))
        })
    }

    fn upgrade(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Upgrade, BoxError>> {
        Box::pin(async move {
            let exchange = self.begin(&request);
            let answer = self.inner.upgrade(request).await;
            self.end(
                &exchange,
                answer.as_ref().ok().map(|answer| match answer {
                    Upgrade::Switched(head, _) => (head.status(), head.headers()),
                    Upgrade::Refused(response) => (response.status(), response.headers()),
                }),
            );
            match answer? {
                Upgrade::Refused(response) => Ok(Upgrade::Refused(self.tapped(&exchange, response))),
                switched => Ok(switched),
            }
        })
    }
}

/// A body that is logged at its end, as far as the level allows.
struct Tapped {
    inner: Body,
    log: Log,
    level: u8,
    secret: bool,
    kept: Vec<u8>,
    total: usize,
    said: bool,
}

impl HttpBody for Tapped {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.total += data.len();
                    let room = log::limit(self.level).saturating_sub(self.kept.len()).min(data.len());
                    if !self.secret {
                        self.kept.extend_from_slice(data.get(..room).unwrap_or_default());
                    }
                }
            }
            _ if self.said => {}
            _ => {
                self.said = true;
                let text = if self.secret && self.total > 0 {
                    MASKED.to_owned()
                } else {
                    log::body_text(&self.kept, self.total, self.level)
                };
                self.log.say("request.go:1300", "Response Body", &[("body", Value::Text(&text))]);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        // Its end is to be seen.
        self.said
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::log::Verbosity;
    use crate::client::transport::recorded::Recorded;
    use crate::object::clock::Clock;
    use std::sync::Mutex;

    async fn logged(level: u8, uri: &str, body: &'static str) -> String {
        let recorded = Recorded::parse(
            r#"[{"uri": "/api/v1/x", "headers": {"set-cookie": "canary", "warning": "w"}, "response": {"kind": "X"}},
                {"uri": "/api/v1/namespaces/d/secrets", "response": {"kind": "Secret", "data": {"a": "canary"}}}]"#,
        )
        .expect("a recording");
        let heard = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&heard);
        let sink = Arc::new(move |line: &str| {
            let mut heard = sink.lock().expect("no panic");
            heard.push_str(line.split_once("] ").map_or(line, |(_, text)| text));
            heard.push('\n');
        });
        let log = Log::new(Verbosity { level, files: Vec::new() }, Clock::System, sink);
        let impersonate = Impersonation { user: "vera".into(), ..Impersonation::default() };
        let base = "https://me:canary@h:6443/base";
        let transport = Logged::new(Arc::new(recorded), log, base, Some("Bearer"), impersonate);
        let request = Request::get(uri).header("cookie", "canary").body(Bytes::from_static(body.as_bytes()));
        let response = transport.send(request.expect("a request")).await.expect("an answer");
        response.into_body().collect().await.expect("a body");
        let text = heard.lock().expect("no panic").clone();
        let timed = regex_lite::Regex::new("milliseconds=[0-9]+").expect("an expression");
        timed.replace_all(&text, "milliseconds=0").into_owned()
    }

    #[tokio::test]
    async fn logs_what_each_level_shows() {
        let url = "https://h:6443/base/api/v1/x";
        assert_eq!(logged(5, "/api/v1/x", "").await, "");
        assert_eq!(
            logged(6, "/api/v1/x", "").await,
            format!("\"Response\" verb=\"GET\" url=\"{url}\" status=\"200 OK\" milliseconds=0\n")
        );
        let seven = logged(7, "/api/v1/x", "").await;
        let request = format!(
            "\"Request\" verb=\"GET\" url=\"{url}\" headers=<\n\tAuthorization: Bearer <masked>\n\tCookie: <masked>\n\tImpersonate-User: vera\n >\n"
        );
        assert_eq!(seven, format!("{request}\"Response\" status=\"200 OK\" milliseconds=0\n"));
        let eight = logged(8, "/api/v1/x", "").await;
        assert!(eight.starts_with(&format!("\"Request Body\" body=\"\"\n{request}")), "{eight}");
        assert!(eight.ends_with("\"Response Body\" body=\"{\\\"kind\\\":\\\"X\\\"}\"\n"), "{eight}");
        let nine = logged(9, "/api/v1/x", "").await;
        assert!(nine.contains("\tcurl -v -XGET  -H \"Authorization: Bearer <masked>\""), "{nine}");
        assert!(
            nine.contains(&format!("\"Response\" verb=\"GET\" url=\"{url}\" status=\"200 OK\" headers=<")),
            "{nine}"
        );
    }

    #[tokio::test]
    async fn shows_no_secret_at_any_level() {
        for level in 0..=12 {
            for uri in ["/api/v1/x", "/api/v1/namespaces/d/secrets"] {
                let body = if uri.ends_with("secrets") { "{\"data\": \"canary\"}" } else { "" };
                let text = logged(level, uri, body).await;
                assert!(!text.contains("canary"), "{level} {uri}: {text}");
            }
        }
        for (name, value, want) in [
            ("authorization", "Bearer t", "Bearer <masked>"),
            ("authorization", "Bearer", "Bearer"),
            ("authorization", "Digest t", "<masked>"),
            ("authorization", "secret", "<masked>"),
            ("proxy-authorization", "Basic t", "<masked>"),
            ("sec-websocket-protocol", "v5.channel.k8s.io", "v5.channel.k8s.io"),
            ("accept", "x", "x"),
        ] {
            assert_eq!(masked(name, value.as_bytes()), want);
        }
    }
}
