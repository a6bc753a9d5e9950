//! Costs as a table, as a table in Markdown, and as a chart.

use std::fmt::Write as _;
use std::time::Duration;

use super::measure::Cost;
use super::operations::Operation;

/// What a program needed for one operation at one size.
pub struct Line {
    /// `kctl`, `kubectl` or `curl`.
    pub program: &'static str,
    /// What was done.
    pub operation: &'static Operation,
    /// How many pods there were.
    pub pods: usize,
    /// What it cost.
    pub cost: Cost,
}

/// The run in the middle, by its time from start to end.
pub fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by_key(|cost| cost.wall);
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}

/// The headers over what [`row`] prints.
pub fn headers() -> String {
    format!(
        "{:>8}  {:<14} {:<8} {:>9} {:>9} {:>9} {:>10} {:>10}",
        "PODS", "OPERATION", "PROGRAM", "WALL", "CPU", "FIRST", "MEMORY", "WIRE"
    )
}

/// One line of the table.
pub fn row(line: &Line) -> String {
    let cost = &line.cost;
    let failed = if cost.success { "" } else { "  failed" };
    format!(
        "{:>8}  {:<14} {:<8} {:>7.3} s {:>7.3} s {:>7.3} s {:>7.1} MB {:>7.1} MB{failed}",
        line.pods,
        line.operation.name,
        line.program,
        cost.wall.as_secs_f64(),
        cost.cpu.as_secs_f64(),
        cost.first.as_secs_f64(),
        megabytes(cost.memory),
        megabytes(cost.wire),
    )
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// kctl's lines with those of another program at the same size, for the largest size.
fn pairs<'a>(lines: &'a [Line], other: &'a str) -> impl Iterator<Item = (&'a Line, Option<&'a Line>)> {
    let pods = lines.iter().map(|line| line.pods).max().unwrap_or(0);
    lines.iter().filter(move |line| line.program == "kctl" && line.pods == pods).map(move |ours| {
        let is_its = |line: &&Line| {
            line.program == other && line.pods == ours.pods && line.operation.name == ours.operation.name
        };
        (ours, lines.iter().find(is_its))
    })
}

fn over(ours: Duration, theirs: Option<Duration>) -> String {
    theirs.map_or_else(|| "–".into(), |theirs| format!("{:.2}", ours.as_secs_f64() / theirs.as_secs_f64().max(1e-4)))
}

/// The largest size as a table: kctl, kubectl, kctl's part of kubectl's time, what is aimed at, and the part of
/// curl's time for the same bytes.
pub fn to_markdown(lines: &[Line]) -> String {
    let mut text = String::from(
        "| | kctl | kubectl | kctl ÷ kubectl | aim | memory | kubectl's | kctl ÷ curl |\n|---|---|---|---|---|---|---|---|\n",
    );
    for ((ours, theirs), (_, curl)) in pairs(lines, "kubectl").zip(pairs(lines, "curl")) {
        let aim = if ours.operation.ratio > 0.0 { format!("{:.2}", ours.operation.ratio) } else { "–".into() };
        let shown = |line: Option<&Line>, what: fn(&Cost) -> String| line.map_or("–".into(), |line| what(&line.cost));
        let seconds = |cost: &Cost| format!("{:.3} s", cost.wall.as_secs_f64());
        let memory = |cost: &Cost| format!("{:.1} MB", megabytes(cost.memory));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {aim} | {} (at most {:.0}) | {} | {} |",
            ours.operation.name,
            seconds(&ours.cost),
            shown(theirs, seconds),
            over(ours.cost.wall, theirs.map(|line| line.cost.wall)),
            memory(&ours.cost),
            ours.operation.memory,
            shown(theirs, memory),
            over(ours.cost.wall, curl.map(|line| line.cost.wall)),
        );
    }
    text
}

/// A chart of how many times as much kubectl costs, for the largest size: bars of time and of memory.
pub fn to_svg(lines: &[Line]) -> String {
    let bars: Vec<(&str, f64, f64)> = pairs(lines, "kubectl")
        .filter_map(|(ours, theirs)| {
            let theirs = theirs?;
            let time = theirs.cost.wall.as_secs_f64() / ours.cost.wall.as_secs_f64().max(1e-4);
            let memory = theirs.cost.memory as f64 / ours.cost.memory.max(1) as f64;
            Some((ours.operation.name, time, memory))
        })
        .collect();
    let pods = lines.iter().map(|line| line.pods).max().unwrap_or(0);
    let most = bars.iter().map(|(_, time, memory)| time.max(*memory)).fold(1.0, f64::max);
    let height = 50 + bars.len() * 44;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"{height}\" viewBox=\"0 0 720 {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"720\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"10\" y=\"22\" font-size=\"15\">kubectl ÷ kctl, {pods} pods: \
         <tspan fill=\"#2f6fb3\">time</tspan>, <tspan fill=\"#c46a1b\">memory</tspan></text>\n"
    );
    for (index, (name, time, memory)) in bars.iter().enumerate() {
        let top = 40 + index * 44;
        // Writing to a string does not fail.
        let _ = writeln!(svg, "<text x=\"10\" y=\"{}\">{name}</text>", top + 20);
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
