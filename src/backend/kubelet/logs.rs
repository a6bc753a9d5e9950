//! Container logs: what a program writes by itself is computed from when it started; what comes from
//! outside is kept in files, `pods/UID/CONTAINER/RESTART.log` in the state folder, one line a time and a
//! text. A reader merges both, and follows them as they grow, whichever process appends to the files.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc;

use super::access::{Access, Body, BoxError, query};
use super::container::{self, Kind, State, state_of, status_in};
use super::images::Images;
use super::later;
use super::process::Process;
use crate::object::{Meta, Object, Status, Timestamp};

/// How often a follower looks for new lines.
const POLL: Duration = Duration::from_millis(50);
/// How far ahead a follower computes the lines that a program will write.
const AHEAD: Duration = Duration::from_secs(60);

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

/// What a reader of logs asks for (`v1.PodLogOptions`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogOptions {
    /// Empty for the only container.
    pub container: String,
    /// Goes on until the container ends.
    pub follow: bool,
    /// The run before this one.
    pub previous: bool,
    /// No line older than so many seconds.
    pub since_seconds: Option<i64>,
    /// No line older than this.
    pub since_time: Option<Timestamp>,
    /// Each line with its time.
    pub timestamps: bool,
    /// Only so many last lines.
    pub tail_lines: Option<usize>,
    /// Ends after so many bytes.
    pub limit_bytes: Option<usize>,
}

impl LogOptions {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// 400 for what is no number or time.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let mut options = Self::default();
        let bad = |name: &str, value: &str| Status::bad_request(format!("invalid value {value:?} for {name}"));
        for (name, value) in query(text) {
            let flag = !matches!(value.as_str(), "false" | "0");
            let number = || value.parse::<i64>().ok().filter(|number| *number >= 0).ok_or_else(|| bad(&name, &value));
            match name.as_str() {
                "container" => options.container = value,
                "follow" => options.follow = flag,
                "previous" => options.previous = flag,
                "timestamps" => options.timestamps = flag,
                "sinceSeconds" => options.since_seconds = Some(number()?),
                "sinceTime" => options.since_time = Some(value.parse().map_err(|_| bad(&name, &value))?),
                "tailLines" => options.tail_lines = usize::try_from(number()?).ok(),
                "limitBytes" => options.limit_bytes = usize::try_from(number()?).ok(),
                _ => {}
            }
        }
        Ok(options)
    }
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

/// One run of a container, of which there is a log.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    restart: i64,
    started: Timestamp,
    /// `None` while it runs.
    finished: Option<Timestamp>,
}

/// Finds the run whose log is asked for.
fn run_of(pod: &Object, kind: Kind, name: &str, previous: bool) -> Result<Run, Status> {
    let pod_name = pod.name();
    let fail = |why: &str| Err(Status::bad_request(format!("container {name:?} in pod {pod_name:?} is {why}")));
    let Some(own) = pod.at(&["status"]).and_then(|status| status_in(status, kind, name)) else {
        return fail("not available");
    };
    let restart = own.int_at(&["restartCount"]).unwrap_or(0);
    let ended = |field: &str| {
        let terminated = own.at(&[field, "terminated"])?;
        Some((terminated.time_at(&["startedAt"])?, terminated.time_at(&["finishedAt"])?))
    };
    let waits = matches!(state_of(Some(own)), State::Waiting(_));
    if previous {
        // A container that waits for its restart has not been counted up yet.
        let restart = if waits { restart } else { restart - 1 };
        return match ended("lastState") {
            Some((started, finished)) => Ok(Run { restart, started, finished: Some(finished) }),
            None => Err(Status::bad_request(format!(
                "previous terminated container {name:?} in pod {pod_name:?} not found"
            ))),
        };
    }
    match state_of(Some(own)) {
        State::Running(started) => Ok(Run { restart, started, finished: None }),
        State::Terminated(finished, _) => {
            let started = ended("state").map_or(finished, |(started, _)| started);
            Ok(Run { restart, started, finished: Some(finished) })
        }
        State::Waiting(reason) => match (ended("lastState"), reason.as_str()) {
            (Some((started, finished)), _) => Ok(Run { restart, started, finished: Some(finished) }),
            (None, "ErrImagePull") => fail("waiting to start: image can't be pulled"),
            (None, "ImagePullBackOff") => fail("waiting to start: trying and failing to pull image"),
            (None, "") => fail("waiting to start - no logs yet"),
            (None, reason) => fail(&format!("waiting to start: {reason}")),
        },
    }
}

type Line = (Timestamp, String);

/// Reads the log of one run: computed lines and those of its file.
struct Reader {
    access: Arc<dyn Access>,
    pod: Object,
    container: Object,
    run: Run,
    path: Option<PathBuf>,
    /// How far the file is read.
    offset: u64,
    /// Up to when the computed lines are known, and those that are still to be handed out.
    known: Option<Timestamp>,
    upcoming: std::collections::VecDeque<Line>,
}

