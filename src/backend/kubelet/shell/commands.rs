//! The commands that the little shell knows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::fmt::strtime;

use super::parse::{Node, Part, Simple};
use super::run::{Flow, Machine};

/// Commands that do their work and end, without output that matters here, and the milliseconds they take.
const QUIET: &[(&str, u64)] = &[
    ("apk", 2000),
    ("apt", 4000),
    ("apt-get", 4000),
    ("awk", 1),
    ("chmod", 1),
    ("chown", 1),
    ("cp", 1),
    ("curl", 100),
    ("dd", 500),
    ("dig", 50),
    ("git", 1500),
    ("grep", 1),
    ("head", 1),
    ("kill", 1),
    ("ln", 1),
    ("ls", 1),
    ("mkdir", 1),
    ("mv", 1),
    ("nslookup", 50),
    ("openssl", 100),
    ("perl", 5000),
    ("ping", 100),
    ("ps", 1),
    ("sed", 1),
    ("sort", 1),
    ("stat", 1),
    ("sync", 1),
    ("tar", 100),
    ("ulimit", 0),
    ("umask", 0),
    ("unset", 0),
    ("wc", 1),
    ("wget", 100),
    ("which", 1),
    ("id", 1),
    ("uptime", 1),
    ("df", 1),
    ("free", 1),
    ("mount", 1),
    ("md5sum", 1),
    ("sha256sum", 1),
    ("cut", 1),
    ("tr", 1),
];

/// Runs a command with its arguments.
pub fn run(machine: &mut Machine<'_>, argv: &[String]) -> Flow {
    let Some((name, args)) = argv.split_first() else { return Flow::Next(0) };
    let first = args.first().map_or("", String::as_str);
    match name.rsplit('/').next().unwrap_or(name) {
        "true" | ":" | "wait" | "trap" | "shift" | "local" | "readonly" | "cd" => Flow::Next(0),
        "false" => Flow::Next(1),
        "exit" | "return" => Flow::Exit(first.parse::<i32>().unwrap_or(0) & 0xff),
        "break" => Flow::Break,
        "continue" => Flow::Continue,
        "echo" => {
            echo(machine, args);
            Flow::Next(0)
        }
        "printf" => {
            printf(machine, args);
            Flow::Next(0)
        }
        "sleep" | "usleep" => sleep(machine, args),
        "date" => {
            date(machine, args);
            Flow::Next(0)
        }
        "set" => {
            if first.starts_with('-') && first.contains('e') {
                machine.set_strict(true);
            } else if first.starts_with('+') && first.contains('e') {
                machine.set_strict(false);
            }
            Flow::Next(0)
        }
        "export" => {
            for arg in args {
                if let Some((name, value)) = arg.split_once('=') {
                    machine.vars.insert(name.to_owned(), value.to_owned());
                }
            }
            Flow::Next(0)
        }
        "exec" | "nohup" | "command" | "eval" => match run(machine, args) {
            Flow::Next(code) if name == "exec" && !args.is_empty() => Flow::Exit(code),
            flow => flow,
        },
        "timeout" => match args.get(1..) {
            Some(rest) if matches!(rest.first().map(String::as_str), Some("sleep" | "tail")) => {
                match machine.sleep(duration(first).unwrap_or(Duration::ZERO)) {
                    Flow::Next(_) => Flow::Next(143),
                    flow => flow,
                }
            }
            Some(rest) => run(machine, rest),
            None => Flow::Next(1),
        },
        "hostname" => {
            let line = format!("{}\n", machine.hostname);
            machine.write(&line);
            Flow::Next(0)
        }
        "uname" => {
            machine.write(if first == "-a" { "Linux 6.12.0 x86_64 GNU/Linux\n" } else { "Linux\n" });
            Flow::Next(0)
        }
        "whoami" => {
            machine.write("root\n");
            Flow::Next(0)
        }
        "pwd" => {
            machine.write("/\n");
            Flow::Next(0)
        }
        "env" | "printenv" => {
            env(machine, args);
            Flow::Next(0)
        }
        "seq" => {
            seq(machine, args);
            Flow::Next(0)
        }
        "expr" => {
            let value = arithmetic(&args.join(" "), &machine.vars);
            machine.write(&format!("{value}\n"));
            Flow::Next(i32::from(value == 0))
        }
        "touch" => {
            for file in args.iter().filter(|arg| !arg.starts_with('-')) {
                machine.files.entry(file.clone()).or_default();
            }
            Flow::Next(0)
        }
        "rm" => {
            for file in args {
                machine.files.remove(file);
            }
            Flow::Next(0)
        }
        "cat" if !args.is_empty() => cat(machine, args),
        "cat" => Flow::Forever,
        "tail" if args.iter().any(|arg| arg == "-f" || arg == "-F") => Flow::Forever,
        "tail" => Flow::Next(0),
        "test" | "[" | "[[" => Flow::Next(i32::from(!test(machine, args))),
        "ls" if args.iter().any(|arg| arg.starts_with("/tmp/")) => {
            let found = args.iter().filter(|arg| !arg.starts_with('-')).all(|arg| machine.files.contains_key(arg));
            Flow::Next(i32::from(!found))
        }
        "sh" | "bash" | "ash" => match super::Script::of_command(argv) {
            Some(_) => machine.sleep(Duration::from_millis(10)),
            // A shell without a terminal reads the end of its input.
            None if args.is_empty() => Flow::Next(0),
            None => Flow::Forever,
        },
        known => match QUIET.iter().find(|(name, _)| *name == known) {
            Some((_, millis)) => machine.sleep(Duration::from_millis(*millis)),
            None => Flow::Forever,
        },
    }
}

