//! Requests over connections: redirects, compression, time limits.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderValue,
    LOCATION, PROXY_AUTHORIZATION, RANGE, REFERER, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use super::super::Body;
use super::super::limited::Limited;
use super::dial::{Dialer, Ways};
use super::gzip::Gunzipped;
use super::tunnel;
use super::whole::Whole;
use super::words::{explain, is_unprocessed};
use crate::client::error::ConnectionError;

/// Redirects that are followed.
const REDIRECTS: usize = 10;
/// Bytes of an answer that may come before they are read.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;

/// How requests are sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    /// Whether compressed answers are asked for.
    pub(super) gzip: bool,
    /// Whether compressed answers are decompressed.
    pub(super) gunzip: bool,
    /// Whether redirects are followed.
    pub(super) follow: bool,
    /// How long a request may take, with its answer; none for no limit.
    pub(super) timeout: Option<Duration>,
    /// How long an HTTP/2 connection may be silent before it is asked whether it lives; none for ever.
    pub(super) idle: Option<Duration>,
    /// How long it may take to say that it does.
    pub(super) ping: Duration,
}

/// A client of servers; connections are kept for the next request.
#[derive(Clone)]
pub(crate) struct HttpClient {
    inner: Client<Dialer, Full<Bytes>>,
    ways: Arc<Ways>,
    manner: Manner,
}

/// rustls wants one provider of cryptography for all.
pub(super) fn install_provider() {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        // Refused only where one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

impl HttpClient {
    pub(super) fn new(ways: Ways, manner: Manner) -> Self {
        let ways = Arc::new(ways);
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            // Answers that nobody reads yet must not keep back the one that is read: the connection
            // takes more than all its streams together.
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(32 * STREAM_WINDOW)
            .http2_keep_alive_interval(manner.idle)
            .http2_keep_alive_timeout(manner.ping);
        Self { inner: builder.build(Dialer(Arc::clone(&ways))), ways, manner }
    }

    /// Sends a request to an absolute URL.
    ///
    /// # Errors
    /// No answer came.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, ConnectionError> {
        let deadline = self.manner.timeout.map(|timeout| Instant::now() + timeout);
        let to_head = request.method() == Method::HEAD;
        let response = self.follow(request, deadline).await?;
        let (mut head, body) = Whole::of(response, to_head);
        let mut body = match deadline {
            Some(deadline) => Limited::new(body, deadline).boxed_unsync(),
            None => body.boxed_unsync(),
        };
        let zipped =
            head.headers.get(CONTENT_ENCODING).is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(b"gzip"));
        if self.manner.gunzip && zipped && !body.is_end_stream() {
            head.headers.remove(CONTENT_ENCODING);
            head.headers.remove(CONTENT_LENGTH);
            body = Gunzipped::new(body).boxed_unsync();
        }
        Ok(Response::from_parts(head, body))
    }

    /// Sends a request that asks to switch protocols; its answer is handed out as it is.
    ///
    /// # Errors
    /// No answer came.
    pub(super) async fn upgrade(&self, request: Request<Bytes>) -> Result<Response<Incoming>, ConnectionError> {
        self.ask(request).await
    }

    async fn follow(
        &self,
        mut request: Request<Bytes>,
        deadline: Option<Instant>,
    ) -> Result<Response<Incoming>, ConnectionError> {
        let server = place(request.uri());
        let wants_all = !request.headers().contains_key(RANGE) && request.method() != Method::HEAD;
        if self.manner.gzip && wants_all && !request.headers().contains_key(ACCEPT_ENCODING) {
            request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let mut hops = 0;
        loop {
            let again = request.clone();
            let response = self.limited(request, &server, deadline).await?;
            if !self.manner.follow || !is_redirect(response.status()) {
                return Ok(response);
            }
            let Some(location) = response.headers().get(LOCATION) else { return Ok(response) };
            let location = String::from_utf8_lossy(location.as_bytes()).into_owned();
            hops += 1;
            if hops > REDIRECTS {
                return Err(ConnectionError::says(&server, "stopped after 10 redirects"));
            }
            request =
                redirected(again, response.status(), &location).map_err(|why| ConnectionError::says(&server, why))?;
        }
    }

    /// Sends one request, as long as there is time.
    async fn limited(
        &self,
        mut request: Request<Bytes>,
        server: &str,
        deadline: Option<Instant>,
    ) -> Result<Response<Incoming>, ConnectionError> {
        let connected = capture_connection(&mut request);
        let asked = self.ask(request);
        let Some(deadline) = deadline else { return asked.await };
        tokio::time::timeout_at(deadline, asked).await.unwrap_or_else(|_| {
            let waiting = if connected.connection_metadata().is_some() { "" } else { " while waiting for connection" };
            let words = format!("net/http: request canceled{waiting} (Client.Timeout exceeded while awaiting headers)");
            Err(ConnectionError::says(server, words))
        })
    }

    async fn ask(&self, mut request: Request<Bytes>) -> Result<Response<Incoming>, ConnectionError> {
        // What a proxy passes on carries the login for the proxy.
        if request.uri().scheme_str() == Some("http")
            && let Ok(Some(proxy)) = self.ways.proxies.find(request.uri())
            && !proxy.scheme.starts_with("socks5")
            && let Some(user) = &proxy.user
            && let Ok(mut login) = HeaderValue::from_str(&tunnel::basic(user))
        {
            login.set_sensitive(true);
            request.headers_mut().insert(PROXY_AUTHORIZATION, login);
        }
        let server = place(request.uri());
        let mut again = 0;
        loop {
            let answer = self.inner.request(request.clone().map(Full::new)).await;
            match answer {
                // As Go: at once, then after one second, two, and so on up to a minute in all.
                Err(error) if is_unprocessed(&error) && again < AGAIN => {
                    let pause = if again == 0 { Duration::ZERO } else { Duration::from_secs(1 << (again - 1)) };
                    tokio::time::sleep(pause).await;
                    again += 1;
                }
                Ok(response) => return Ok(response),
                Err(error) => return Err(explain(&server, &error)),
            }
        }
    }
}

