//! Numbers about the server in Prometheus' text format, under kube-apiserver's names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Method, Request};

use super::Api;
use super::discovery::VERSION;
use super::route::ResourceRoute;
use crate::object::Status;

mod process;

/// The upper bounds of how long requests take, in seconds.
const BUCKETS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0,
    45.0, 60.0,
];

/// What requests are counted by.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels {
    /// `GET`, `LIST`, …
    verb: &'static str,
    group: &'static str,
    version: &'static str,
    resource: &'static str,
    subresource: String,
    /// `resource`, `namespace`, `cluster`, or empty for what is no resource.
    scope: &'static str,
    dry_run: bool,
}

impl Labels {
    /// Of a request to a resource, with its API verb, or to something else.
    pub fn of<B>(request: &Request<B>, route: Option<(&ResourceRoute<'_>, &str)>) -> Self {
        let verb = match *request.method() {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            _ => "other",
        };
        let Some((route, own_verb)) = route else { return Self { verb, ..Self::default() } };
        let scope = match (&*route.name, &*route.namespace) {
            ("", _) if own_verb == "create" => "resource",
            ("", "") => "cluster",
            ("", _) => "namespace",
            _ => "resource",
        };
        let verb = match (own_verb, &*route.subresource) {
            (_, "exec" | "attach" | "portforward" | "proxy") => "CONNECT",
            ("list", _) => "LIST",
            ("watch", _) => "WATCH",
            ("deletecollection", _) => "DELETECOLLECTION",
            _ => verb,
        };
        let applies = request.headers().get(http::header::CONTENT_TYPE).is_some_and(|kind| kind == super::patch::APPLY);
        Self {
            verb: if verb == "PATCH" && applies { "APPLY" } else { verb },
            group: route.resource.group,
            version: route.resource.version,
            resource: route.resource.plural,
            subresource: route.subresource.to_string(),
            scope,
            dry_run: request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "dryRun=All")),
        }
    }

    /// The labels as they are written, without braces.
    fn text(&self) -> String {
        let Self { verb, group, version, resource, subresource, scope, .. } = self;
        format!(
            "component=\"apiserver\",group=\"{group}\",resource=\"{resource}\",scope=\"{scope}\",subresource=\"{subresource}\",verb=\"{verb}\",version=\"{version}\""
        )
    }

    fn dry_run(&self) -> &'static str {
        if self.dry_run { "All" } else { "" }
    }
}

/// The requests of one kind.
#[derive(Debug, Default)]
struct Requests {
    /// How many were answered with each code.
    codes: BTreeMap<u16, u64>,
    /// How many took at most so long, each counted in the first bucket that fits.
    buckets: [u64; BUCKETS.len()],
    count: u64,
    total: Duration,
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    requests: Mutex<BTreeMap<Labels, Requests>>,
    reading: AtomicI64,
    mutating: AtomicI64,
}

