//! Following a script in time that is only computed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::parse::{Node, Part, Simple, Word};
use super::{End, MAX_STEPS, Setting, commands};
use crate::object::Timestamp;

/// What a command leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next command, after this exit code.
    Next(i32),
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `exit`
    Exit(i32),
    /// The time of the look is reached.
    Looked,
    /// Nothing ever comes after this.
    Forever,
}

/// A script as it runs.
pub struct Machine<'a> {
    /// Since the start.
    pub time: Duration,
    /// Shell and environment variables.
    pub vars: BTreeMap<String, String>,
    /// What the script's files hold.
    pub files: BTreeMap<String, String>,
    /// The host's name.
    pub hostname: &'a str,
    started_at: Timestamp,
    until: Option<Duration>,
    steps: u32,
    strict: bool,
    last: i32,
    /// Where output goes: innermost capture last; the outermost is the log.
    captures: Vec<String>,
    partial: String,
    line: &'a mut dyn FnMut(Duration, String),
}

impl<'a> Machine<'a> {
    /// A script at its start, to be followed up to `until` or, for none, to its end.
    pub fn new(setting: &'a Setting, until: Option<Duration>, line: &'a mut dyn FnMut(Duration, String)) -> Self {
        Self {
            time: Duration::ZERO,
            vars: setting.env.clone(),
            files: BTreeMap::new(),
            hostname: &setting.hostname,
            started_at: setting.started_at,
            until,
            steps: 0,
            strict: false,
            last: 0,
            captures: Vec::new(),
            partial: String::new(),
            line,
        }
    }

    /// Follows the whole script.
    pub fn follow(&mut self, root: &Node) -> End {
        let flow = self.node(root);
        if !self.partial.is_empty() {
            let rest = std::mem::take(&mut self.partial);
            (self.line)(self.time, rest);
        }
        match flow {
            Flow::Next(code) | Flow::Exit(code) => End::Exited(self.time, code),
            Flow::Break | Flow::Continue => End::Exited(self.time, 0),
            Flow::Looked => End::Running,
            Flow::Forever if self.until.is_some() => End::Running,
            Flow::Forever => End::Never,
        }
    }

    /// Runs another command where the first one stands; its exit code (0 for one that does not end).
    pub fn again(&mut self, root: &Node) -> i32 {
        self.until = None;
        self.steps = 0;
        self.captures.push(String::new());
        let flow = self.node(root);
        self.captures.pop();
        match flow {
            Flow::Next(code) | Flow::Exit(code) => code,
            _ => 0,
        }
    }

    /// The moment at which the script stands.
    pub fn now(&self) -> Timestamp {
        super::super::later(self.started_at, self.time)
    }

    /// Lets time pass.
    pub fn sleep(&mut self, duration: Duration) -> Flow {
        self.time = self.time.saturating_add(duration);
        match self.until {
            Some(until) if self.time > until => Flow::Looked,
            _ => Flow::Next(0),
        }
    }

    /// Sets or clears `set -e`.
    pub fn set_strict(&mut self, strict: bool) {
        self.strict = strict;
    }

    /// Writes to the standard output.
    pub fn write(&mut self, text: &str) {
        if let Some(capture) = self.captures.last_mut() {
            if capture.len() < 1 << 20 {
                capture.push_str(text);
            }
            return;
        }
        let mut rest = text;
        while let Some((line, after)) = rest.split_once('\n') {
            self.partial.push_str(line);
            let line = std::mem::take(&mut self.partial);
            (self.line)(self.time, line);
            rest = after;
        }
        self.partial.push_str(rest);
    }

    /// Writes what a file or the standard output gets while `body` runs.
    fn captured(&mut self, body: impl FnOnce(&mut Self) -> Flow) -> (String, Flow) {
        self.captures.push(String::new());
        let flow = body(self);
        (self.captures.pop().unwrap_or_default(), flow)
    }

