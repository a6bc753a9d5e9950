//! Probes: when a container is asked, what it answers, and what follows.

use std::time::Duration;

use super::later;
use super::process::Process;
use crate::object::{Meta, Object, Timestamp};

/// A probe of a container, with its times.
pub struct Probe<'a> {
    /// `readiness`, `liveness` or `startup`.
    pub name: &'static str,
    spec: &'a Object,
    first: Timestamp,
    period: Duration,
    failures: u64,
    successes: u64,
}

/// What a look at a probe's answers says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Enough successes in a row.
    Passes,
    /// Enough failures in a row.
    Fails,
    /// Neither: what was before stays.
    Undecided,
}

impl<'a> Probe<'a> {
    /// The probe of that field (`readinessProbe`), for a container that is probed from `since` on.
    pub fn of(container: &'a Object, field: &'static str, since: Timestamp, settle: Duration) -> Option<Self> {
        let spec = container.at(&[field])?;
        let number = |name: &str, default: u64| {
            spec.int_at(&[name]).and_then(|value| u64::try_from(value).ok()).unwrap_or(default)
        };
        let initial = Duration::from_secs(number("initialDelaySeconds", 0)).max(settle);
        Some(Self {
            name: field.strip_suffix("Probe").unwrap_or(field),
            spec,
            first: later(since, initial),
            period: Duration::from_secs(number("periodSeconds", 10).max(1)),
            failures: number("failureThreshold", 3).max(1),
            successes: number("successThreshold", 1).max(1),
        })
    }

    /// When the probe is asked for the `index`-th time.
    pub fn time(&self, index: u64) -> Timestamp {
        later(self.first, self.period.saturating_mul(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    /// How often it was asked up to `now`.
    pub fn count(&self, now: Timestamp) -> u64 {
        let passed = now.duration_since(self.first);
        if passed.is_negative() {
            return 0;
        }
        let passed = u64::try_from(passed.as_millis()).unwrap_or(0);
        let period = u64::try_from(self.period.as_millis()).unwrap_or(u64::MAX).max(1);
        passed / period + 1
    }

    /// Whether the answers depend on when one asks.
    pub fn varies(&self) -> bool {
        self.spec.at(&["exec"]).is_some()
    }

    /// The answers up to `now`, as far as they decide.
    pub fn verdict(
        &self,
        pod: &Object,
        container: &Object,
        process: &Process<'_>,
        started: Timestamp,
        now: Timestamp,
    ) -> Verdict {
        let count = self.count(now);
        let mut runs: [u64; 2] = [0, 0];
        for index in
            (0..count).rev().take(usize::try_from(self.failures.max(self.successes)).unwrap_or(usize::MAX).min(1000))
        {
            let failed = self.answer(pod, container, process, started, self.time(index)).is_some();
            if runs.get(usize::from(!failed)) != Some(&0) {
                break;
            }
            if let Some(run) = runs.get_mut(usize::from(failed)) {
                *run += 1;
            }
        }
        if runs[0] >= self.successes {
            Verdict::Passes
        } else if runs[1] >= self.failures {
            Verdict::Fails
        } else {
            Verdict::Undecided
        }
    }

    /// What one asking says: `None` for success, or the failure as the kubelet words it.
    pub fn answer(
        &self,
        pod: &Object,
        container: &Object,
        process: &Process<'_>,
        started: Timestamp,
        at: Timestamp,
    ) -> Option<String> {
        if let Some(exec) = self.spec.at(&["exec"]) {
            let command: Vec<String> =
                exec.list_at(&["command"]).iter().filter_map(|word| word.as_str().map(str::to_owned)).collect();
            let after = Duration::try_from(at.duration_since(started)).unwrap_or_default();
            if process.exec_probe(after, &command) {
                return None;
            }
            return Some(match command.as_slice() {
                [cat, file] if cat == "cat" => format!("cat: can't open '{file}': No such file or directory\n"),
                _ => String::new(),
            });
        }
        let ip = pod.str_at(&["status", "podIP"]);
        for (field, scheme) in [("httpGet", "http"), ("tcpSocket", "tcp"), ("grpc", "grpc")] {
            let Some(action) = self.spec.at(&[field]) else { continue };
            let Some(port) = port_of(container, action.at(&["port"])) else {
                return Some(format!("couldn't find port: {}", action.str_at(&["port"])));
            };
            let listens = listens(process, container, port);
            let path = action.str_at(&["path"]);
            let slash = if path.starts_with('/') { "" } else { "/" };
            return match scheme {
                "http" if !listens => {
                    let scheme = if action.str_at(&["scheme"]) == "HTTPS" { "https" } else { "http" };
                    Some(format!(
                        "Get \"{scheme}://{ip}:{port}{slash}{path}\": dial tcp {ip}:{port}: connect: connection refused"
                    ))
                }
                "http" => match process.image.program.status_of(if path.is_empty() { "/" } else { path }) {
                    Some(200..=399) => None,
                    Some(status) => Some(format!("HTTP probe failed with statuscode: {status}")),
                    None => Some(format!("Get \"http://{ip}:{port}{slash}{path}\": EOF")),
                },
                _ if listens => None,
                _ => Some(format!("dial tcp {ip}:{port}: connect: connection refused")),
            };
        }
        None
    }
}

/// A port by number or by a name that the container declares.
pub fn port_of(container: &Object, port: Option<&Object>) -> Option<u16> {
    match port? {
        Object::String(name) => match name.parse() {
            Ok(number) => Some(number),
            Err(_) => {
                let declared = container.list_at(&["ports"]).iter().find(|port| port.str_at(&["name"]) == name)?;
                u16::try_from(declared.int_at(&["containerPort"])?).ok()
            }
        },
        number => u16::try_from(number.as_i64()?).ok(),
    }
}

/// Whether something answers on that port of a container. Programs listen on their own ports; a
/// program that is not known listens wherever one asks.
fn listens(process: &Process<'_>, container: &Object, port: u16) -> bool {
    if !process.serves() {
        return false;
    }
    if process.image.ports.is_empty() {
        return process.image.program == super::programs::Program::Unknown
            || container
                .list_at(&["ports"])
                .iter()
                .any(|declared| declared.int_at(&["containerPort"]) == Some(i64::from(port)));
    }
    process.image.ports.contains(&port)
}
