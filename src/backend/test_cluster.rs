//! A cluster for one test: started in a line, gone when it is dropped.
//!
//! ```
//! use kctl::backend::TestCluster;
//! use serde_json::json;
//!
//! # fn main() -> anyhow::Result<()> {
//! let cluster = TestCluster::start()?;
//! cluster.apply(&json!({
//!     "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
//!     "spec": {"containers": [{"name": "web", "image": "nginx"}]},
//! }))?;
//! cluster.pass(std::time::Duration::from_secs(60));
//! let pod = cluster.get("/api/v1/namespaces/default/pods/web")?;
//! assert_eq!(pod["status"]["phase"], "Running");
//! # Ok(())
//! # }
//! ```
//!
//! Time stands still between [`TestCluster::pass`]es, so a test of a day takes no day and every run is the
//! same. [`TestOptions::serve`] puts the cluster behind TLS on a loopback address, for other clients.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::handle::{Handle, Options};
use super::registry::DisabledPlugins;
use super::serve;
use crate::object::clock::Clock;
use crate::object::{Meta, Object, Status, Timestamp, builtin};

/// The definitions of custom resources.
const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
/// Seconds since 1970 when a test's cluster begins: 2026-01-01T00:00:00Z.
const BEGINNING: i64 = 1_767_225_600;
/// So much time goes by in one step: not more than the engine catches up exactly.
const STEP: SignedDuration = SignedDuration::from_mins(30);

/// How a [`TestCluster`] is made.
#[derive(Clone, Debug)]
pub struct TestOptions {
    nodes: usize,
    seed: u64,
    now: Timestamp,
    time_scale: Option<f64>,
}

impl Default for TestOptions {
    /// Three nodes, at the beginning of 2026, with a clock that stands until it is moved.
    fn default() -> Self {
        Self { nodes: 3, seed: 1, now: Timestamp::constant(BEGINNING, 0), time_scale: None }
    }
}

impl TestOptions {
    /// With so many nodes.
    #[must_use]
    pub fn nodes(self, nodes: usize) -> Self {
        Self { nodes, ..self }
    }

    /// With other names, UIDs and chances.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// At another time.
    #[must_use]
    pub fn now(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// With a clock that runs by itself, so many times as fast as the system's.
    #[must_use]
    pub fn time_scale(self, factor: f64) -> Self {
        Self { time_scale: Some(factor), ..self }
    }

    fn clock(&self) -> Clock {
        self.time_scale.map_or_else(|| Clock::manual(self.now), |factor| Clock::scaled(self.now, factor))
    }

    fn cluster(&self, dir: Option<PathBuf>) -> Options {
        let disabled = DisabledPlugins::default();
        Options { dir, clock: self.clock(), seed: Some(self.seed), nodes: self.nodes, disabled }
    }

    /// Starts the cluster in memory, for this program alone.
    ///
    /// # Errors
    /// The system has no threads left.
    pub fn start(self) -> anyhow::Result<TestCluster> {
        let runtime = runtime()?;
        let handle = super::open(self.cluster(None))?;
        let guard = runtime.enter();
        handle.settle();
        // With a clock that runs, things happen while nobody asks.
        if handle.api().clock().is_scaled() {
            handle.spawn();
        }
        drop(guard);
        Ok(TestCluster { handle, runtime: Some(runtime), served: None })
    }

    /// Starts the cluster in a folder of its own and serves it on a loopback address:
    /// [`TestCluster::kubeconfig`] leads there. Folder and kubeconfig are gone when the cluster is dropped.
    ///
    /// # Errors
    /// A folder or an address that cannot be used.
    pub fn serve(self) -> anyhow::Result<TestCluster> {
        let folder = fresh_folder()?;
        let served = self.serve_in(&folder);
        if served.is_err() {
            let _ = std::fs::remove_dir_all(&folder);
        }
        served
    }

    fn serve_in(self, folder: &Path) -> anyhow::Result<TestCluster> {
        let runtime = runtime()?;
        // Clients check certificates against their own clocks.
        let options = serve::Options::new(folder.to_owned(), Clock::System.now());
        let (told, ready) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let cluster = self.cluster(Some(folder.to_owned()));
        let serving = runtime.spawn(serve::cluster(
            cluster,
            options,
            |_| Ok(()),
            move |server, handle| {
                let _ = told.send((server.running().clone(), handle.clone()));
            },
            async { stopped.await.unwrap_or(()) },
        ));
        match ready.recv() {
            Ok((running, handle)) => {
                let served = Some(Served { running, folder: folder.to_owned(), stop, serving });
                Ok(TestCluster { handle, runtime: Some(runtime), served })
            }
            // The server ended before it was ready, and says why.
            Err(_) => Err(runtime.block_on(serving)?.err().unwrap_or_else(|| anyhow!("the server ended"))),
        }
    }
}

fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

struct Served {
    running: serve::Running,
    folder: PathBuf,
    stop: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<anyhow::Result<()>>,
}

/// A cluster for one test; see the module's text.
pub struct TestCluster {
    handle: Handle,
    /// None once it is being dropped.
    runtime: Option<Runtime>,
    served: Option<Served>,
}

impl TestCluster {
    /// A cluster in memory, with three nodes and a clock that stands until it is moved.
    ///
    /// # Errors
    /// The system has no threads left.
    pub fn start() -> anyhow::Result<Self> {
        TestOptions::default().start()
    }

    /// The cluster itself: for watches and other answers that go on, and for its store.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What time it is in the cluster.
    pub fn now(&self) -> Timestamp {
        self.handle.api().clock().now()
    }

    /// The kubeconfig that leads to a cluster that is [served](TestOptions::serve).
    pub fn kubeconfig(&self) -> Option<&Path> {
        self.served.as_ref().map(|served| served.running.kubeconfig.as_path())
    }

