//! What it costs to carry streams through `port-forward`; see `benches/README.md`.

#![allow(clippy::disallowed_methods, reason = "the environment names the programs to measure")]
#![cfg(unix)]

#[path = "../common/again.rs"]
mod again;
mod digest;
mod server;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use again::Server;
use digest::{Digest, PIECE, fill};
use server::{ECHO, SINK, SOURCE};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What is asked of the bench.
struct Settings {
    programs: Vec<(&'static str, PathBuf)>,
    /// Bytes each way.
    size: u64,
    connections: usize,
    runs: usize,
    /// Whether the plain protocol is spoken, without websockets.
    spdy: bool,
}

/// What one run cost.
#[derive(Clone, Copy, Default)]
struct Cost {
    wall: Duration,
    cpu: Duration,
    memory: u64,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench").peekable();
    if arguments.next_if(|first| first == again::ARGUMENT).is_some() {
        return server::serve(arguments.next().unwrap_or_default().parse()?);
    }
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let kctl = variable("KCTL_BENCH_KCTL").unwrap_or_else(|| env!("CARGO_BIN_EXE_kctl").into());
    let mut settings =
        Settings { programs: vec![("kctl", kctl)], size: 1 << 30, connections: 200, runs: 3, spdy: false };
    settings.programs.extend(variable("KCTL_BENCH_KUBECTL").map(|path| ("kubectl", path)));
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--kctl" => settings.programs[0].1 = value.into(),
            "--kubectl" => settings.programs.push(("kubectl", value.into())),
            "--mib" => settings.size = value.parse::<u64>()? << 20,
            "--connections" => settings.connections = value.parse()?,
            "--runs" => settings.runs = value.parse()?,
            "--spdy" => settings.spdy = value.parse()?,
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    let home = std::env::temp_dir().join(format!("kctl-streams-{}", std::process::id()));
    std::fs::create_dir_all(&home)?;
    let result = settings.run(&home);
    std::fs::remove_dir_all(&home)?;
    result
}

impl Settings {
    fn run(&self, home: &Path) -> Result<()> {
        let server = Server::start(self.size)?;
        std::fs::write(home.join("config"), config(&server.address))?;
        let want = Digest::of(self.size);
        let mut out = io::stdout();
        writeln!(out, "| what | program | MB/s | seconds | on a processor | memory |")?;
        writeln!(out, "| --- | --- | --- | --- | --- | --- |")?;
        for what in ["from the pod", "to the pod", "many at once"] {
            let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); self.programs.len()];
            for _ in 0..self.runs {
                // The programs take turns, so that what else the machine does meets both.
                for ((_, program), costs) in self.programs.iter().zip(&mut costs) {
                    let forward = Forward::start(program, home, self.spdy)?;
                    let begun = Instant::now();
                    let moved = match what {
                        "from the pod" => from_pod(&forward, want)?,
                        "to the pod" => to_pod(&forward, self.size, want)?,
                        _ => many(&forward, self.connections)?,
                    };
                    let wall = begun.elapsed();
                    if moved == 0 {
                        return Err("nothing was carried".into());
                    }
                    costs.push(Cost { wall, ..forward.end()? });
                }
            }
            for ((name, _), mut costs) in self.programs.iter().zip(costs) {
                costs.sort_by_key(|cost| cost.cpu);
                let Some(cost) = costs.get(costs.len() / 2) else { continue };
                #[allow(clippy::cast_precision_loss, reason = "a number to look at")]
                let speed = match what {
                    "many at once" => "-".to_owned(),
                    _ => format!("{:.0}", self.size as f64 / 1e6 / cost.wall.as_secs_f64()),
                };
                let (wall, cpu, memory) = (cost.wall.as_secs_f64(), cost.cpu.as_secs_f64(), cost.memory >> 20);
                writeln!(out, "| {what} | {name} | {speed} | {wall:.2} | {cpu:.2} | {memory} MiB |")?;
            }
        }
        Ok(())
    }
}

