//! What a process writes that stands for a container's own, kept in the container's log on its way to
//! whoever is attached.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::access::Access;
use super::container::status_in;
use super::logs::LogFiles;
use super::remote::Process;
use crate::object::{Meta, Object};

/// The longest line, in bytes; what is longer becomes several, as with the runtimes of containers.
const LINE: usize = 16 * 1024;
/// How much of one session is kept of each of its streams, in bytes: a kubelet keeps as much of a log.
const MOST: usize = 10 * 1024 * 1024;

/// Where lines go: the log of one run of a container.
#[derive(Clone)]
pub struct Recorder {
    logs: LogFiles,
    uid: String,
    container: String,
    restart: i64,
}

impl Recorder {
    /// The log of the present run of a container; none where there is no such container.
    pub fn new(access: &dyn Access, logs: LogFiles, pod: &Object, container: &str) -> Option<Self> {
        let (kind, spec) = super::logs::choose(pod, container).ok()?;
        let name = spec.str_at(&["name"]).to_owned();
        let now = access.object("pods", pod.namespace(), pod.name());
        let status = now.as_deref().unwrap_or(pod).at(&["status"]);
        let own = status.and_then(|status| status_in(status, kind, &name));
        let restart = own.and_then(|own| own.int_at(&["restartCount"])).unwrap_or(0);
        Some(Self { logs, uid: pod.uid().to_owned(), container: name, restart })
    }

    /// Records what the process writes from here on.
    pub fn listen(self, access: &Arc<dyn Access>, process: &mut Process) {
        for stream in [&mut process.stdout, &mut process.stderr] {
            if let Some(from) = stream.take() {
                let (recorder, access) = (self.clone(), Arc::clone(access));
                let write = move |line: &str| {
                    recorder.logs.append(&recorder.uid, &recorder.container, recorder.restart, access.now(), line);
                };
                *stream = Some(Box::new(Recorded { from, line: Vec::new(), left: MOST, write }));
            }
        }
    }
}

/// A stream whose lines are handed on as they pass.
struct Recorded<W: Fn(&str)> {
    from: Box<dyn AsyncRead + Send + Unpin>,
    line: Vec<u8>,
    left: usize,
    write: W,
}

impl<W: Fn(&str)> Recorded<W> {
    fn take(&mut self, data: &[u8]) {
        let kept = data.get(..data.len().min(self.left)).unwrap_or_default();
        self.left -= kept.len();
        for piece in kept.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.line.pop();
                self.end();
            } else if self.line.len() >= LINE {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        (self.write)(&String::from_utf8_lossy(&self.line));
        self.line.clear();
    }
}

impl<W: Fn(&str) + Unpin> AsyncRead for Recorded<W> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut this.from).poll_read(context, buffer));
        match buffer.filled().get(before..) {
            Some(data) if !data.is_empty() => this.take(data),
            // The end, of which a terminal makes an error.
            _ if !this.line.is_empty() => this.end(),
            _ => {}
        }
        Poll::Ready(result)
    }
}

impl<W: Fn(&str)> Drop for Recorded<W> {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let lines = RefCell::new(Vec::new());
        let write = |line: &str| lines.borrow_mut().push(line.to_owned());
        let mut recorded = Recorded { from: Box::new(tokio::io::empty()), line: Vec::new(), left: MOST, write };
        pieces.iter().for_each(|piece| recorded.take(piece));
        drop(recorded);
        lines.into_inner()
    }

    #[test]
    fn lines_are_put_together_and_cut() {
        assert_eq!(lines(&[b"# e", b"cho a\r\na\r\n\n# "]), ["# echo a\r", "a\r", "", "# "]);
        assert_eq!(lines(&[&[b'x'; LINE], b"y\n"]).iter().map(String::len).collect::<Vec<_>>(), [LINE, 1]);
        let long = vec![b'x'; 1 << 20];
        let kept: usize = lines(&[&long[..]; 12]).iter().map(String::len).sum();
        assert_eq!(kept, MOST);
    }
}
