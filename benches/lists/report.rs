//! Costs as a table, as JSON, and as a chart.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::measure::Cost;

/// A program's median cost for one format at one size.
pub struct Line {
    /// `kctl` or `kubectl`.
    pub program: &'static str,
    /// What was printed.
    pub format: &'static str,
    /// How many pods there were.
    pub pods: usize,
    /// What it cost.
    pub cost: Cost,
}

/// The run in the middle, by its time on the processor.
pub fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by_key(|cost| cost.cpu);
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}

/// The headers over what [`row`] prints.
pub fn headers() -> String {
    format!(
        "{:>8}  {:<16} {:<8} {:>9} {:>9} {:>9} {:>10} {:>10} {:>10}",
        "PODS", "FORMAT", "PROGRAM", "WALL", "CPU", "FIRST", "MEMORY", "WIRE", "OUTPUT"
    )
}

/// One line of the table.
pub fn row(line: &Line) -> String {
    let cost = &line.cost;
    let failed = if cost.success { "" } else { "  failed" };
    format!(
        "{:>8}  {:<16} {:<8} {:>9} {:>9} {:>9} {:>10} {:>10} {:>10}{failed}",
        line.pods,
        line.format,
        line.program,
        seconds(cost.wall),
        seconds(cost.cpu),
        seconds(cost.first),
        megabytes(cost.memory),
        megabytes(cost.wire),
        megabytes(cost.output),
    )
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// All lines, times in seconds and sizes in bytes.
pub fn to_json(lines: &[Line]) -> Value {
    let line = |line: &Line| {
        let cost = &line.cost;
        json!({
            "program": line.program, "format": line.format, "pods": line.pods, "success": cost.success,
            "wall": cost.wall.as_secs_f64(), "cpu": cost.cpu.as_secs_f64(), "first": cost.first.as_secs_f64(),
            "memory": cost.memory, "wire": cost.wire, "output": cost.output,
        })
    };
    lines.iter().map(line).collect()
}

/// A chart of how many times as much the other program costs, for the largest list that both printed:
/// bars of time on the processor and of memory for each format.
pub fn to_svg(lines: &[Line]) -> String {
    let pods = lines.iter().filter(|line| line.program != "kctl").map(|line| line.pods).max().unwrap_or(0);
    let of = |program: &str, format: &str| {
        lines.iter().find(|line| line.program == program && line.format == format && line.pods == pods)
    };
    let bars: Vec<(&str, f64, f64)> = lines
        .iter()
        .filter(|line| line.program == "kctl" && line.pods == pods)
        .filter_map(|ours| {
            let other = of("kubectl", ours.format)?;
            let time = other.cost.cpu.as_secs_f64() / ours.cost.cpu.as_secs_f64().max(1e-3);
            let memory = other.cost.memory as f64 / ours.cost.memory.max(1) as f64;
            Some((ours.format, time, memory))
        })
        .collect();
    let most = bars.iter().map(|(_, time, memory)| time.max(*memory)).fold(1.0, f64::max);
    let height = 50 + bars.len() * 44;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <text x=\"10\" y=\"22\" font-size=\"15\">kubectl ÷ kctl, get pods of {pods}: \
         <tspan fill=\"#2f6fb3\">processor time</tspan>, <tspan fill=\"#c46a1b\">memory</tspan></text>\n"
    );
    for (index, (format, time, memory)) in bars.iter().enumerate() {
        let top = 40 + index * 44;
        // Writing to a string does not fail.
        let _ = writeln!(svg, "<text x=\"10\" y=\"{}\">{format}</text>", top + 20);
        for (offset, value, colour) in [(0, time, "#2f6fb3"), (17, memory, "#c46a1b")] {
            let width = (value / most * 500.0).max(1.0);
            let y = top + offset;
            let _ = writeln!(
                svg,
                "<rect x=\"140\" y=\"{y}\" width=\"{width:.0}\" height=\"15\" fill=\"{colour}\"/>\
                 <text x=\"{:.0}\" y=\"{}\" font-size=\"11\">{value:.1}×</text>",
                146.0 + width,
                y + 12
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}
