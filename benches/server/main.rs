//! What the served cluster does in a second, and what it costs while nothing happens; see `benches/README.md`.

#![allow(clippy::disallowed_methods, reason = "the environment names the program")]
#![cfg(target_os = "linux")]

mod load;
mod program;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use load::{Connection, Watchers, rate, rate_http2, request};
use program::{Home, Program};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Where things are made.
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// What is asked of the bench.
struct Settings {
    kctl: PathBuf,
    connections: usize,
    seconds: f64,
    watchers: usize,
    only: String,
    ephemeral: bool,
}

fn main() -> Fallible<()> {
    let kctl = std::env::var_os("KCTL_BENCH_KCTL").map(PathBuf::from);
    let mut settings = Settings {
        kctl: kctl.unwrap_or_else(|| env!("CARGO_BIN_EXE_kctl").into()),
        connections: 32,
        seconds: 3.0,
        watchers: 1_000,
        only: String::new(),
        ephemeral: false,
    };
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--kctl" => settings.kctl = value.into(),
            "--connections" => settings.connections = value.parse()?,
            "--seconds" => settings.seconds = value.parse()?,
            "--watchers" => settings.watchers = value.parse()?,
            "--only" => settings.only = value,
            "--ephemeral" => settings.ephemeral = value.parse()?,
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(settings.run())
}

/// One line of the table; a target of `""` is none.
fn line(what: &str, result: &str, target: &str) -> Fallible<()> {
    let mut out = io::stdout();
    writeln!(out, "{what:<44} {result:>16} {target:>14}")?;
    Ok(out.flush()?)
}

impl Settings {
    fn wants(&self, what: &str) -> bool {
        what.contains(&self.only)
    }

    fn start(&self, home: &Home, arguments: &[&str]) -> Fallible<Program> {
        let mut all = arguments.to_vec();
        all.extend(self.ephemeral.then_some("--ephemeral"));
        Program::start(&self.kctl, &home.0, &all)
    }

    async fn run(&self) -> Fallible<()> {
        line("WHAT", "RESULT", "TARGET")?;
        if self.wants("ready") {
            self.ready()?;
        }
        if self.wants("idle") {
            self.idle().await?;
        }
        if self.wants("create") {
            self.create().await?;
        }
        if self.wants("get") {
            self.get().await?;
        }
        if self.wants("watch") {
            self.watch().await?;
        }
        Ok(())
    }

