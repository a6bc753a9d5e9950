//! Container logs: what a program writes by itself is computed from when it started; what comes from
//! outside is kept in files, `pods/UID/CONTAINER/RESTART.log` in the state folder, one line a time and a
//! text. A reader merges both, and follows them as they grow, whichever process appends to the files.

mod options;
mod reader;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;

pub use options::LogOptions;

use super::access::{Access, Body, BoxError};
use super::container::{self, Kind};
use crate::object::{Meta, Object, Status, Timestamp};
use reader::{Line, Reader, run_of};

/// How often a follower looks for new lines.
const POLL: Duration = Duration::from_millis(50);

/// The log files of a cluster.
#[derive(Clone, Debug)]
pub struct LogFiles {
    folder: PathBuf,
}

impl LogFiles {
    /// The log files below a state folder.
    pub fn new(state: impl Into<PathBuf>) -> Self {
        Self { folder: state.into().join("pods") }
    }

    fn path(&self, uid: &str, container: &str, restart: i64) -> Option<PathBuf> {
        let safe = |part: &str| !part.is_empty() && !part.contains(['/', '\\', '\0']) && part != "." && part != "..";
        (safe(uid) && safe(container)).then(|| self.folder.join(uid).join(container).join(format!("{restart}.log")))
    }

    /// Appends a line to the log of one run of a container. A log that cannot be written loses the line.
    pub fn append(&self, uid: &str, container: &str, restart: i64, time: Timestamp, line: &str) {
        let Some(path) = self.path(uid, container, restart) else { return };
        let text = format!("{} {}\n", stamp(time), line.replace('\n', " "));
        let open = || OpenOptions::new().create(true).append(true).open(&path);
        let file = open().or_else(|_| {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            open()
        });
        if let Ok(mut file) = file {
            let _ = file.write_all(text.as_bytes());
        }
    }
}

/// RFC 3339 with nanoseconds.
fn stamp(time: Timestamp) -> String {
    jiff::fmt::strtime::format("%Y-%m-%dT%H:%M:%S%.9fZ", time).unwrap_or_else(|_| time.to_string())
}

/// Chooses the container that a request means.
///
/// # Errors
/// 400 in the API server's words, where none or one that is not there is named.
pub fn choose<'a>(pod: &'a Object, name: &str) -> Result<(Kind, &'a Object), Status> {
    let pod_name = pod.name();
    if !name.is_empty() {
        let found = container::find(pod, name);
        return found.ok_or_else(|| Status::bad_request(format!("container {name} is not valid for pod {pod_name}")));
    }
    match pod.list_at(&["spec", "containers"]) {
        [] => Err(Status::bad_request(format!("a container name must be specified for pod {pod_name}"))),
        [only] => Ok((Kind::Main, only)),
        _ => {
            let names: Vec<&str> = container::all(pod).map(|(_, container)| container.str_at(&["name"])).collect();
            let names = names.join(" ");
            Err(Status::bad_request(format!(
                "a container name must be specified for pod {pod_name}, choose one of: [{names}]"
            )))
        }
    }
}

/// Turns lines into what a client asked for.
struct Writer {
    timestamps: bool,
    left: Option<usize>,
}

impl Writer {
    /// The bytes of these lines; false once the limit is reached.
    fn write(&mut self, lines: &[Line]) -> (Vec<u8>, bool) {
        let mut out = Vec::with_capacity(lines.iter().map(|(_, line)| line.len() + 32).sum());
        for (time, line) in lines {
            if self.timestamps {
                out.extend_from_slice(stamp(*time).as_bytes());
                out.push(b' ');
            }
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        match &mut self.left {
            Some(left) if out.len() >= *left => {
                out.truncate(*left);
                *left = 0;
                (out, false)
            }
            Some(left) => {
                *left -= out.len();
                (out, true)
            }
            None => (out, true),
        }
    }
}

/// Answers `GET …/pods/NAME/log`.
///
/// # Errors
/// 400 where there is no such container, or it has no log yet.
pub fn serve(
    access: &Arc<dyn Access>,
    files: &LogFiles,
    pod: &Object,
    options: &LogOptions,
) -> Result<Response<Body>, Status> {
    let (kind, container) = choose(pod, &options.container)?;
    if pod.str_at(&["spec", "nodeName"]).is_empty() {
        // No kubelet to ask: the API server answers with an empty log.
        return Ok(super::access::respond(::http::StatusCode::OK, "text/plain", Bytes::new()));
    }
    let name = container.str_at(&["name"]);
    let run = run_of(pod, kind, name, options.previous)?;
    let mut reader = Reader::new(Arc::clone(access), files, pod, container, run);
    let now = access.now();
    let mut lines = reader.take(now);
    let since = options.since_time.or_else(|| {
        let seconds = jiff::SignedDuration::from_secs(options.since_seconds?);
        now.checked_sub(seconds).ok()
    });
    if let Some(since) = since {
        lines.retain(|(at, _)| *at >= since);
    }
    if let Some(tail) = options.tail_lines {
        lines.drain(..lines.len().saturating_sub(tail));
    }
    let mut writer = Writer { timestamps: options.timestamps, left: options.limit_bytes };
    let (first, mut more) = writer.write(&lines);
    let (sender, mut receiver) = mpsc::channel::<Bytes>(16);
    let follow = options.follow && !options.previous;
    let stream = futures_util::stream::poll_fn(move |context| {
        receiver.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok::<_, BoxError>(Frame::data(bytes))))
    });
    if follow && more {
        tokio::spawn(async move {
            if !first.is_empty() && sender.send(first.into()).await.is_err() {
                return;
            }
            while more {
                let goes_on = reader.goes_on();
                let (bytes, go) = writer.write(&reader.take(reader.access.now()));
                more = go && goes_on;
                if !bytes.is_empty() && sender.send(bytes.into()).await.is_err() {
                    return;
                }
                if more {
                    tokio::select! {
                        () = tokio::time::sleep(POLL) => {}
                        () = sender.closed() => return,
                    }
                }
            }
        });
    } else if !first.is_empty() {
        let _ = sender.try_send(first.into());
    }
    let mut response = Response::new(StreamBody::new(stream).boxed_unsync());
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

/// Writes the log of a container's present run to `sink` as it grows, until it ends: what `attach` shows.
pub async fn attach(
    access: Arc<dyn Access>,
    files: LogFiles,
    pod: Object,
    container: String,
    sink: mpsc::Sender<Bytes>,
) {
    let Ok((kind, spec)) = choose(&pod, &container) else { return };
    let name = spec.str_at(&["name"]).to_owned();
    let Ok(run) = run_of(&pod, kind, &name, false) else { return };
    let now = access.now();
    let mut reader = Reader::new(access, &files, &pod, spec, run);
    reader.take(now);
    let mut writer = Writer { timestamps: false, left: None };
    loop {
        let goes_on = reader.goes_on();
        let (bytes, _) = writer.write(&reader.take(reader.access.now()));
        if !bytes.is_empty() && sink.send(bytes.into()).await.is_err() || !goes_on {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = sink.closed() => return,
        }
    }
}

#[cfg(test)]
mod tests;