impl Reader {
    /// The new lines up to `now`, in order.
    fn take(&mut self, now: Timestamp) -> Vec<Line> {
        let until = self.run.finished.map_or(now, |finished| finished.min(now));
        let ahead = if self.run.finished.is_some() { until } else { later(until, AHEAD) };
        if self.known.is_none_or(|known| known < until) {
            let process = Process::new(&self.pod, &self.container, self.run.started, Images::bundled(), &*self.access);
            let (known, upcoming) = (self.known, &mut self.upcoming);
            let span = Duration::try_from(ahead.duration_since(self.run.started)).unwrap_or_default();
            process.lines(span, &mut |at, line| {
                if known.is_none_or(|known| at > known) {
                    upcoming.push_back((at, line));
                }
            });
            self.known = Some(ahead);
        }
        let mut lines = Vec::new();
        while self.upcoming.front().is_some_and(|(at, _)| *at <= until) {
            lines.extend(self.upcoming.pop_front());
        }
        let computed = lines.len();
        lines.extend(self.read_file());
        if computed > 0 && computed < lines.len() {
            lines.sort_by_key(|(at, _)| *at);
        }
        lines
    }

    fn read_file(&mut self) -> Vec<Line> {
        let Some(mut file) = self.path.as_ref().and_then(|path| File::open(path).ok()) else { return Vec::new() };
        if file.seek(SeekFrom::Start(self.offset)).is_err() {
            return Vec::new();
        }
        let mut reader = BufReader::new(file);
        let mut lines = Vec::new();
        let mut text = Vec::new();
        loop {
            text.clear();
            match reader.read_until(b'\n', &mut text) {
                // A line without its end is still being written.
                Ok(read) if read > 0 && text.ends_with(b"\n") => self.offset += u64::try_from(read).unwrap_or(0),
                _ => return lines,
            }
            let line = String::from_utf8_lossy(&text);
            if let Some((time, line)) = line.trim_end_matches('\n').split_once(' ')
                && let Ok(time) = time.parse()
            {
                lines.push((time, line.to_owned()));
            }
        }
    }

    /// Whether the run goes on: the container runs, and it is still the same run.
    fn goes_on(&mut self) -> bool {
        let Some(pod) = self.access.object("pods", self.pod.namespace(), self.pod.name()) else {
            self.run.finished = Some(self.access.now());
            return false;
        };
        let name = self.container.str_at(&["name"]).to_owned();
        let kind = container::find(&pod, &name).map_or(Kind::Main, |(kind, _)| kind);
        let now = run_of(&pod, kind, &name, false);
        match now {
            Ok(run) if pod.uid() == self.pod.uid() && run.restart == self.run.restart => {
                self.run.finished = run.finished;
                run.finished.is_none()
            }
            _ => {
                self.run.finished = Some(self.access.now());
                false
            }
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
        return Err(Status::bad_request(format!("pod {} does not have a host assigned", pod.name())));
    }
    let name = container.str_at(&["name"]);
    let run = run_of(pod, kind, name, options.previous)?;
    let path = files.path(pod.uid(), name, run.restart);
    let mut reader = Reader {
        access: Arc::clone(access),
        pod: pod.clone(),
        container: container.clone(),
        run,
        path,
        offset: 0,
        known: None,
        upcoming: std::collections::VecDeque::new(),
    };
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
    let path = files.path(pod.uid(), &name, run.restart);
    let now = access.now();
    let spec = spec.clone();
    let mut reader = Reader {
        access,
        pod,
        container: spec,
        run,
        path,
        offset: 0,
        known: None,
        upcoming: std::collections::VecDeque::new(),
    };
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
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::backend::controllers::{Event, Key, View};
    use crate::backend::kubelet::env::Lookup;
    use crate::object::clock::Clock;
    use serde_json::json;

    /// A cluster in memory.
    struct Fake {
        view: Mutex<View>,
        clock: Clock,
    }

    impl Lookup for Fake {
        fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
            self.view.lock().unwrap().object(resource, namespace, name)
        }
        fn services(&self, namespace: &str) -> Vec<Arc<Object>> {
            self.view.lock().unwrap().services(namespace)
        }
    }

    impl Access for Fake {
        fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Object>> {
            self.view.lock().unwrap().list(resource, namespace).cloned().collect()
        }
        fn now(&self) -> Timestamp {
            self.clock.now()
        }
        fn update_status(&self, _: &'static str, _: Object) {}
        fn report(&self, _: Event) {}
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_767_323_045 + seconds).expect("a time")
    }

    fn pod(state: Object, last: Object, restarts: i64) -> Object {
        json!({
            "metadata": {"namespace": "n", "name": "p", "uid": "u1"},
            "spec": {"nodeName": "w", "containers": [{"name": "c", "image": "busybox", "command": ["sh", "-c", "echo start; while true; do sleep 10; echo tick; done"]}]},
            "status": {"containerStatuses": [{"name": "c", "state": state, "lastState": last, "restartCount": restarts}]},
        })
    }

