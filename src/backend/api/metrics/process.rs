//! Numbers about the process, where the system tells them.

use super::Text;

/// The system's ticks in a second, as programs see them.
#[cfg(target_os = "linux")]
const TICKS: f64 = 100.0;

#[cfg(target_os = "linux")]
pub(super) fn write(text: &mut Text) {
    use std::fs;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| rest.split_whitespace().collect());
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    let mut gauge = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            text.family(name, kind, help);
            text.sample(name, "", value);
        }
    };
    let cpu = number(11).zip(number(12)).map(|(user, system)| (user + system) / TICKS);
    gauge("process_cpu_seconds_total", "counter", "Time on a processor, in seconds.", cpu);
    let limits = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    #[allow(clippy::cast_precision_loss, reason = "a number to look at")]
    let most = limits.current.map(|most| most as f64);
    gauge("process_max_fds", "gauge", "How many files may be open.", most);
    #[allow(clippy::cast_precision_loss, reason = "a number to look at")]
    let open = fs::read_dir("/proc/self/fd").ok().map(|all| all.count() as f64);
    gauge("process_open_fds", "gauge", "How many files are open.", open);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let resident = resident.and_then(|kilobytes| kilobytes.trim().parse::<f64>().ok()).map(|number| number * 1024.0);
    gauge("process_resident_memory_bytes", "gauge", "Memory that is in use, in bytes.", resident);
    let booted = fs::read_to_string("/proc/stat").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse::<f64>();
        line.ok()
    });
    let started = booted.zip(number(19)).map(|(booted, ticks)| booted + ticks / TICKS);
    gauge("process_start_time_seconds", "gauge", "When the process began, in seconds since 1970.", started);
    gauge("process_virtual_memory_bytes", "gauge", "Memory that is reserved, in bytes.", number(20));
}

#[cfg(not(target_os = "linux"))]
pub(super) fn write(_: &mut Text) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn tells_of_this_process() {
        let mut text = Text::default();
        write(&mut text);
        for name in [
            "cpu_seconds_total",
            "max_fds",
            "open_fds",
            "resident_memory_bytes",
            "start_time_seconds",
            "virtual_memory_bytes",
        ] {
            let line = text.0.lines().find(|line| line.starts_with(&format!("process_{name} ")));
            let value = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            assert!(value.is_some_and(|value| name == "cpu_seconds_total" || value > 0.0), "{name}: {line:?}");
        }
    }
}
