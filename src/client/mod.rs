//! The way to an API server: kubeconfig, requests, transports, discovery, watches, streams.

pub mod auth;
pub mod config;
pub mod discovery;
pub mod error;
pub mod log;
pub mod paging;
pub mod request;
mod retry;
pub mod streams;
pub mod transport;
pub mod warnings;
pub mod watch;

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT, WARNING};
use http::response::Parts;
use http::{Method, Request, Response};
use http_body_util::BodyExt;

use crate::go::duration;
use crate::object::status::StatusDetails;
use crate::object::{Object, Status, json_kind, yaml};
use error::MADE_UP;
pub use error::{BodyError, ConnectionError};
use log::Log;
use request::{Call, Subject, with_parameter};
use retry::{Broken, retry_after};
use transport::{Body, BoxError, Transport, Upgrade};

/// What becomes of a server's warnings: called once for each different text.
pub type WarningSink = Box<dyn Fn(&str)>;

/// A client of one API server. Errors are [`Status`] where the server says no, [`ConnectionError`]
/// where it does not answer.
pub struct Client {
    transport: Arc<dyn Transport>,
    user_agent: HeaderValue,
    warn: WarningSink,
    warned: RefCell<HashSet<String>>,
    /// What was said of words with several meanings; it does not count as a server's warning.
    words_warned: RefCell<HashSet<String>>,
    known: discovery::Known,
    timeout: Option<Duration>,
    log: Option<Log>,
}

impl Client {
    /// A client over a transport, which says `user_agent` of itself and hands warnings to `warn`.
    pub fn new(transport: Arc<dyn Transport>, user_agent: &str, warn: WarningSink) -> Self {
        let user_agent = HeaderValue::from_str(user_agent).unwrap_or(HeaderValue::from_static("kctl"));
        Self {
            transport,
            user_agent,
            warn,
            warned: RefCell::default(),
            words_warned: RefCell::default(),
            known: discovery::Known::default(),
            timeout: None,
            log: None,
        }
    }

    /// The transport underneath, for tasks that outlive a borrow of the client.
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport)
    }

    /// How many different warnings the server gave so far.
    pub fn warning_count(&self) -> usize {
        self.warned.borrow().len()
    }

    /// Gives up on a request after this time, and all its repetitions.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// Logs what is worth it.
    #[must_use]
    pub fn with_log(mut self, log: Option<Log>) -> Self {
        self.log = log;
        self
    }

    /// Sends a request and returns the answer, whatever its status. A server that is busy and says when
    /// to come back is asked again.
    pub async fn send_raw(&self, request: Request<Bytes>) -> anyhow::Result<Response<Body>> {
        self.persist(self.named(request)?, Broken::Told).await
    }

    /// The request with our name in it, and with the time that it may take.
    fn named(&self, mut request: Request<Bytes>) -> anyhow::Result<Request<Bytes>> {
        request.headers_mut().entry(USER_AGENT).or_insert_with(|| self.user_agent.clone());
        if let Some(timeout) = self.timeout {
            let target = with_parameter(
                request.uri(),
                "timeout",
                &duration::text(timeout.try_into().unwrap_or(jiff::SignedDuration::MAX)).replace('µ', "%C2%B5"),
            );
            *request.uri_mut() = target.parse()?;
        }
        Ok(request)
    }

    /// Sends a request; an error status is an error.
    pub async fn send(&self, call: Call) -> anyhow::Result<Response<Body>> {
        self.send_with(call, Broken::Again).await
    }

    async fn send_with(&self, call: Call, broken: Broken) -> anyhow::Result<Response<Body>> {
        let subject = call.subject().cloned();
        let request = call.build()?;
        let method = request.method().clone();
        let response = self.persist(self.named(request)?, broken).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let error = refusal(&method, subject.as_ref(), response).await;
        if error.downcast_ref::<Status>().is_some_and(is_nowhere) {
            self.doubt_what_is_remembered();
        }
        Err(error)
    }

    /// Sends a request and reads the whole answer.
    pub async fn bytes(&self, call: Call) -> anyhow::Result<Bytes> {
        collect(self.send(call).await?.into_body()).await
    }

    /// Sends a request and reads the answer as JSON. An empty answer is null.
    pub async fn json(&self, call: Call) -> anyhow::Result<Object> {
        parse(&self.bytes(call).await?)
    }

    /// Sends a request that asks to switch protocols; an answer with an error status is an error.
    pub async fn upgrade(&self, call: Call) -> anyhow::Result<Upgrade> {
        let (method, subject) = (call.method().clone(), call.subject().cloned());
        match self.switch(call).await? {
            Upgrade::Refused(response) if !response.status().is_success() => {
                Err(refusal(&method, subject.as_ref(), response).await)
            }
            answer => Ok(answer),
        }
    }

    /// Sends a request that asks to switch protocols, and returns the answer, whatever it is.
    pub async fn switch(&self, call: Call) -> anyhow::Result<Upgrade> {
        let request = self.named(call.build()?)?;
        self.transport.upgrade(request).await.map_err(from_box)
    }

    /// Says of a word what else it could mean, once.
    fn warn_of_word(&self, text: &str) {
        if self.words_warned.borrow_mut().insert(text.to_owned()) {
            (self.warn)(text);
        }
    }

    fn note_warnings(&self, headers: &HeaderMap) {
        for header in headers.get_all(WARNING) {
            for text in warnings::parse(&String::from_utf8_lossy(header.as_bytes())) {
                if self.warned.borrow_mut().insert(text.clone()) {
                    (self.warn)(&text);
                }
            }
        }
    }
}