/// A request that is not answered yet.
pub(super) struct InFlight<'a>(&'a AtomicI64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A request begins.
    pub fn begin(&self, method: &Method) -> InFlight<'_> {
        let gauge = if matches!(*method, Method::GET | Method::HEAD) { &self.reading } else { &self.mutating };
        gauge.fetch_add(1, Ordering::Relaxed);
        InFlight(gauge)
    }

    /// A request was answered; a watch, when it began.
    pub fn count(&self, labels: Labels, code: u16, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = requests.entry(labels).or_default();
        *kind.codes.entry(code).or_default() += 1;
        kind.count += 1;
        kind.total += took;
        let seconds = took.as_secs_f64();
        if let Some(bucket) = BUCKETS.iter().position(|most| seconds <= *most).and_then(|at| kind.buckets.get_mut(at)) {
            *bucket += 1;
        }
    }

    fn write(&self, text: &mut Text) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let name = "apiserver_request_total";
        text.family(name, "counter", "[STABLE] Requests that were answered, by code.");
        for (labels, kind) in requests.iter() {
            for (code, count) in &kind.codes {
                let labels = format!("code=\"{code}\",dry_run=\"{}\",{}", labels.dry_run(), labels.text());
                text.sample(name, &labels, *count);
            }
        }
        let name = "apiserver_request_duration_seconds";
        text.family(name, "histogram", "[STABLE] How long requests took until they were answered, in seconds.");
        for (labels, kind) in requests.iter() {
            let labels = format!("dry_run=\"{}\",{}", labels.dry_run(), labels.text());
            let mut sum = 0;
            for (most, count) in BUCKETS.iter().zip(&kind.buckets) {
                sum += count;
                text.sample(&format!("{name}_bucket"), &format!("{labels},le=\"{most}\""), sum);
            }
            text.sample(&format!("{name}_bucket"), &format!("{labels},le=\"+Inf\""), kind.count);
            text.sample(&format!("{name}_sum"), &labels, kind.total.as_secs_f64());
            text.sample(&format!("{name}_count"), &labels, kind.count);
        }
        let name = "apiserver_current_inflight_requests";
        text.family(name, "gauge", "[STABLE] Requests that are not answered yet.");
        text.sample(name, "request_kind=\"mutating\"", self.mutating.load(Ordering::Relaxed));
        text.sample(name, "request_kind=\"readOnly\"", self.reading.load(Ordering::Relaxed));
    }
}

/// The text as it grows.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }
}

/// All numbers.
///
/// # Errors
/// A store that cannot be read.
pub(super) fn text(api: &Api) -> Result<String, Status> {
    let mut text = Text::default();
    api.metrics().write(&mut text);
    let name = "apiserver_storage_objects";
    text.family(name, "gauge", "[STABLE] How many objects of each resource are stored.");
    for (resource, count) in api.store().counts()? {
        text.sample(name, &format!("resource=\"{resource}\""), count);
    }
    let name = "apiserver_storage_revision";
    text.family(name, "gauge", "[ALPHA] The revision of the last write.");
    text.sample(name, "", api.store().revision()?);
    let name = "kubernetes_build_info";
    text.family(name, "gauge", "[BETA] The version that the server behaves like.");
    text.sample(name, &format!("git_version=\"{VERSION}\",major=\"1\",minor=\"36\",platform=\"linux/amd64\""), 1);
    process::write(&mut text);
    Ok(text.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_code_and_time() {
        let metrics = Metrics::default();
        let labels = Labels { verb: "GET", version: "v1", resource: "pods", scope: "resource", ..Labels::default() };
        for (code, milliseconds) in [(200, 1), (200, 30), (404, 90_000)] {
            metrics.count(labels.clone(), code, Duration::from_millis(milliseconds));
        }
        let _open = metrics.begin(&Method::POST);
        let mut text = Text::default();
        metrics.write(&mut text);
        let labels = labels.text();
        for line in [
            format!("apiserver_request_total{{code=\"200\",dry_run=\"\",{labels}}} 2\n"),
            format!("apiserver_request_total{{code=\"404\",dry_run=\"\",{labels}}} 1\n"),
            format!("apiserver_request_duration_seconds_bucket{{dry_run=\"\",{labels},le=\"0.005\"}} 1\n"),
            format!("apiserver_request_duration_seconds_bucket{{dry_run=\"\",{labels},le=\"1\"}} 2\n"),
            format!("apiserver_request_duration_seconds_bucket{{dry_run=\"\",{labels},le=\"60\"}} 2\n"),
            format!("apiserver_request_duration_seconds_bucket{{dry_run=\"\",{labels},le=\"+Inf\"}} 3\n"),
            format!("apiserver_request_duration_seconds_count{{dry_run=\"\",{labels}}} 3\n"),
            "apiserver_current_inflight_requests{request_kind=\"mutating\"} 1\n".to_owned(),
        ] {
            assert!(text.0.contains(&line), "no {line} in {}", text.0);
        }
    }
}
