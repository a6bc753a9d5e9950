//! Pods that listen: the program of each running container answers on its ports.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, SERVER};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::table::Table;
use super::{bind, loopback};
use crate::backend::kubelet::access::Access;
use crate::backend::kubelet::container::{self, State, state_of, status_in};
use crate::backend::kubelet::images::Images;
use crate::backend::kubelet::logs::LogFiles;
use crate::backend::kubelet::programs::{Asked, Place, Program};
use crate::backend::kubelet::streams::place;
use crate::object::{Meta, Object};

/// How long requests may go on once a pod has ended.
const FAREWELL: Duration = Duration::from_millis(500);
/// The longest request body that is read, in bytes.
const LONGEST_BODY: usize = 1024 * 1024;

/// What should listen for a pod.
#[derive(Clone, Debug)]
pub(super) struct PodPlan {
    /// Names the runs of its containers: another one means other listeners.
    identity: String,
    ip: String,
    programs: Vec<ProgramPlan>,
    /// It is being deleted: clients should leave.
    leaving: bool,
}

#[derive(Clone, Debug)]
struct ProgramPlan {
    uid: String,
    container: String,
    restart: i64,
    program: Program,
    ports: Vec<u16>,
    place: Place,
}

/// What should listen for this pod; nothing for one without a running server.
pub(super) fn plan(pod: &Object) -> Option<PodPlan> {
    let ip = pod.str_at(&["status", "podIP"]);
    if ip.is_empty() || matches!(pod.str_at(&["status", "phase"]), "Succeeded" | "Failed") {
        return None;
    }
    let status = pod.at(&["status"])?;
    let mut identity = format!("{} {ip}", pod.uid());
    let mut programs = Vec::new();
    for (kind, container) in container::all(pod) {
        let name = container.str_at(&["name"]);
        let own = status_in(status, kind, name);
        let State::Running(started) = state_of(own) else { continue };
        let image = Images::bundled().find(container.str_at(&["image"]));
        let ports = ports(container, &image.ports);
        if image.program == Program::None || ports.is_empty() {
            continue;
        }
        let id = own.map_or("", |own| own.str_at(&["containerID"]));
        let image_id = own.map_or("", |own| own.str_at(&["imageID"]));
        identity.push_str(&format!(" {id} {image_id}"));
        programs.push(ProgramPlan {
            uid: pod.uid().to_owned(),
            container: name.to_owned(),
            restart: own.and_then(|own| own.int_at(&["restartCount"])).unwrap_or(0),
            program: image.program,
            ports,
            place: place(pod, container, started),
        });
    }
    (!programs.is_empty()).then(|| PodPlan {
        identity,
        ip: ip.to_owned(),
        programs,
        leaving: pod.deletion_timestamp().is_some(),
    })
}

/// Where a container's program listens: on the image's ports, or else on those the container declares.
fn ports(container: &Object, known: &[u16]) -> Vec<u16> {
    if !known.is_empty() {
        return known.to_vec();
    }
    let declared = container.list_at(&["ports"]).iter().filter(|port| matches!(port.str_at(&["protocol"]), "" | "TCP"));
    declared.filter_map(|port| u16::try_from(port.int_at(&["containerPort"])?).ok()).collect()
}

/// A pod that listens, until it is dropped.
pub(super) struct Pod {
    identity: String,
    ip: String,
    leaving: Arc<AtomicBool>,
    places: Vec<(u16, SocketAddr)>,
    table: Arc<Table>,
    /// Dropped with the pod, which ends the listeners.
    _end: watch::Sender<()>,
}