    fn node(&mut self, node: &Node) -> Flow {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Flow::Forever;
        }
        let flow = match node {
            Node::Simple(simple) => self.simple(simple),
            Node::List(nodes) => self.list(nodes),
            Node::Chain(first, on_success, second) => match self.node(first) {
                Flow::Next(code) if (code == 0) == *on_success => self.node(second),
                flow => flow,
            },
            Node::Not(node) => match self.node(node) {
                Flow::Next(code) => Flow::Next(i32::from(code == 0)),
                flow => flow,
            },
            Node::Pipe(nodes) => self.pipe(nodes),
            Node::Background(node) => {
                // What runs beside the rest is followed up to its first wait.
                let (time, until) = (self.time, self.until);
                self.until = Some(time);
                self.node(node);
                (self.time, self.until) = (time, until);
                Flow::Next(0)
            }
            Node::Loop(wanted, condition, body) => self.repeat(*wanted, condition, body),
            Node::For(name, words, body) => self.each(name, words, body),
            Node::If(condition, then, other) => match self.node(condition) {
                Flow::Next(0) => self.node(then),
                Flow::Next(_) => other.as_ref().map_or(Flow::Next(0), |other| self.node(other)),
                flow => flow,
            },
        };
        if let Flow::Next(code) = flow {
            self.last = code;
        }
        flow
    }

    fn list(&mut self, nodes: &[Node]) -> Flow {
        let mut flow = Flow::Next(0);
        for node in nodes {
            flow = self.node(node);
            match flow {
                Flow::Next(code) if code != 0 && self.strict && matches!(node, Node::Simple(_) | Node::Pipe(_)) => {
                    return Flow::Exit(code);
                }
                Flow::Next(_) => {}
                _ => return flow,
            }
        }
        flow
    }

    fn pipe(&mut self, nodes: &[Node]) -> Flow {
        let Some((last, firsts)) = nodes.split_last() else { return Flow::Next(0) };
        let mut text = String::new();
        for node in firsts {
            let (output, flow) = self.captured(|machine| machine.node(node));
            text = output;
            if !matches!(flow, Flow::Next(_)) {
                return flow;
            }
        }
        match last {
            Node::Simple(simple) if !simple.words.is_empty() => {
                let argv: Vec<String> = simple.words.iter().flat_map(|word| self.expand(word)).collect();
                commands::filter(self, &argv, &text)
            }
            _ => Flow::Next(0),
        }
    }

    fn repeat(&mut self, wanted: bool, condition: &Node, body: &Node) -> Flow {
        if self.until.is_none()
            && commands::is_constant(condition, wanted)
            && !commands::can_leave(body)
            && !self.strict
        {
            return Flow::Forever;
        }
        loop {
            let (time, steps) = (self.time, self.steps);
            match self.node(condition) {
                Flow::Next(code) if (code == 0) == wanted => {}
                Flow::Next(_) => return Flow::Next(0),
                flow => return flow,
            }
            match self.node(body) {
                Flow::Next(_) | Flow::Continue => {}
                Flow::Break => return Flow::Next(0),
                flow => return flow,
            }
            if self.time == time {
                // A loop that never waits still takes time.
                let passed = Duration::from_millis(u64::from(self.steps - steps));
                if self.sleep(passed) == Flow::Looked {
                    return Flow::Looked;
                }
            }
        }
    }

    fn each(&mut self, name: &str, words: &[Word], body: &Node) -> Flow {
        let values: Vec<String> = words.iter().flat_map(|word| self.expand(word)).collect();
        for value in values {
            self.vars.insert(name.to_owned(), value);
            match self.node(body) {
                Flow::Next(_) | Flow::Continue => {}
                Flow::Break => break,
                flow => return flow,
            }
        }
        Flow::Next(0)
    }

    fn simple(&mut self, simple: &Simple) -> Flow {
        let argv: Vec<String> = simple.words.iter().flat_map(|word| self.expand(word)).collect();
        let assigned: Vec<(String, String)> =
            simple.assignments.iter().map(|(name, word)| (name.clone(), self.expand(word).join(" "))).collect();
        let before: Vec<(String, Option<String>)> =
            assigned.into_iter().map(|(name, value)| (name.clone(), self.vars.insert(name, value))).collect();
        let flow = self.redirected(simple, &argv);
        if !argv.is_empty() {
            for (name, value) in before {
                match value {
                    Some(value) => self.vars.insert(name, value),
                    None => self.vars.remove(&name),
                };
            }
        }
        flow
    }

    fn redirected(&mut self, simple: &Simple, argv: &[String]) -> Flow {
        let Some((file, append)) = &simple.output else { return commands::run(self, argv) };
        let file = self.expand(file).join(" ");
        let (output, flow) = self.captured(|machine| commands::run(machine, argv));
        match file.as_str() {
            "/dev/null" => {}
            "/dev/stdout" | "/dev/stderr" | "/proc/1/fd/1" | "/proc/1/fd/2" => self.write(&output),
            _ if *append => {
                let content = self.files.entry(file).or_default();
                if content.len() < 1 << 20 {
                    content.push_str(&output);
                }
            }
            _ => {
                self.files.insert(file, output);
            }
        }
        flow
    }

    /// Expands a word to the words it stands for.
    fn expand(&mut self, word: &Word) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        let mut current: Option<String> = None;
        for part in word {
            let (value, quoted) = match part {
                Part::Text(text) => (text.clone(), true),
                Part::Variable(name, quoted) => (self.variable(name), *quoted),
                Part::Arithmetic(expression) => (commands::arithmetic(expression, &self.vars).to_string(), true),
                Part::Command(node, quoted) => {
                    let (output, _) = self.captured(|machine| machine.node(node));
                    (output.trim_end_matches('\n').to_owned(), *quoted)
                }
            };
            if quoted {
                current.get_or_insert_default().push_str(&value);
                continue;
            }
            let mut pieces = value.split_whitespace();
            if value.starts_with(char::is_whitespace) {
                words.extend(current.take());
            }
            if let Some(first) = pieces.next() {
                current.get_or_insert_default().push_str(first);
            }
            for piece in pieces {
                words.extend(current.replace(piece.to_owned()));
            }
            if value.ends_with(char::is_whitespace) {
                words.extend(current.take());
            }
        }
        words.extend(current);
        words
    }

    fn variable(&self, name: &str) -> String {
        let get = |name: &str| match name {
            "?" => Some(self.last.to_string()),
            "$" => Some("1".to_owned()),
            "HOSTNAME" => Some(self.hostname.to_owned()),
            "RANDOM" => {
                Some(super::super::chance::below(32_768, &[self.hostname, &self.steps.to_string()]).to_string())
            }
            _ => self.vars.get(name).cloned(),
        };
        match name.split_once(":-").or_else(|| name.split_once('-')) {
            Some((name, other)) => get(name).filter(|value| !value.is_empty()).unwrap_or_else(|| other.to_owned()),
            None => get(name).unwrap_or_default(),
        }
    }
}
