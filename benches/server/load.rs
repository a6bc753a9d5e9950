//! The clients: connections that each ask one thing after the other, and such that watch. They are kept cheap,
//! because they share the machine with the server: requests are made beforehand, answers are looked at no more
//! than needed.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Fallible;
use super::program::Program;

/// A connection over which HTTP/1.1 is spoken.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Opens one.
    ///
    /// # Errors
    /// The server does not take it.
    pub async fn open(program: &Program) -> Fallible<Self> {
        Ok(Self { stream: connect(program, Arc::clone(&program.tls)).await?, buffer: Vec::new() })
    }

    /// Sends a request and reads the whole answer. Returns its code and the length of its body.
    ///
    /// # Errors
    /// The connection breaks, or the answer has no length.
    pub async fn ask(&mut self, request: &[u8]) -> Fallible<(u16, usize)> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.buffer.clear();
        let (mut end, mut length) = (None, 0);
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the connection ended".into());
            }
            if end.is_none()
                && let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n")
            {
                let head = std::str::from_utf8(&self.buffer[..at])?;
                let line =
                    head.lines().find(|line| line.len() > 15 && line[..15].eq_ignore_ascii_case("content-length:"));
                length = line.ok_or("an answer without a length")?[15..].trim().parse::<usize>()?;
                end = Some(at + 4);
            }
            if let Some(end) = end
                && self.buffer.len() >= end + length
            {
                let code = std::str::from_utf8(&self.buffer[9..12])?.parse()?;
                return Ok((code, length));
            }
        }
    }
}

async fn connect(program: &Program, tls: Arc<rustls::ClientConfig>) -> Fallible<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(program.address).await?;
    stream.set_nodelay(true)?;
    Ok(TlsConnector::from(tls).connect(ServerName::from(program.address.ip()), stream).await?)
}

/// A request with a body, or without where it is empty.
pub fn request(program: &Program, method: &str, path: &str, body: &str) -> Vec<u8> {
    let token = &program.token;
    let content = match body {
        "" => String::new(),
        body => format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()),
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n{content}\r\n{body}"
    )
    .into_bytes()
}