/// An error in the midst of an answer that was wanted as a whole.
fn whole(error: BoxError) -> anyhow::Error {
    match error.downcast::<BodyError>() {
        Ok(broken) => anyhow::anyhow!(broken.whole()),
        Err(other) => from_box(other),
    }
}

/// The longest answer that is held as a whole, in bytes. Lists that are printed item by item have no
/// limit; a single object of an API server has some megabytes at most.
pub const LONGEST: usize = 256 * 1024 * 1024;

/// Reads a body to its end.
///
/// # Errors
/// It broke off, or is longer than [`LONGEST`].
pub async fn collect(body: Body) -> anyhow::Result<Bytes> {
    collect_up_to(body, LONGEST).await
}

async fn collect_up_to(mut body: Body, most: usize) -> anyhow::Result<Bytes> {
    let mut first = Bytes::new();
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(whole)?.into_data() else { continue };
        if first.len() + all.len() + data.len() > most {
            anyhow::bail!("the server's answer is longer than {most} bytes, the most that is held in memory");
        }
        // Most answers come in one piece, which need not be copied.
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(2 * (first.len() + data.len()));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// Reads JSON from a server.
pub fn parse(text: &[u8]) -> anyhow::Result<Object> {
    if text.is_empty() {
        return Ok(Object::Null);
    }
    serde_json::from_slice(text).map_err(|error| {
        let mistake = yaml::json_mistake(text).unwrap_or_else(|| error.to_string());
        anyhow::anyhow!("couldn't get version/kind; json parse error: {mistake}")
    })
}

/// An answer that must be an object of the API.
///
/// # Errors
/// It is something else; client-go's words.
pub fn typed(answer: Object) -> anyhow::Result<Object> {
    /// Of an answer this much is shown.
    const SHOWN: usize = 200;
    let found = match &answer {
        Object::Object(fields) if fields.contains_key("kind") || fields.contains_key("metadata") => return Ok(answer),
        Object::Object(_) => {
            let text: String = answer.to_string().chars().take(SHOWN).collect();
            anyhow::bail!("Object 'Kind' is missing in '{text}'")
        }
        Object::Null => anyhow::bail!("unexpected end of JSON input"),
        other => json_kind(other),
    };
    anyhow::bail!(
        "couldn't get version/kind; json parse error: json: cannot unmarshal {found} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
    )
}

/// A transport's error as it travels on: what it is underneath decides the words.
pub fn from_box(error: BoxError) -> anyhow::Error {
    let error = match error.downcast::<ConnectionError>() {
        Ok(connection) => return (*connection).into(),
        Err(other) => other,
    };
    let error = match error.downcast::<BodyError>() {
        Ok(broken) => return (*broken).into(),
        Err(other) => other,
    };
    match error.downcast::<Status>() {
        Ok(status) => (*status).into(),
        Err(other) => anyhow::anyhow!(other),
    }
}

/// The error in a response: its status object, or the one that client-go makes up, which names what the
/// request was about.
pub async fn refusal(method: &Method, subject: Option<&Subject>, response: Response<Body>) -> anyhow::Error {
    let (head, body) = response.into_parts();
    let body = match collect(body).await {
        Ok(body) => body,
        Err(error) => return error,
    };
    let object = serde_json::from_slice::<Object>(&body).ok();
    if let Some(status) = object.as_ref().and_then(Status::from_object)
        && status.status != "Success"
    {
        return Status { code: head.status.as_u16(), ..status }.into();
    }
    refusal_in_general(method, subject, &head, &body)
}

/// Whether a refusal is of a path that leads to no resource, and not of an object that is not there: the
/// status is made up.
fn is_nowhere(status: &Status) -> bool {
    let made_up = |details: &StatusDetails| details.causes.iter().any(|cause| cause.reason == MADE_UP);
    status.code == 404 && status.details.as_deref().is_some_and(made_up)
}

/// The error in a response in client-go's words for its code, whatever object it holds.
fn refusal_in_general(method: &Method, subject: Option<&Subject>, head: &Parts, body: &[u8]) -> anyhow::Error {
    /// Of a body that is not the API's this much is shown.
    const SHOWN: usize = 2048;
    let is_text = head
        .headers
        .get(CONTENT_TYPE)
        .is_none_or(|kind| kind.to_str().is_ok_and(|kind| kind.trim_start().starts_with("text/")));
    let text = is_text.then(|| String::from_utf8_lossy(body.get(..SHOWN).unwrap_or(body)).into_owned());
    let retry = retry_after(&head.headers).and_then(|seconds| i64::try_from(seconds).ok());
    error::generic_status(method, subject, head.status, text.as_deref(), retry).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::GroupVersionResource;
    use request::Endpoint;
    use std::rc::Rc;
    use transport::recorded::Recorded;

    fn client(exchanges: &str) -> (Client, Rc<RefCell<Vec<String>>>) {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let sink = Rc::clone(&heard);
        let transport = Recorded::parse(exchanges).expect("a recording");
        let client =
            Client::new(Arc::new(transport), "test", Box::new(move |text| sink.borrow_mut().push(text.to_owned())));
        (client, heard)
    }

    #[tokio::test]
    async fn says_no_in_the_words_of_the_server_or_of_client_go() {
        let (client, _) = client(
            r#"[
            {"uri": "/a", "status": 404, "response": {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "pods \"x\" not found", "reason": "NotFound", "code": 404}},
            {"uri": "/b", "status": 404, "response": "404 page not found\n"},
            {"uri": "/c", "status": 500, "response": "oh \"no\"\n"},
            {"uri": "/d", "status": 403, "response": "go away"},
            {"uri": "/e", "status": 418, "response": {}},
            {"uri": "/f", "method": "POST", "status": 409, "response": {}},
            {"uri": "/api/v1/pods", "status": 404, "response": "404 page not found\n"},
            {"uri": "/apis/apps/v1/namespaces/x/deployments/web", "status": 503, "response": ""}
        ]"#,
        );
        for (method, path, reason, message) in [
            (Method::GET, "/a", "NotFound", "pods \"x\" not found"),
            (Method::GET, "/b", "NotFound", "the server could not find the requested resource"),
            (
                Method::GET,
                "/c",
                "InternalError",
                "an error on the server (\"oh \\\"no\\\"\") has prevented the request from succeeding",
            ),
            (Method::GET, "/d", "Forbidden", "go away"),
            (
                Method::GET,
                "/e",
                "",
                "the server responded with the status code 418 but did not return more information",
            ),
            (Method::POST, "/f", "AlreadyExists", "the server reported a conflict"),
        ] {
            let error = client.json(Call::new(method, path)).await.expect_err("refused");
            let status = error.downcast_ref::<Status>().expect("a status");
            assert_eq!((status.reason.as_str(), status.message.as_str()), (reason, message), "{path}");
        }
        let pods = GroupVersionResource::new("", "v1", "pods");
        let deployments = GroupVersionResource::new("apps", "v1", "deployments");
        for (endpoint, message) in [
            (Endpoint::collection(&pods, ""), "the server could not find the requested resource (get pods)"),
            (
                Endpoint::object(&deployments, "x", "web"),
                "the server is currently unable to handle the request (get deployments.apps web)",
            ),
        ] {
            let error = client.json(Call::get(&endpoint)).await.expect_err("refused");
            assert_eq!(error.to_string(), message);
        }
    }

    #[tokio::test]
    async fn comes_back_when_it_is_told_to() {
        let (client, _) = client(
            r#"[
            {"uri": "/a", "status": 429, "headers": {"retry-after": "0"}, "response": "busy"},
            {"uri": "/a", "status": 503, "headers": {"retry-after": "0"}, "response": "busy"},
            {"uri": "/a", "response": {"kind": "Pod"}},
            {"uri": "/b", "status": 503, "response": "busy"}
        ]"#,
        );
        assert_eq!(client.json(Call::new(Method::GET, "/a")).await.expect("an answer")["kind"], "Pod");
        let error = client.json(Call::new(Method::GET, "/b")).await.expect_err("busy");
        assert_eq!(error.to_string(), "the server is currently unable to handle the request");
    }

    #[tokio::test]
    async fn holds_no_more_than_it_may() {
        let pieces = |sizes: &'static [usize]| {
            let frames = sizes.iter().map(|size| Ok::<_, BoxError>(http_body::Frame::data(vec![b'x'; *size].into())));
            http_body_util::StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
        };
        for sizes in [&[][..], &[7], &[3, 4], &[1, 2, 4], &[0, 7]] {
            let total: usize = sizes.iter().sum();
            assert_eq!(collect_up_to(pieces(sizes), 7).await.expect("short").len(), total, "{sizes:?}");
        }
        for sizes in [&[8][..], &[4, 4], &[1, 2, 5]] {
            assert_eq!(
                collect_up_to(pieces(sizes), 7).await.expect_err("long").to_string(),
                "the server's answer is longer than 7 bytes, the most that is held in memory"
            );
        }
    }

    #[tokio::test]
    async fn passes_each_warning_on_once() {
        let (client, heard) = client(
            r#"[{"uri": "/a", "headers": {"warning": "299 - \"old \\\"thing\\\"\", 299 - \"two\", 199 - \"other\""}, "response": {}}]"#,
        );
        for _ in 0..2 {
            client.json(Call::new(Method::GET, "/a")).await.expect("an answer");
        }
        assert_eq!(*heard.borrow(), ["old \"thing\"", "two"]);
        assert_eq!(client.warning_count(), 2);
    }
}
