//! The lines of one run of a container, computed and kept.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::LogFiles;
use crate::backend::kubelet::access::Access;
use crate::backend::kubelet::container::{self, Kind, State, state_of, status_in};
use crate::backend::kubelet::images::Images;
use crate::backend::kubelet::later;
use crate::backend::kubelet::process::Process;
use crate::object::{Meta, Object, Status, Timestamp};

/// How far ahead a follower computes the lines that a program will write.
const AHEAD: Duration = Duration::from_secs(60);

/// One run of a container, of which there is a log.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    restart: i64,
    started: Timestamp,
    /// `None` while it runs.
    finished: Option<Timestamp>,
}

/// Finds the run whose log is asked for.
pub(super) fn run_of(pod: &Object, kind: Kind, name: &str, previous: bool) -> Result<Run, Status> {
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

/// A line and when it was written.
pub(super) type Line = (Timestamp, String);

/// Reads the log of one run: computed lines and those of its file.
pub(super) struct Reader {
    pub(super) access: Arc<dyn Access>,
    pod: Object,
    container: Object,
    run: Run,
    path: Option<PathBuf>,
    /// How far the file is read.
    offset: u64,
    /// Up to when the computed lines are known, and those that are still to be handed out.
    known: Option<Timestamp>,
    upcoming: VecDeque<Line>,
}

impl Reader {
    /// A reader at the start of a run.
    pub(super) fn new(access: Arc<dyn Access>, files: &LogFiles, pod: &Object, container: &Object, run: Run) -> Self {
        let path = files.path(pod.uid(), container.str_at(&["name"]), run.restart);
        let (pod, container) = (pod.clone(), container.clone());
        Self { access, pod, container, run, path, offset: 0, known: None, upcoming: VecDeque::new() }
    }

    /// The new lines up to `now`, in order.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<Line> {
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
    pub(super) fn goes_on(&mut self) -> bool {
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