/// Asks over `connections` connections for `seconds`; `make` makes the request of a number. Returns how many
/// were answered in a second.
///
/// # Errors
/// An answer that is no success, or none.
pub async fn rate(
    program: &Program,
    connections: usize,
    seconds: f64,
    make: impl Fn(usize) -> Vec<u8> + Clone + 'static,
) -> Fallible<f64> {
    let (next, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(program).await?);
    }
    let local = tokio::task::LocalSet::new();
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(seconds);
    let mut tasks = Vec::new();
    for mut connection in open {
        let (next, done, make) = (Arc::clone(&next), Arc::clone(&done), make.clone());
        tasks.push(local.spawn_local(async move {
            while Instant::now() < until {
                let request = make(next.fetch_add(1, Ordering::Relaxed));
                match connection.ask(&request).await.map_err(|error| error.to_string())? {
                    (200..=299, _) => done.fetch_add(1, Ordering::Relaxed),
                    (code, _) => return Err(format!("an answer with {code}")),
                };
            }
            Ok(())
        }));
    }
    local
        .run_until(async {
            for task in tasks {
                task.await??;
            }
            Ok::<_, Box<dyn std::error::Error>>(())
        })
        .await?;
    Ok(done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

/// The same over HTTP/2: so many requests are under way at once on each of the connections.
///
/// # Errors
/// An answer that is no success, or none.
pub async fn rate_http2(
    program: &Program,
    connections: usize,
    streams: usize,
    seconds: f64,
    path: &str,
) -> Fallible<f64> {
    let mut tls = (*program.tls).clone();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let tls = Arc::new(tls);
    let done = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    let mut senders = Vec::new();
    for _ in 0..connections {
        let stream = connect(program, Arc::clone(&tls)).await?;
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(4 << 20)
            .initial_connection_window_size(64 << 20)
            .handshake::<_, Bytes>(stream)
            .await?;
        tokio::spawn(connection);
        senders.push(sender);
    }
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(seconds);
    for sender in senders {
        for _ in 0..streams {
            let (sender, done) = (sender.clone(), Arc::clone(&done));
            let request = http::Request::get(format!("https://localhost{path}"))
                .header("authorization", format!("Bearer {}", program.token))
                .header("accept", "application/json")
                .body(())?;
            tasks.spawn(async move {
                while Instant::now() < until {
                    let mut sender = sender.clone().ready().await.map_err(|error| error.to_string())?;
                    let (response, _) =
                        sender.send_request(request.clone(), true).map_err(|error| error.to_string())?;
                    let response = response.await.map_err(|error| error.to_string())?;
                    if !response.status().is_success() {
                        return Err(format!("an answer with {}", response.status()));
                    }
                    let mut body = response.into_body();
                    while let Some(piece) = body.data().await {
                        let piece = piece.map_err(|error| error.to_string())?;
                        body.flow_control().release_capacity(piece.len()).map_err(|error| error.to_string())?;
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, String>(())
            });
        }
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

/// Watchers, each with a connection of its own, and how many events they have had together.
#[derive(Default)]
pub struct Watchers {
    seen: Arc<AtomicUsize>,
    wanted: Arc<AtomicUsize>,
    news: Arc<Notify>,
    tasks: JoinSet<()>,
}

impl Watchers {
    /// Opens so many watches of a path.
    ///
    /// # Errors
    /// A watch that is refused.
    pub async fn open(program: &Program, count: usize, path: &str) -> Fallible<Self> {
        let mut watchers = Self::default();
        for _ in 0..count {
            let mut stream = connect(program, Arc::clone(&program.tls)).await?;
            stream.write_all(&request(program, "GET", path, "")).await?;
            stream.flush().await?;
            let mut head = [0; 12];
            stream.read_exact(&mut head).await?;
            if !head.ends_with(b" 200") {
                return Err(format!("a watch is answered with {:?}", String::from_utf8_lossy(&head)).into());
            }
            let (seen, wanted, news) =
                (Arc::clone(&watchers.seen), Arc::clone(&watchers.wanted), Arc::clone(&watchers.news));
            watchers.tasks.spawn(async move {
                let (mut buffer, mut before) = (vec![0; 16 << 10], 0);
                while let Ok(count @ 1..) = poll_read(&mut stream, &mut buffer).await {
                    // Lines of events end alone, those of chunks with a carriage return before.
                    let mut events = 0;
                    for byte in &buffer[..count] {
                        events += usize::from(*byte == b'\n' && before != b'\r');
                        before = *byte;
                    }
                    if events > 0
                        && seen.fetch_add(events, Ordering::Relaxed) + events >= wanted.load(Ordering::Relaxed)
                    {
                        news.notify_one();
                    }
                }
            });
        }
        Ok(watchers)
    }

    /// Waits until each has had so many events.
    ///
    /// # Errors
    /// It takes longer than half a minute.
    pub async fn have(&self, each: usize) -> Fallible<()> {
        let wanted = each * self.tasks.len();
        self.wanted.store(wanted, Ordering::Relaxed);
        let all = async {
            while self.seen.load(Ordering::Relaxed) < wanted {
                self.news.notified().await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(30), all).await;
        in_time.map_err(|_| format!("{} of {wanted} events came", self.seen.load(Ordering::Relaxed)).into())
    }
}

async fn poll_read(stream: &mut TlsStream<TcpStream>, buffer: &mut [u8]) -> std::io::Result<usize> {
    use tokio::io::AsyncRead as _;
    poll_fn(|context| {
        let mut read = tokio::io::ReadBuf::new(buffer);
        std::pin::Pin::new(&mut *stream).poll_read(context, &mut read).map_ok(|()| read.filled().len())
    })
    .await
}