/// How often a request is sent again that a server did not look at.
const AGAIN: u32 = 7;

/// Host and port, as a URL has them.
pub(super) fn place(uri: &Uri) -> String {
    uri.authority()
        .map(|authority| authority.as_str())
        .map_or("", |all| all.rsplit('@').next().unwrap_or(all))
        .to_owned()
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The request to where another one was sent on. Credentials stay behind where another host, port or
/// scheme is named.
fn redirected(request: Request<Bytes>, status: StatusCode, location: &str) -> Result<Request<Bytes>, String> {
    let (mut head, mut body) = request.into_parts();
    let target = resolve(&head.uri, location).ok_or_else(|| format!("failed to parse Location header {location:?}"))?;
    match target.scheme_str() {
        Some("http" | "https") if target.host().is_some_and(|host| !host.is_empty()) => {}
        scheme => return Err(format!("unsupported protocol scheme {:?}", scheme.unwrap_or_default())),
    }
    if matches!(status.as_u16(), 301..=303) && head.method != Method::HEAD {
        if head.method != Method::GET {
            head.method = Method::GET;
            for header in [CONTENT_TYPE, CONTENT_LENGTH, TRANSFER_ENCODING] {
                head.headers.remove(header);
            }
        }
        body = Bytes::new();
    }
    if (target.scheme(), target.authority()) != (head.uri.scheme(), head.uri.authority()) {
        for header in [AUTHORIZATION, COOKIE, WWW_AUTHENTICATE, PROXY_AUTHORIZATION, REFERER] {
            head.headers.remove(header);
        }
        let ours = |name: &str| name.starts_with("impersonate-");
        let names: Vec<_> = head.headers.keys().filter(|name| ours(name.as_str())).cloned().collect();
        for name in names {
            head.headers.remove(name);
        }
    }
    head.headers.remove(HOST);
    head.uri = target;
    Ok(Request::from_parts(head, body))
}

/// A reference as it is meant from a URL (RFC 3986, 5.2).
fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    let reference = reference.split('#').next().unwrap_or_default();
    let scheme = base.scheme_str()?;
    let is_absolute = reference.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    if is_absolute {
        return reference.parse().ok();
    }
    if reference.starts_with("//") {
        return format!("{scheme}:{reference}").parse().ok();
    }
    let path = base.path();
    let joined = match reference {
        "" => base.path_and_query()?.as_str().to_owned(),
        query if query.starts_with('?') => format!("{path}{query}"),
        whole if whole.starts_with('/') => whole.to_owned(),
        beside => format!("{}/{beside}", path.rsplit_once('/').map_or("", |(folder, _)| folder)),
    };
    let (path, query) = joined.split_at(joined.find('?').unwrap_or(joined.len()));
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            other => parts.push(other),
        }
    }
    let is_folder = path.ends_with("/.") || path.ends_with("/..");
    let slash = if is_folder && !parts.is_empty() { "/" } else { "" };
    format!("{scheme}://{}/{}{slash}{query}", base.authority()?, parts.join("/")).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_where_it_is_sent() {
        let base = Uri::from_static("https://h:6443/a/b?c=d");
        for (reference, want) in [
            ("https://other/x", Some("https://other/x")),
            ("//other/x?y", Some("https://other/x?y")),
            ("/x#part", Some("https://h:6443/x")),
            ("x", Some("https://h:6443/a/x")),
            ("../x", Some("https://h:6443/x")),
            ("./..", Some("https://h:6443/")),
            ("?q=1", Some("https://h:6443/a/b?q=1")),
            ("", Some("https://h:6443/a/b?c=d")),
            ("a b", None),
        ] {
            assert_eq!(resolve(&base, reference).map(|uri| uri.to_string()).as_deref(), want, "{reference:?}");
        }
    }

    #[test]
    fn keeps_what_may_be_kept() {
        let request = |uri: &'static str| {
            Request::post(uri)
                .header("authorization", "Bearer t")
                .header("impersonate-user", "vera")
                .header("content-type", "x/y")
                .body(Bytes::from_static(b"body"))
                .expect("a request")
        };
        let same = redirected(request("https://h/a"), StatusCode::TEMPORARY_REDIRECT, "/b").expect("a request");
        assert_eq!((same.method(), same.body().as_ref()), (&Method::POST, &b"body"[..]));
        assert!(same.headers().contains_key("authorization") && same.headers().contains_key("impersonate-user"));
        for elsewhere in ["https://other/b", "http://h/b", "https://h:1/b"] {
            let moved = redirected(request("https://h/a"), StatusCode::FOUND, elsewhere).expect("a request");
            assert_eq!(
                (moved.method(), moved.body().len(), moved.headers().len()),
                (&Method::GET, 0, 0),
                "{elsewhere}"
            );
        }
        let refused = redirected(request("https://h/a"), StatusCode::FOUND, "ftp://h/b").expect_err("refused");
        assert_eq!(refused, "unsupported protocol scheme \"ftp\"");
    }
}