    fn cluster(pod: &Object, now: i64) -> (Arc<dyn Access>, Arc<Fake>) {
        let fake = Arc::new(Fake {
            view: Mutex::new(View::of([("pods", pod.clone())], at(now))),
            clock: Clock::manual(at(now)),
        });
        (Arc::clone(&fake) as Arc<dyn Access>, fake)
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("kctl-logs-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    async fn read(response: Response<Body>) -> String {
        String::from_utf8(response.into_body().collect().await.expect("a body").to_bytes().to_vec()).expect("text")
    }

    fn running(seconds: i64) -> Object {
        json!({"running": {"startedAt": at(seconds).to_string()}})
    }

    fn ended(from: i64, to: i64) -> Object {
        json!({"terminated": {"startedAt": at(from).to_string(), "finishedAt": at(to).to_string(), "exitCode": 1, "containerID": "containerd://x"}})
    }

    #[tokio::test]
    async fn merges_cuts_and_stamps() {
        let pod = pod(running(0), json!({}), 0);
        let (access, _) = cluster(&pod, 35);
        let folder = folder("merge");
        let files = LogFiles::new(&folder);
        files.append("u1", "c", 0, at(15), "asked");
        files.append("u1", "c", 1, at(15), "of another run");
        for (query, want) in [
            ("", "start\ntick\nasked\ntick\ntick\n"),
            ("tailLines=2", "tick\ntick\n"),
            ("tailLines=0", ""),
            ("sinceSeconds=16", "tick\ntick\n"),
            ("sinceTime=2026-01-02T03%3A04%3A20Z", "asked\ntick\ntick\n"),
            ("limitBytes=7", "start\nt"),
            (
                "timestamps=true&tailLines=4",
                "2026-01-02T03:04:15.000000000Z tick\n2026-01-02T03:04:20.000000000Z asked\n2026-01-02T03:04:25.000000000Z tick\n2026-01-02T03:04:35.000000000Z tick\n",
            ),
        ] {
            let options = LogOptions::parse(query).expect("options");
            assert_eq!(read(serve(&access, &files, &pod, &options).expect("a log")).await, want, "{query}");
        }
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[tokio::test]
    async fn follows_until_the_end() {
        let pod = pod(running(0), json!({}), 0);
        let (access, fake) = cluster(&pod, 5);
        let folder = folder("follow");
        let files = LogFiles::new(&folder);
        let options = LogOptions { follow: true, ..LogOptions::default() };
        let reading = tokio::spawn(read(serve(&access, &files, &pod, &options).expect("a log")));
        tokio::time::sleep(Duration::from_millis(120)).await;
        fake.clock.advance_to(at(21));
        files.append("u1", "c", 0, at(21), "asked");
        tokio::time::sleep(Duration::from_millis(120)).await;
        let mut over = pod.clone();
        over["status"]["containerStatuses"][0]["state"] = ended(0, 32);
        fake.clock.advance_to(at(60));
        fake.view
            .lock()
            .unwrap()
            .set(Key { resource: "pods", namespace: "n".into(), name: "p".into() }, Some(Arc::new(over)));
        assert_eq!(reading.await.expect("read"), "start\ntick\ntick\nasked\ntick\n");
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[tokio::test]
    async fn says_which_log_there_is() {
        let files = LogFiles::new(folder("none"));
        let waiting = |reason: &str| json!({"waiting": {"reason": reason}});
        for (state, last, previous, want) in [
            (
                waiting("ContainerCreating"),
                json!({}),
                false,
                Err("container \"c\" in pod \"p\" is waiting to start: ContainerCreating"),
            ),
            (
                waiting("ImagePullBackOff"),
                json!({}),
                false,
                Err("container \"c\" in pod \"p\" is waiting to start: trying and failing to pull image"),
            ),
            (
                waiting("ErrImagePull"),
                json!({}),
                false,
                Err("container \"c\" in pod \"p\" is waiting to start: image can't be pulled"),
            ),
            (running(0), json!({}), true, Err("previous terminated container \"c\" in pod \"p\" not found")),
            (running(30), ended(0, 12), true, Ok("start\ntick\n")),
            (waiting("CrashLoopBackOff"), ended(0, 22), false, Ok("start\ntick\ntick\n")),
            (ended(0, 3), json!({}), false, Ok("start\n")),
        ] {
            let pod = pod(state, last, 1);
            let (access, _) = cluster(&pod, 100);
            let options = LogOptions { previous, ..LogOptions::default() };
            match (serve(&access, &files, &pod, &options), want) {
                (Ok(response), Ok(want)) => assert_eq!(read(response).await, want),
                (Err(status), Err(want)) => assert_eq!((status.message.as_str(), status.code), (want, 400)),
                (found, want) => panic!("{:?} instead of {want:?}", found.err()),
            }
        }
    }

    #[test]
    fn chooses_a_container() {
        let pod = json!({"metadata": {"name": "x"}, "spec": {"initContainers": [{"name": "i"}], "containers": [{"name": "a"}, {"name": "b"}]}});
        assert_eq!(choose(&pod, "b").map(|(_, c)| c["name"].clone()), Ok(json!("b")));
        assert_eq!(
            choose(&pod, "").unwrap_err().message,
            "a container name must be specified for pod x, choose one of: [i a b]"
        );
        assert_eq!(choose(&pod, "z").unwrap_err().message, "container z is not valid for pod x");
    }
}