/// Runs the last command of a pipe, whose input is `text`.
pub fn filter(machine: &mut Machine<'_>, argv: &[String], text: &str) -> Flow {
    let args: Vec<&str> = argv.iter().skip(1).map(String::as_str).collect();
    match argv.first().map(String::as_str) {
        Some("tee") => {
            for file in args.iter().filter(|arg| !arg.starts_with('-')) {
                machine.files.insert((*file).to_owned(), text.to_owned());
            }
            machine.write(text);
            Flow::Next(0)
        }
        Some("cat" | "sort") => {
            machine.write(text);
            Flow::Next(0)
        }
        Some("grep") => {
            let quiet = args.contains(&"-q");
            let Some(pattern) = args.iter().find(|arg| !arg.starts_with('-')) else { return Flow::Next(2) };
            let mut found = false;
            for line in text.lines().filter(|line| line.contains(pattern)) {
                found = true;
                if !quiet {
                    machine.write(&format!("{line}\n"));
                }
            }
            Flow::Next(i32::from(!found))
        }
        Some("wc") => {
            machine.write(&format!("{}\n", text.lines().count()));
            Flow::Next(0)
        }
        _ => Flow::Next(0),
    }
}

fn echo(machine: &mut Machine<'_>, args: &[String]) {
    let mut rest = args;
    let (mut newline, mut escapes) = (true, false);
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "-n" => newline = false,
            "-e" => escapes = true,
            "-ne" | "-en" => (newline, escapes) = (false, true),
            _ => break,
        }
        rest = after;
    }
    let mut text = rest.join(" ");
    if escapes {
        text = unescape(&text);
    }
    if newline {
        text.push('\n');
    }
    machine.write(&text);
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('\\') | None => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
        }
    }
    out
}

fn printf(machine: &mut Machine<'_>, args: &[String]) {
    let Some((format, values)) = args.split_first() else { return };
    let mut values = values.iter();
    let mut out = String::new();
    let format = unescape(format);
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.find(|c| c.is_ascii_alphabetic() || *c == '%') {
            Some('%') => out.push('%'),
            Some('d' | 'i') => {
                let _ = write!(out, "{}", values.next().and_then(|value| value.parse::<i64>().ok()).unwrap_or(0));
            }
            Some(_) => out.push_str(values.next().map_or("", String::as_str)),
            None => {}
        }
    }
    machine.write(&out);
}

/// Reads `5`, `0.5`, `1m`, `2h`, `1d`; `infinity` is no duration.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, text.chars().last()),
        None => (text, None),
    };
    let scale = match unit {
        Some('m') => 60.0,
        Some('h') => 3600.0,
        Some('d') => 86_400.0,
        _ => 1.0,
    };
    let seconds = number.parse::<f64>().ok()? * scale;
    Duration::try_from_secs_f64(seconds).ok()
}

fn sleep(machine: &mut Machine<'_>, args: &[String]) -> Flow {
    match args.iter().map(|arg| arg.as_str()).collect::<Vec<_>>().as_slice() {
        [] => Flow::Next(1),
        ["inf" | "infinity"] => Flow::Forever,
        args => {
            let mut total = Duration::ZERO;
            for arg in args {
                let Some(duration) = duration(arg) else { return Flow::Next(1) };
                total = total.saturating_add(duration);
            }
            machine.sleep(total)
        }
    }
}

fn date(machine: &mut Machine<'_>, args: &[String]) {
    let format = args.iter().find_map(|arg| arg.strip_prefix('+'));
    let iso = args.iter().any(|arg| arg.starts_with("-I"));
    let format = format.unwrap_or(if iso { "%Y-%m-%d" } else { "%a %b %e %H:%M:%S UTC %Y" });
    let now = machine.now();
    let text = strtime::format(format, now).unwrap_or_else(|_| now.to_string());
    machine.write(&format!("{text}\n"));
}

fn env(machine: &mut Machine<'_>, args: &[String]) {
    let text: String = match args.first() {
        Some(name) => machine.vars.get(name).map(|value| format!("{value}\n")).unwrap_or_default(),
        None => machine.vars.iter().map(|(name, value)| format!("{name}={value}\n")).collect(),
    };
    machine.write(&text);
}

fn seq(machine: &mut Machine<'_>, args: &[String]) {
    let numbers: Vec<i64> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    let (from, step, to) = match numbers.as_slice() {
        [to] => (1, 1, *to),
        [from, to] => (*from, 1, *to),
        [from, step, to] if *step > 0 => (*from, *step, *to),
        _ => return,
    };
    let mut value = from;
    let mut count = 0;
    while value <= to && count < 10_000 {
        machine.write(&format!("{value}\n"));
        value = value.saturating_add(step);
        count += 1;
    }
}

