//! Requests that are answered late, with an error, or not to their end.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use tokio::time::Sleep;

use super::{FAULTS, Fault, Faults, What, go_duration};
use crate::backend::api::{Api, Body, BoxError, http as own_http, response};
use crate::object::Status;

/// Requests that are answered late, with an error, or not to their end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ApiFault {
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    namespaces: Vec<String>,
    status: Option<u16>,
    #[serde(default, deserialize_with = "go_duration")]
    latency: Duration,
    #[serde(default, deserialize_with = "go_duration")]
    close_watches_after: Duration,
}

/// What a request is about, as its path says.
struct Asked<'r> {
    verb: &'static str,
    /// `pods`, `deployments.apps`.
    resource: String,
    namespace: &'r str,
    name: &'r str,
    subresource: &'r str,
}

impl<'r> Asked<'r> {
    /// Nothing for what is about no resource, and for faults themselves: they can always be taken away.
    fn of(request: &'r Request<Bytes>) -> Option<Self> {
        let mut segments = request.uri().path().split('/').filter(|segment| !segment.is_empty());
        let group = match segments.next()? {
            "api" => "",
            "apis" => segments.next()?,
            _ => return None,
        };
        segments.next()?;
        let mut first = segments.next()?;
        let mut namespace = "";
        let (mut second, mut third) = (segments.next(), segments.next());
        if first == "namespaces"
            && let Some(resource) = third
            && !matches!(resource, "status" | "finalize")
        {
            (namespace, first) = (second?, resource);
            (second, third) = (segments.next(), segments.next());
        }
        let name = second.unwrap_or("");
        let verb = match *request.method() {
            Method::GET if own_http::is_watch(request) => "watch",
            Method::GET if name.is_empty() => "list",
            Method::GET => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if name.is_empty() => "deletecollection",
            Method::DELETE => "delete",
            _ => return None,
        };
        let resource = if group.is_empty() { first.to_owned() } else { format!("{first}.{group}") };
        let asked = Self { verb, resource, namespace, name, subresource: third.unwrap_or("") };
        (asked.resource != FAULTS).then_some(asked)
    }
}

impl ApiFault {
    fn is_for(&self, asked: &Asked<'_>) -> bool {
        let among = |list: &[String], one: &str| list.is_empty() || list.iter().any(|own| own == one || own == "*");
        let resource = |own: &String| {
            let (own, part) = own.split_once('/').unwrap_or((own, ""));
            (own == asked.resource || own == "*") && (part == asked.subresource || part == "*")
        };
        among(&self.verbs, asked.verb)
            && among(&self.namespaces, asked.namespace)
            && (self.resources.is_empty() || self.resources.iter().any(resource))
    }

    /// The answer instead of what was asked for.
    fn answer(&self, name: &str, asked: &Asked<'_>) -> Option<Response<Body>> {
        let (resource, object) = (asked.resource.as_str(), asked.name);
        let status = match self.status? {
            403 => Status::forbidden(resource, object, &format!("fault {name}")),
            404 => Status::not_found(resource, object),
            409 => Status::conflict(
                resource,
                object,
                "the object has been modified; please apply your changes to the latest version and try again",
            ),
            429 => Status::failure(
                429,
                "TooManyRequests",
                "the server has received too many requests and has asked us to try again later",
            ),
            503 => Status::failure(503, "ServiceUnavailable", "the server is currently unable to handle the request"),
            504 => Status::failure(504, "Timeout", "Timeout: request did not complete within the allotted timeout"),
            _ => Status::internal(format!("Internal error occurred: fault {name}")),
        };
        let mut answer = response::failure(&status);
        if matches!(status.code, 429 | 503) {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Some(answer)
    }
}

/// The faults of an API server.
#[derive(Debug, Default)]
pub struct Gateway {
    faults: RwLock<Arc<Faults>>,
    count: AtomicU64,
}

/// What a fault does to a request.
#[derive(Default)]
pub struct Verdict {
    /// The answer instead of what was asked for.
    pub answer: Option<Response<Body>>,
    /// How long a watch goes on.
    closes_after: Option<Duration>,
}

impl Gateway {
    /// Reads the faults anew.
    pub fn load(&self, api: &Api) {
        let objects = api.list(FAULTS, None).unwrap_or_default();
        let faults = Faults::of(objects.iter());
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(faults);
    }

    /// Whether a write to that path may change the faults.
    pub fn concerns(path: &str) -> bool {
        path.starts_with("/apis/kctl.dev/") || path.starts_with("/apis/apiextensions.k8s.io/")
    }

    /// Lets the request wait as the faults want it, and says what becomes of it.
    pub async fn judge(&self, request: &Request<Bytes>) -> Verdict {
        let faults = Arc::clone(&self.faults.read().unwrap_or_else(PoisonError::into_inner));
        if faults.faults.is_empty() {
            return Verdict::default();
        }
        let Some(asked) = Asked::of(request) else { return Verdict::default() };
        let mut verdict = Verdict::default();
        let mut latency = Duration::ZERO;
        for Fault { name, what, .. } in faults.faults.iter().filter(|fault| self.strikes(fault, &asked)) {
            let What::Api(own) = what else { continue };
            latency = latency.saturating_add(own.latency);
            if asked.verb == "watch" && !own.close_watches_after.is_zero() {
                verdict.closes_after = Some(own.close_watches_after);
            }
            if verdict.answer.is_none() {
                verdict.answer = own.answer(name, &asked);
            }
        }
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        verdict
    }

    fn strikes(&self, fault: &Fault, asked: &Asked<'_>) -> bool {
        let What::Api(own) = &fault.what else { return false };
        own.is_for(asked) && fault.draws(&self.count.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

impl Verdict {
    /// The answer, cut off where a fault wants it.
    pub fn on(self, answer: Response<Body>) -> Response<Body> {
        let Some(after) = self.closes_after else { return answer };
        let end = Box::pin(tokio::time::sleep(after));
        answer.map(|inner| Closing { inner, end }.boxed_unsync())
    }
}

/// A body that ends before its time.
struct Closing {
    inner: Body,
    end: Pin<Box<Sleep>>,
}

impl http_body::Body for Closing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_is_asked_for() {
        for (method, path, want) in [
            ("GET", "/api/v1/namespaces/a/pods", Some("list pods a  ")),
            ("GET", "/api/v1/namespaces/a/pods?watch=1", Some("watch pods a  ")),
            ("PATCH", "/apis/apps/v1/namespaces/a/deployments/web/scale", Some("patch deployments.apps a web scale")),
            ("DELETE", "/api/v1/namespaces/a", Some("delete namespaces  a ")),
            ("PUT", "/api/v1/namespaces/a/finalize", Some("update namespaces  a finalize")),
            ("GET", "/api/v1/nodes/n", Some("get nodes  n ")),
            ("POST", "/apis/kctl.dev/v1alpha1/faults", None),
            ("GET", "/apis/apps/v1", None),
            ("GET", "/healthz", None),
        ] {
            let request = Request::builder().method(method).uri(path).body(Bytes::new()).expect("a request");
            let asked = Asked::of(&request)
                .map(|it| format!("{} {} {} {} {}", it.verb, it.resource, it.namespace, it.name, it.subresource));
            assert_eq!(asked.as_deref(), want, "{path}");
        }
    }
}