    /// How to reach a cluster that is served: its address, token and authority.
    pub fn server(&self) -> Option<&serve::Running> {
        self.served.as_ref().map(|served| &served.running)
    }

    /// Lets time go by, on a clock that stands by itself, and does everything that becomes due.
    pub fn pass(&self, span: Duration) {
        let clock = self.handle.api().clock();
        let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        let end = clock.now().checked_add(span).unwrap_or(Timestamp::MAX);
        while clock.is_manual() && clock.now() < end {
            clock.advance_to(clock.now().checked_add(STEP).unwrap_or(Timestamp::MAX).min(end));
            self.handle.settle();
        }
    }

    /// Sends a request as the administrator, and reads the answer to its end. A watch has none: use
    /// [`Self::handle`].
    ///
    /// # Errors
    /// The answer breaks off.
    pub fn call(&self, request: Request<Bytes>) -> anyhow::Result<Response<Bytes>> {
        let runtime = self.runtime.as_ref().context("the cluster is gone")?;
        let (done, answer) = mpsc::channel();
        let handle = self.handle.clone();
        runtime.spawn(async move {
            let (parts, body) = handle.call(request).await.into_parts();
            let _ = done.send(body.collect().await.map(|body| Response::from_parts(parts, body.to_bytes())));
        });
        answer.recv().context("the request was not answered")?.map_err(|error| anyhow!("{error}"))
    }

    /// Sends an object (`null` for none) and returns the answer. A PATCH is a JSON merge patch.
    ///
    /// # Errors
    /// The [`Status`] that the API server answers with.
    pub fn send(&self, method: Method, path: &str, body: &Object) -> anyhow::Result<Object> {
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        self.send_as(kind, method, path, body)
    }

    fn send_as(&self, kind: &str, method: Method, path: &str, body: &Object) -> anyhow::Result<Object> {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(serde_json::to_vec(body)?) };
        let response = self.call(Request::builder().method(method).uri(path).header(CONTENT_TYPE, kind).body(body)?)?;
        let code = response.status();
        let object: Object = serde_json::from_slice(response.body()).unwrap_or_default();
        if code.is_success() {
            return Ok(object);
        }
        Err(match Status::from_object(&object) {
            Some(status) => status.into(),
            None => anyhow!("{code}: {}", String::from_utf8_lossy(response.body())),
        })
    }

    /// Gets what is at a path.
    ///
    /// # Errors
    /// As for [`Self::send`].
    pub fn get(&self, path: &str) -> anyhow::Result<Object> {
        self.send(Method::GET, path, &Object::Null)
    }

    /// The objects of a list at a path.
    ///
    /// # Errors
    /// As for [`Self::send`].
    pub fn list(&self, path: &str) -> anyhow::Result<Vec<Object>> {
        let mut list = self.get(path)?;
        Ok(match list.get_mut("items").map(Object::take) {
            Some(Object::Array(items)) => items,
            _ => Vec::new(),
        })
    }

    /// Deletes what is at a path.
    ///
    /// # Errors
    /// As for [`Self::send`].
    pub fn delete(&self, path: &str) -> anyhow::Result<Object> {
        self.send(Method::DELETE, path, &Object::Null)
    }

    /// Applies an object as `kubectl apply --server-side` does, and returns it as it is then.
    ///
    /// # Errors
    /// A kind that the cluster does not know, and as for [`Self::send`].
    pub fn apply(&self, object: &Object) -> anyhow::Result<Object> {
        let path = self.path_of(object)?;
        let path = format!("{path}?fieldManager=test&force=true");
        self.send_as("application/apply-patch+yaml", Method::PATCH, &path, object)
    }

    /// Where an object is: `/apis/apps/v1/namespaces/default/deployments/web`.
    ///
    /// # Errors
    /// A kind that the cluster does not know.
    pub fn path_of(&self, object: &Object) -> anyhow::Result<String> {
        let gvk = object.gvk();
        let (plural, namespaced) = match builtin::by_gvk(&gvk) {
            Some(resource) => (resource.plural.to_owned(), resource.namespaced),
            None => {
                let definitions = self.handle.api().list(DEFINITIONS, None)?;
                let own = definitions.iter().find(|definition| {
                    definition.str_at(&["spec", "group"]) == gvk.group
                        && definition.str_at(&["spec", "names", "kind"]) == gvk.kind
                });
                let own =
                    own.with_context(|| format!("no resource is known for {} {}", gvk.api_version(), gvk.kind))?;
                let plural = own.str_at(&["spec", "names", "plural"]).to_owned();
                (plural, own.str_at(&["spec", "scope"]) == "Namespaced")
            }
        };
        let namespace = match (namespaced, object.namespace()) {
            (false, _) => String::new(),
            (true, "") => "/namespaces/default".to_owned(),
            (true, own) => format!("/namespaces/{own}"),
        };
        Ok(format!("{}{namespace}/{plural}/{}", gvk.group_version().path(), object.name()))
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        if let Some(served) = self.served.take() {
            let (ended, end) = mpsc::channel();
            drop(served.stop);
            runtime.spawn(async move {
                let _ = served.serving.await;
                let _ = ended.send(());
            });
            let _ = end.recv_timeout(Duration::from_secs(5));
            let _ = std::fs::remove_dir_all(&served.folder);
        }
        // A test may be a future of another runtime, where nobody may wait.
        runtime.shutdown_background();
    }
}

/// A folder that nobody had before, and nobody else can look into.
fn fresh_folder() -> anyhow::Result<PathBuf> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("kctl-test-{}-{next}", std::process::id()));
        match builder.create(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && next < 10_000 => {}
            Err(error) => return Err(error).with_context(|| format!("making the folder {}", dir.display())),
        }
    }
}