impl Pod {
    /// Opens the pod's ports.
    pub(super) async fn start(plan: PodPlan, access: &Arc<dyn Access>, logs: &LogFiles, table: &Arc<Table>) -> Self {
        let (end, ended) = watch::channel(());
        let leaving = Arc::new(AtomicBool::new(plan.leaving));
        let mut places = Vec::new();
        if let Some(ip) = loopback(&plan.ip) {
            for program in &plan.programs {
                let server = Arc::new(Server {
                    program: program.clone(),
                    access: Arc::clone(access),
                    logs: logs.clone(),
                    count: AtomicU64::new(0),
                    leaving: Arc::clone(&leaving),
                });
                for port in &program.ports {
                    let Ok(listener) = bind::open_any(IpAddr::V4(ip), *port) else { continue };
                    let Ok(place) = listener.local_addr() else { continue };
                    table.add(&plan.ip, *port, place);
                    places.push((*port, place));
                    tokio::spawn(accept(listener, Arc::clone(&server), ended.clone()));
                }
            }
        }
        Self { identity: plan.identity, ip: plan.ip, leaving, places, table: Arc::clone(table), _end: end }
    }

    /// Whether these are the runs of containers that the plan means.
    pub(super) fn is_of(&self, plan: &PodPlan) -> bool {
        self.identity == plan.identity
    }

    /// Takes over what may change while the same containers run.
    pub(super) fn update(&self, plan: &PodPlan) {
        self.leaving.store(plan.leaving, Ordering::Relaxed);
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        for (port, place) in &self.places {
            self.table.remove(&self.ip, *port, *place);
        }
    }
}

struct Server {
    program: ProgramPlan,
    access: Arc<dyn Access>,
    logs: LogFiles,
    count: AtomicU64,
    leaving: Arc<AtomicBool>,
}

async fn accept(listener: TcpListener, server: Arc<Server>, mut ended: watch::Receiver<()>) {
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    let _ = stream.set_nodelay(true);
                    tokio::spawn(serve(stream, client, Arc::clone(&server), ended.clone()));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

/// A connection to a port of a pod, answered by its program whether the pod listens on this machine or not.
/// None where nothing is behind the port.
pub fn connect(pod: &Object, port: u16, access: &Arc<dyn Access>, logs: &LogFiles) -> Option<DuplexStream> {
    /// Bytes that wait on their way at most.
    const WAITING: usize = 64 * 1024;
    let plan = plan(pod)?;
    let program = plan.programs.into_iter().find(|program| program.ports.contains(&port))?;
    let server = Arc::new(Server {
        program,
        access: Arc::clone(access),
        logs: logs.clone(),
        count: AtomicU64::new(0),
        leaving: Arc::new(AtomicBool::new(plan.leaving)),
    });
    let (ours, theirs) = tokio::io::duplex(WAITING);
    tokio::spawn(async move {
        let (_end, ended) = watch::channel(());
        serve(theirs, SocketAddr::from(([127, 0, 0, 1], 0)), server, ended).await;
    });
    Some(ours)
}

async fn serve<T>(stream: T, client: SocketAddr, server: Arc<Server>, mut ended: watch::Receiver<()>)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    if !server.program.program.answers_http() {
        // A database of this cluster takes connections and keeps its peace.
        let (mut stream, mut nowhere) = (stream, tokio::io::sink());
        tokio::select! {
            _ = ended.changed() => {}
            _ = tokio::io::copy(&mut stream, &mut nowhere) => {}
        }
        return;
    }
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(server.answer(request, client).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = ended.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(FAREWELL, connection).await;
}

impl Server {
    async fn answer(&self, request: Request<Incoming>, client: SocketAddr) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = match Limited::new(body, LONGEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => {
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
                return response;
            }
        };
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let at = self.access.now();
        let asked = Asked {
            method: parts.method.to_string(),
            target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            client: client.ip().to_string(),
            headers: parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
            count: self.count.fetch_add(1, Ordering::Relaxed),
            at,
        };
        let answer = self.program.program.answer(&self.program.place, &asked);
        if !answer.log.is_empty() {
            self.logs.append(&self.program.uid, &self.program.container, self.program.restart, at, &answer.log);
        }
        let mut response = Response::new(Full::from(answer.body));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        if !answer.server.is_empty() {
            headers.insert(SERVER, HeaderValue::from_static(answer.server));
        }
        if self.leaving.load(Ordering::Relaxed) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