fn cat(machine: &mut Machine<'_>, args: &[String]) -> Flow {
    let mut code = 0;
    for file in args.iter().filter(|arg| !arg.starts_with('-')) {
        match machine.files.get(file).cloned() {
            Some(content) => machine.write(&content),
            None if file.starts_with("/etc/") || file.starts_with("/proc/") => {}
            None => {
                machine.write(&format!("cat: can't open '{file}': No such file or directory\n"));
                code = 1;
            }
        }
    }
    Flow::Next(code)
}

fn test(machine: &Machine<'_>, args: &[String]) -> bool {
    let args: Vec<&str> = args.iter().map(String::as_str).filter(|arg| *arg != "]" && *arg != "]]").collect();
    let number = |text: &str| text.parse::<i64>().unwrap_or(0);
    match args.as_slice() {
        ["!", rest @ ..] => {
            let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
            rest.first().is_none_or(|first| first != "!") && !test(machine, &rest)
        }
        ["-f" | "-e" | "-r" | "-s", file] => machine.files.contains_key(*file),
        ["-d", directory] => matches!(*directory, "/" | "/tmp" | "/etc" | "/var" | "/usr"),
        ["-n", text] | [text] => !text.is_empty(),
        ["-z", text] => text.is_empty(),
        [a, "=" | "==", b] => a == b,
        [a, "!=", b] => a != b,
        [a, "-eq", b] => number(a) == number(b),
        [a, "-ne", b] => number(a) != number(b),
        [a, "-lt", b] => number(a) < number(b),
        [a, "-le", b] => number(a) <= number(b),
        [a, "-gt", b] => number(a) > number(b),
        [a, "-ge", b] => number(a) >= number(b),
        _ => false,
    }
}

/// Sums, products and comparisons from left to right: enough for counters.
pub fn arithmetic(expression: &str, vars: &BTreeMap<String, String>) -> i64 {
    let spaced: String =
        expression.chars().flat_map(|c| if "+-*/%".contains(c) { vec![' ', c, ' '] } else { vec![c] }).collect();
    let value = |word: &str| {
        let name = word.trim_start_matches('$').trim_matches(['{', '}']);
        word.parse::<i64>().unwrap_or_else(|_| vars.get(name).and_then(|value| value.trim().parse().ok()).unwrap_or(0))
    };
    let mut words = spaced.split_whitespace();
    let mut total = words.next().map_or(0, value);
    while let (Some(operator), Some(word)) = (words.next(), words.next()) {
        let right = value(word);
        total = match operator {
            "+" => total.wrapping_add(right),
            "-" => total.wrapping_sub(right),
            "*" => total.wrapping_mul(right),
            "/" => total.checked_div(right).unwrap_or(0),
            "%" => total.checked_rem(right).unwrap_or(0),
            _ => total,
        };
    }
    total
}

fn command_name(simple: &Simple) -> Option<&str> {
    match simple.words.first()?.as_slice() {
        [Part::Text(name)] => Some(name),
        _ => None,
    }
}

/// Whether a loop's condition always lets it go on.
pub fn is_constant(condition: &Node, wanted: bool) -> bool {
    let names: &[&str] = if wanted { &["true", ":"] } else { &["false"] };
    match condition {
        Node::Simple(simple) => match simple.words.as_slice() {
            [_] => command_name(simple).is_some_and(|name| names.contains(&name)),
            [bracket, one, _] if wanted => {
                *bracket == [Part::Text("[".into())]
                    && matches!(one.as_slice(), [Part::Text(text)] if text == "1" || text == "true")
            }
            _ => false,
        },
        _ => false,
    }
}

fn any(node: &Node, wanted: &dyn Fn(&Simple) -> bool) -> bool {
    match node {
        Node::Simple(simple) => wanted(simple),
        Node::List(nodes) | Node::Pipe(nodes) => nodes.iter().any(|node| any(node, wanted)),
        Node::Chain(a, _, b) | Node::Loop(_, a, b) => any(a, wanted) || any(b, wanted),
        Node::Not(node) | Node::Background(node) | Node::For(_, _, node) => any(node, wanted),
        Node::If(a, b, c) => any(a, wanted) || any(b, wanted) || c.as_ref().is_some_and(|node| any(node, wanted)),
    }
}

/// Whether a loop's body may end the loop.
pub fn can_leave(body: &Node) -> bool {
    any(body, &|simple| {
        command_name(simple).is_none_or(|name| matches!(name, "break" | "exit" | "return" | "exec" | "set" | "kill"))
    })
}

/// Whether a script catches SIGTERM.
pub fn traps_term(root: &Node) -> bool {
    any(root, &|simple| {
        command_name(simple) == Some("trap")
            && simple.words.iter().any(|word| matches!(word.as_slice(), [Part::Text(text)] if matches!(text.as_str(), "TERM" | "SIGTERM" | "15")))
    })
}
