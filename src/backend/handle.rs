//! The cluster as one value: opened, asked, served.

use std::any::Any;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};

use super::api::{self, Api, Body, BoxFuture, Nodes, Webhooks};
use super::bootstrap;
use super::controllers::engine::Settled;
use super::faults::api::Gateway;
use super::kubelet::access::Waiter;
use super::registry::DisabledPlugins;
use super::store::Store;
use crate::object::clock::Clock;
use crate::object::{Status, Timestamp};

/// The file that holds the cluster, in the state folder.
pub(super) const FILE: &str = "cluster.db";
/// The longest request body that is read, in bytes.
const LONGEST_BODY: usize = 3 * 1024 * 1024;

/// How to open a cluster.
#[derive(Clone, Debug)]
pub struct Options {
    /// The state folder; `None` for a cluster in memory, which ends with the process.
    pub dir: Option<PathBuf>,
    /// What time it is.
    pub clock: Clock,
    /// Makes names, UIDs and chances repeat; of the first opening only, later ones keep it.
    pub seed: Option<u64>,
    /// How many nodes a new cluster has.
    pub nodes: usize,
    /// The admission plugins that it goes without.
    pub disabled: DisabledPlugins,
}

/// The store's text that says what time it was when a server ended, in RFC 3339.
pub(super) const LAST_MOMENT: &str = "clock.last";

/// Up to when the cluster has lived.
fn last_moment(store: &Store) -> anyhow::Result<Timestamp> {
    let settled = store.meta_get(Settled::KEY)?.and_then(|text| serde_json::from_str::<Settled>(&text).ok());
    let left = store.meta_get(LAST_MOMENT)?.and_then(|text| text.parse().ok());
    Ok(settled.map_or(Timestamp::UNIX_EPOCH, |settled| settled.at()).max(left.unwrap_or(Timestamp::UNIX_EPOCH)))
}

/// What moves the cluster: controllers, scheduler, kubelet.
pub trait Engine: Send + Sync {
    /// Does everything that is due. Must cost next to nothing where nothing is. Whether it stopped at a
    /// write that waits for the word of webhooks.
    fn settle(&self) -> bool;
    /// Gets the word that the last write waits for. Whether there was something to ask.
    fn ask(&self) -> BoxFuture<'_, bool>;
    /// Sees to it that the cluster moves in the background from now on, in real time.
    fn spawn(&self);
    /// Someone waits for things to happen, for as long as they keep what this returns.
    fn wait(&self) -> Box<dyn Any + Send>;
}

/// Whether the answer to a request goes on for a while, because a log is followed.
fn follows(request: &Request<Bytes>) -> bool {
    request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "follow=true"))
}

/// Whether a request asks to switch protocols: for a process's streams.
fn switches(request: &Request<Bytes>) -> bool {
    request.headers().contains_key(http::header::UPGRADE)
}

/// A cluster. Clones are handles on the same one.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    api: Api,
    nodes: OnceLock<Arc<dyn Nodes>>,
    engine: OnceLock<Arc<dyn Engine>>,
    /// Whether the cluster moves by itself, so that requests need not move it.
    moves: AtomicBool,
    faults: Gateway,
}

/// Whether what follows from a write is there when the write is answered, also where the cluster moves by
/// itself: a namespace can be used at once.
fn is_followed_up(request: &Request<Bytes>) -> bool {
    *request.method() == Method::POST && request.uri().path() == "/api/v1/namespaces"
}

impl Handle {
    /// Opens a cluster; one that is not there yet is made, with the objects that every cluster has.
    pub fn open(options: Options) -> anyhow::Result<Self> {
        let store = match &options.dir {
            Some(dir) => {
                let path = dir.join(FILE);
                Store::open(&path).with_context(|| format!("opening the bundled cluster in {}", dir.display()))?
            }
            None => Store::memory()?,
        };
        // What has lived until a moment lives on after it, whatever the system's clock says now.
        let clock = options.clock.not_before(last_moment(&store)?);
        let api = Api::without(options.disabled, store, clock, options.seed);
        bootstrap::run(&api, options.nodes, options.seed)?;
        let (nodes, engine, faults) = (OnceLock::new(), OnceLock::new(), Gateway::default());
        faults.load(&api);
        Ok(Self { shared: Arc::new(Shared { api, nodes, engine, moves: AtomicBool::new(false), faults }) })
    }