fn config(address: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: it\nclusters: [{{name: it, cluster: {{server: \"https://{address}\", insecure-skip-tls-verify: true}}}}]\ncontexts: [{{name: it, context: {{cluster: it, user: me}}}}]\nusers: [{{name: me, user: {{token: none}}}}]\n"
    )
}

/// A program that forwards the pod's three ports.
struct Forward {
    child: Child,
    places: Vec<String>,
}

impl Forward {
    fn start(program: &Path, home: &Path, spdy: bool) -> Result<Self> {
        let ports = [SOURCE, SINK, ECHO].map(|port| format!(":{port}"));
        let mut command = Command::new(program);
        command.args(["port-forward", "--address=127.0.0.1", "pod/web"]).args(&ports);
        command.env_clear().env("HOME", home).env("KUBECONFIG", home.join("config"));
        if spdy {
            command.env("KUBECTL_PORT_FORWARD_WEBSOCKETS", "false");
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut places = Vec::new();
        for _ in ports {
            let mut line = String::new();
            lines.read_line(&mut line)?;
            places.push(line.split(' ').nth(2).ok_or("no place")?.to_owned());
        }
        std::thread::spawn(move || io::copy(&mut lines, &mut io::sink()));
        Ok(Self { child, places })
    }

    fn connect(&self, port: u16) -> io::Result<TcpStream> {
        let place = self.places.get(usize::from(port) - 1).map_or("", String::as_str);
        let stream = TcpStream::connect(place)?;
        // What a connection waits for is to be the program, not the kernel's gathering of small pieces.
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(stream)
    }

    /// Ends it and sees what it has cost.
    #[allow(unsafe_code, reason = "the standard library does not say what a child has used")]
    fn end(mut self) -> Result<Cost> {
        self.child.kill()?;
        let id = libc::pid_t::try_from(self.child.id())?;
        let mut status = 0;
        // SAFETY: zeros are a valid `rusage`, which holds nothing but numbers.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to values that outlive the call.
        if unsafe { libc::wait4(id, &raw mut status, 0, &raw mut usage) } != id {
            return Err(io::Error::last_os_error().into());
        }
        let time = |value: libc::timeval| {
            Duration::from_secs(u64::try_from(value.tv_sec).unwrap_or(0))
                + Duration::from_micros(u64::try_from(value.tv_usec).unwrap_or(0))
        };
        let memory = u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024;
        Ok(Cost { wall: Duration::ZERO, cpu: time(usage.ru_utime) + time(usage.ru_stime), memory })
    }
}

/// Everything that the pod sends, unharmed.
fn from_pod(forward: &Forward, want: u64) -> Result<u64> {
    let mut stream = forward.connect(SOURCE)?;
    let (mut digest, mut piece, mut total) = (Digest::default(), vec![0; PIECE], 0);
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            break;
        }
        digest.feed(&piece[..count]);
        total += count as u64;
    }
    if digest.end() != want {
        return Err(format!("what came from the pod is not what it sent: {total} bytes").into());
    }
    Ok(total)
}

/// Everything that is sent to the pod, unharmed.
fn to_pod(forward: &Forward, size: u64, want: u64) -> Result<u64> {
    let mut stream = forward.connect(SINK)?;
    let (mut piece, mut at) = (vec![0; PIECE], 0);
    while at < size {
        let count = fill(&mut piece, at, size);
        stream.write_all(&piece[..count])?;
        at += count as u64;
    }
    let mut answer = [0; 8];
    stream.read_exact(&mut answer)?;
    if u64::from_be_bytes(answer) != want {
        return Err("what the pod got is not what was sent".into());
    }
    Ok(size)
}

/// Many connections that are all open at once; each carries its own words there and back.
fn many(forward: &Forward, connections: usize) -> Result<u64> {
    let mut streams = (0..connections).map(|_| forward.connect(ECHO)).collect::<io::Result<Vec<_>>>()?;
    for _ in 0..10 {
        for (number, stream) in streams.iter_mut().enumerate() {
            stream.write_all(format!("{number:8}").as_bytes())?;
        }
        for (number, stream) in streams.iter_mut().enumerate() {
            let mut answer = [0; 8];
            stream.read_exact(&mut answer)?;
            if answer != *format!("{number:8}").as_bytes() {
                return Err("a connection got the words of another one".into());
            }
        }
    }
    Ok(connections as u64)
}