    /// The median of the time until it can be asked: with a cluster to be made, and with one that is there.
    fn ready(&self) -> Fallible<()> {
        let median = |mut times: Vec<Duration>| {
            times.sort();
            times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        let (mut fresh, mut again) = (Vec::new(), Vec::new());
        for _ in 0..7 {
            let home = Home::new("ready")?;
            fresh.push(self.start(&home, &[])?.ready);
            again.push(self.start(&home, &[])?.ready);
        }
        line("ready, with a new cluster", &format!("{:.0} ms", median(fresh)), "100 ms")?;
        line("ready, with the cluster of before", &format!("{:.0} ms", median(again)), "100 ms")
    }

    /// What it costs when nobody asks: alone, and with ten watches.
    async fn idle(&self) -> Fallible<()> {
        let home = Home::new("idle")?;
        let program = self.start(&home, &[])?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let measure = async || -> Fallible<f64> {
            let (before, begun) = (program.cpu()?, Instant::now());
            tokio::time::sleep(Duration::from_secs(10)).await;
            Ok((program.cpu()? - before).as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0)
        };
        line("idle, of one processor", &format!("{:.2} %", measure().await?), "")?;
        let _watchers = Watchers::open(&program, 10, &format!("{CONFIG_MAPS}?watch=true")).await?;
        line("idle with 10 watches, of one processor", &format!("{:.2} %", measure().await?), "")?;
        line("idle, in memory", &format!("{:.1} MB", program.memory()? as f64 / 1e6), "")
    }

    async fn create(&self) -> Fallible<()> {
        for (what, path, arguments) in
            [("create of config maps", CONFIG_MAPS, &[][..]), ("create of pods, paused", PODS, &["--paused"])]
        {
            let home = Home::new("create")?;
            let program = self.start(&home, arguments)?;
            let mut one = Connection::open(&program).await?;
            if what.contains("pods") {
                let account = r#"{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"default"}}"#;
                let path = "/api/v1/namespaces/default/serviceaccounts";
                one.ask(&request(&program, "POST", path, account)).await?;
            }
            let (token, make) = (program.token.clone(), if path == PODS { pod } else { config_map });
            let (head, before) = (post(path, &token), program.cpu()?);
            let one_by_one = rate(&program, 1, self.seconds, {
                let head = head.clone();
                move |number| with_body(&head, &make("one", number))
            })
            .await?;
            line(&format!("{what}, one after the other"), &format!("{one_by_one:.0} /s"), "")?;
            let many =
                rate(&program, self.connections, self.seconds, move |number| with_body(&head, &make("many", number)))
                    .await?;
            line(&format!("{what}, {} connections", self.connections), &format!("{many:.0} /s"), "5000 /s")?;
            let spent = (program.cpu()? - before).as_secs_f64();
            let each = spent / (self.seconds * (many + one_by_one)) * 1e6;
            line("  of a processor for each", &format!("{each:.0} us"), "")?;
        }
        Ok(())
    }

    async fn get(&self) -> Fallible<()> {
        let home = Home::new("get")?;
        let program = self.start(&home, &[])?;
        let mut one = Connection::open(&program).await?;
        let head = post(CONFIG_MAPS, &program.token);
        for number in 0..10_000 {
            one.ask(&with_body(&head, &config_map("listed", number))).await?;
        }
        let paths: Vec<Vec<u8>> = (0..1_000)
            .map(|number| request(&program, "GET", &format!("{CONFIG_MAPS}/listed-{number:06}"), ""))
            .collect();
        for connections in [1, self.connections] {
            let (paths, before) = (paths.clone(), program.cpu()?);
            let found =
                rate(&program, connections, self.seconds, move |number| paths[number % paths.len()].clone()).await?;
            let target = if connections == 1 { "" } else { "20000 /s" };
            line(&format!("get, {connections} connections"), &format!("{found:.0} /s"), target)?;
            let each = (program.cpu()? - before).as_secs_f64() / (self.seconds * found) * 1e6;
            line("  of a processor for each", &format!("{each:.0} us"), "")?;
        }
        let path = format!("{CONFIG_MAPS}/listed-000007");
        let found = rate_http2(&program, 2, 64, self.seconds, &path).await?;
        line("get, 2 connections of HTTP/2, 64 streams", &format!("{found:.0} /s"), "20000 /s")?;
        let list = request(&program, "GET", CONFIG_MAPS, "");
        let (mut times, mut length) = (Vec::new(), 0);
        for _ in 0..7 {
            let begun = Instant::now();
            length = one.ask(&list).await?.1;
            times.push(begun.elapsed());
        }
        times.sort();
        line("list of 10,000", &format!("{:.0} ms", times[3].as_secs_f64() * 1e3), "")?;
        line("  its length", &format!("{:.1} MB", length as f64 / 1e6), "")
    }

    async fn watch(&self) -> Fallible<()> {
        let home = Home::new("watch")?;
        let program = self.start(&home, &[])?;
        let mut one = Connection::open(&program).await?;
        let head = post(CONFIG_MAPS, &program.token);
        one.ask(&with_body(&head, &config_map("first", 0))).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = program.memory()?;
        let begun = Instant::now();
        let path = format!("{CONFIG_MAPS}?watch=true&fieldSelector=metadata.name!%3Dkube-root-ca.crt");
        let watchers = Watchers::open(&program, self.watchers, &path).await?;
        let opened = begun.elapsed().as_secs_f64();
        line(&format!("watch: {} are opened", self.watchers), &format!("{opened:.2} s"), "")?;
        watchers.have(1).await?;
        let each = (program.memory()?.saturating_sub(before)) as f64 / self.watchers as f64 / 1e3;
        line("  memory for each, its connection included", &format!("{each:.0} kB"), "")?;
        let mut times = Vec::new();
        for number in 0..50 {
            let begun = Instant::now();
            one.ask(&with_body(&head, &config_map("single", number))).await?;
            watchers.have(2 + number).await?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        line("  one change, until the last has it", &format!("{:.1} ms", times[25]), "")?;
        line("  the slowest of 50", &format!("{:.1} ms", times[49]), "")?;
        let (begun, cpu) = (Instant::now(), program.cpu()?);
        for number in 0..100 {
            one.ask(&with_body(&head, &config_map("row", number))).await?;
        }
        watchers.have(151).await?;
        let took = begun.elapsed().as_secs_f64();
        line("  100 changes in a row", &format!("{took:.2} s"), "")?;
        line("  events a second", &format!("{:.0}", 100.0 * self.watchers as f64 / took), "")?;
        let each = (program.cpu()? - cpu).as_secs_f64() / (100.0 * self.watchers as f64) * 1e6;
        line("  of a processor for each event", &format!("{each:.1} us"), "")?;
        let each = (program.memory()?.saturating_sub(before)) as f64 / self.watchers as f64 / 1e3;
        line("  memory for each after that", &format!("{each:.0} kB"), "")
    }
}

fn post(path: &str, token: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: "
    )
}

fn with_body(head: &str, body: &str) -> Vec<u8> {
    format!("{head}{}\r\n\r\n{body}", body.len()).into_bytes()
}

fn config_map(prefix: &str, number: usize) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{prefix}-{number:06}","labels":{{"bench":"server"}}}},"data":{{"number":"{number}","text":"one line\nand another\n"}}}}"#
    )
}

fn pod(prefix: &str, number: usize) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{prefix}-{number:06}","labels":{{"bench":"server"}}}},"spec":{{"containers":[{{"name":"web","image":"nginx:1.27","ports":[{{"containerPort":80}}],"resources":{{"requests":{{"cpu":"10m","memory":"16Mi"}}}}}}]}}}}"#
    )
}