    /// The API server's core, without HTTP.
    pub fn api(&self) -> &Api {
        &self.shared.api
    }

    /// Plugs in what streams from and to containers; the first one stays.
    pub fn set_nodes(&self, nodes: Arc<dyn Nodes>) {
        let _ = self.shared.nodes.set(nodes);
    }

    /// Plugs in the way to webhooks; the first one stays.
    pub fn set_webhooks(&self, webhooks: Arc<dyn Webhooks>) {
        let _ = self.shared.api.way_to_webhooks().set(webhooks);
    }

    /// Plugs in what moves the cluster; the first one stays.
    pub fn set_engine(&self, engine: Arc<dyn Engine>) {
        let _ = self.shared.engine.set(engine);
    }

    /// Does everything that is due.
    pub fn settle(&self) {
        if let Some(engine) = self.shared.engine.get() {
            engine.settle();
        }
    }

    /// Does everything that is due, with what webhooks have to say about it. Where somebody else is asking
    /// them, this does not wait: it may be a webhook that asks.
    async fn settle_and_ask(&self) {
        let Some(engine) = self.shared.engine.get() else { return };
        while engine.settle() {
            if !engine.ask().await {
                return;
            }
        }
    }

    /// Sees to it that the cluster moves in the background from now on.
    pub fn spawn(&self) {
        if let Some(engine) = self.shared.engine.get() {
            engine.spawn();
        }
    }

    /// Prepares for many clients: the cluster moves in the background, and where its clock runs, requests
    /// neither move it nor wait for what it does.
    pub fn serve(&self) {
        self.spawn();
        self.shared.api.store().serve();
        let runs = !self.shared.api.clock().is_manual();
        self.shared.moves.store(runs && self.shared.engine.get().is_some(), Ordering::Relaxed);
    }

    /// Answers a request, once the cluster is settled. A watch also keeps it moving.
    pub async fn call(&self, mut request: Request<Bytes>) -> Response<Body> {
        let mut verdict = self.shared.faults.judge(&request).await;
        if let Some(answer) = verdict.answer.take() {
            return answer;
        }
        let mut waiter = None;
        let moves = self.shared.moves.load(Ordering::Relaxed);
        if let Some(engine) = self.shared.engine.get() {
            if !moves {
                self.settle_and_ask().await;
            }
            if switches(&request) {
                request.extensions_mut().insert(Waiter::new(engine.wait()));
                engine.spawn();
            } else if api::http::is_watch(&request) || follows(&request) {
                waiter = Some(engine.wait());
                engine.spawn();
            }
        }
        let nodes = self.shared.nodes.get().map(|nodes| &**nodes);
        let writes = !matches!(*request.method(), Method::GET | Method::HEAD);
        let concerns_faults = writes && Gateway::concerns(request.uri().path());
        let settles = if moves { is_followed_up(&request) } else { writes };
        let response = verdict.on(api::http::handle(&self.shared.api, nodes, request).await);
        if concerns_faults {
            self.shared.faults.load(&self.shared.api);
        }
        if settles {
            // What follows at once from a write is dated at the write, not at the next command.
            self.settle_and_ask().await;
        }
        match waiter {
            Some(waiter) => response.map(|body| {
                // The closure keeps the waiter for as long as the body is read.
                let held = body.map_frame(move |frame| {
                    let _ = &waiter;
                    frame
                });
                held.boxed_unsync()
            }),
            None => response,
        }
    }

    /// Answers a request whose body is still to come.
    pub async fn call_incoming(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        match Limited::new(body, LONGEST_BODY).collect().await {
            Ok(body) => self.call(Request::from_parts(parts, body.to_bytes())).await,
            Err(error) if error.is::<LengthLimitError>() => api::response::failure(&Status::failure(
                413,
                "RequestEntityTooLarge",
                format!("Request entity too large: limit is {LONGEST_BODY}"),
            )),
            Err(error) => api::response::failure(&Status::bad_request(format!("reading the request's body: {error}"))),
        }
    }

    /// Serves a connection until it ends: HTTP/1.1 or HTTP/2, whichever the client speaks.
    pub async fn serve_connection(
        &self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<(), api::BoxError> {
        let service = service_fn(|request| {
            let handle = self.clone();
            async move { Ok::<_, std::convert::Infallible>(handle.call_incoming(request).await) }
        });
        auto::Builder::new(TokioExecutor::new()).serve_connection_with_upgrades(TokioIo::new(io), service).await
    }
}
