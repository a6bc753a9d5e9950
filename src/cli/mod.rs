//! The command line: from arguments to a command at work, and from its errors to words.

mod background;
pub mod completion;
pub mod connect;
pub mod find;
pub mod flags;
pub mod global;
pub mod help;
pub mod kuberc;
pub mod man;
pub mod offline;
pub mod plugins;
pub mod profile;
pub mod report;
pub mod scan;
pub mod slides;
pub mod suggest;
pub mod values;
mod webhooks;

use std::borrow::Cow;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{anyhow, bail};

use crate::backend::kubelet::sandbox;
use crate::client::config::Overrides;
use crate::commands::plugin::PluginListArgs;
use crate::commands::{Action, Builtin, Entry};
use crate::error::{Exit, UsageError, WithHelp};
use crate::go::quote::quote;
use crate::object::clock::{Clock, parse_time_scale};
use crate::object::time::parse_rfc3339;
use crate::ops::context::{Context, Program};
use crate::ops::environment::Environment;
use crate::ops::preferences::Preferences;
use crate::terminal::Streams;

use crate::commands::entry::RECORD;
use find::{Found, find};
use flags::Flags;
use help::Style;
use profile::Profile;
use scan::Given;

/// The program: reads the process's arguments and environment and runs the command.
pub fn main() -> ExitCode {
    let arguments = || std::env::args_os().skip(1);
    if arguments().next().is_some_and(|first| first == sandbox::ARGUMENT) {
        return ExitCode::from(sandbox::main(arguments().skip(1)));
    }
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let called = words.next().unwrap_or_default();
    let words: Vec<String> = words.collect();
    ExitCode::from(run(&called, &words, Environment::process(), Streams::process()))
}

/// Runs one command line; `called` is the program's own name or path. Returns the exit code.
pub fn run(called: &str, words: &[String], env: Environment, mut streams: Streams) -> u8 {
    streams.colours = env.allows_colours();
    let started = Instant::now();
    let program = program(called, &env);
    let global_command = global::command();
    let global = Flags::of(&global_command);
    let clock = match clock(&env) {
        Ok(clock) => clock,
        Err(error) => return finish(&streams, Err(error), program, 1),
    };
    let (words, found, preferences) = match preferred(&env, &streams, words, &global) {
        Ok(line) => line,
        Err(error) => {
            streams.say(format!("error occurred while applying preferences {error}"));
            return finish(&streams, Err(Exit(1).into()), program, 1);
        }
    };
    let connector = connect::Connect { preferences, env: env.clone(), clock: clock.clone() };
    let context = Context::new(streams, env, clock, Overrides::default(), program, Box::new(connector));
    let words = &*words;
    let failure = found.command().map_or(1, |entry| entry.failure);
    let mut line = Line { context, words, found, global, started };
    let result = match line.run() {
        Err(error) if error.is::<WithHelp>() => line.with_help(error),
        Ok(()) => line.context.check_warnings(),
        result => result,
    };
    finish(&line.context.streams, result, program, failure)
}

/// The line and its command, with the aliases and defaults of the preferences file in them.
fn preferred<'w>(
    env: &Environment,
    streams: &Streams,
    words: &'w [String],
    global: &Flags<'_>,
) -> anyhow::Result<(Cow<'w, [String]>, Found, Preferences)> {
    let mut words = Cow::Borrowed(words);
    let preferences = match words.first().is_none_or(|word| completion::Request::named(word).is_some()) {
        true => None,
        false => kuberc::load(env, &words, streams)?,
    };
    let Some(preferences) = preferences else {
        let found = find(&words, global);
        return Ok((words, found, Preferences::default()));
    };
    if let Some(line) = kuberc::expand(&preferences, &words, global)? {
        words = Cow::Owned(line);
    }
    let mut found = find(&words, global);
    let defaults = kuberc::defaults(&preferences, &found, &words, global, streams)?;
    found.rest.splice(0..0, defaults);
    Ok((words, found, preferences))
}

/// Flushes, says the error and chooses the exit code.
fn finish(streams: &Streams, result: anyhow::Result<()>, program: Program, failure: u8) -> u8 {
    let flushed = streams.out().flush();
    let result = result.and_then(|()| flushed.map_err(Into::into));
    let Err(error) = result else { return 0 };
    let report = report::report(&error, program.name(), failure);
    let mut err = streams.err();
    let _ = err.write_all(report.text.as_bytes()).and_then(|()| err.flush());
    report.code
}

/// kubectl when called by that name or told so, kctl otherwise.
fn program(called: &str, env: &Environment) -> Program {
    let name = called.rsplit(['/', '\\']).next().unwrap_or(called);
    let name = name.strip_suffix(".exe").unwrap_or(name);
    if name == "kubectl" || env.get("KCTL_COMPAT") == Some("kubectl") { Program::Kubectl } else { Program::Kctl }
}

/// The system's clock, or one that stands at `KCTL_NOW`, or one that runs `KCTL_TIME_SCALE` times as fast.
fn clock(env: &Environment) -> anyhow::Result<Clock> {
    let now = env.get("KCTL_NOW").map(|text| {
        parse_rfc3339(text).ok_or_else(|| anyhow!("KCTL_NOW is not a time of the form 2006-01-02T15:04:05Z: {text}"))
    });
    let factor = env.get("KCTL_TIME_SCALE").map(|text| {
        parse_time_scale(text)
            .ok_or_else(|| anyhow!("KCTL_TIME_SCALE is not a number above 0, at most 1000000: {text}"))
    });
    Ok(match (now.transpose()?, factor.transpose()?) {
        (None, None) => Clock::System,
        (Some(now), None) => Clock::manual(now),
        (now, Some(factor)) => Clock::scaled(now.unwrap_or_else(|| Clock::System.now()), factor),
    })
}

/// One command line on its way.
struct Line<'a> {
    context: Context,
    words: &'a [String],
    found: Found,
    global: Flags<'a>,
    started: Instant,
}

impl Line<'_> {
    fn run(&mut self) -> anyhow::Result<()> {
        let program = self.context.program;
        if let Some(request) = self.words.first().and_then(|word| completion::Request::named(word)) {
            let words = self.words.get(1..).unwrap_or_default();
            return completion::answer(&mut self.context, request, words, &self.global);
        }
        self.plugin()?;
        let entry = self.found.command();
        let command = entry.and_then(Entry::flags);
        let local = command.as_ref().map_or_else(Flags::none, Flags::of).switched_on(&self.context.env);
        if let Some(complaint) = slides::complaint(program.name(), self.words, &[&local, &self.global]) {
            bail!(complaint);
        }
        let Some(entry) = entry else { return self.root() };
        if matches!(entry.action, Action::Absent) && !self.asks_for_help() {
            bail!("\"{} {}\" is not available yet", program.name(), self.found.spoken());
        }
        let scanned = self.scan(&local)?;
        for notice in &scanned.notices {
            self.context.streams.say(notice);
        }
        if scanned.help {
            return self.help(&self.found.path.clone());
        }
        if let Some(missing) = scan::missing(&local, &scanned.local) {
            bail!(missing);
        }
        self.context.overrides = global::overrides(&scanned.global).map_err(|why| self.flag_error(&why))?;
        if scanned.local.iter().any(|(name, given)| name == RECORD && *given == Given::Switch(true)) {
            self.context.change_cause = Some(scanned.line(program.name(), &self.found.given));
        }
        let asked = global::profile(&scanned.global).map_err(|why| self.flag_error(&why))?;
        let profile = match asked {
            Some((kind, path)) => Profile::begin(&kind, &path, self.context.clock.clone())?,
            None => None,
        };
        self.act(entry, command.as_ref(), &scanned)?;
        match profile {
            Some(profile) => profile.end(self.started),
            None => Ok(()),
        }
    }

    /// Does what the command does.
    fn act(&self, entry: &Entry, command: Option<&clap::Command>, scanned: &scan::Scanned) -> anyhow::Result<()> {
        let matches = |command: Option<clap::Command>| {
            let command = command.unwrap_or_else(|| crate::commands::entry::bare(entry.name));
            scan::parse(command, &scanned.local, &scanned.args, scanned.dash).map_err(|why| self.flag_error(&why))
        };
        match entry.action {
            Action::Run { run, .. } => {
                let matches = matches(command.cloned())?;
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?
                    .block_on(run(&self.context, matches))
            }
            Action::Call { call, .. } => call(&self.context, &matches(command.cloned())?),
            Action::Builtin(Builtin::PluginList) => {
                let matches = matches(command.cloned())?;
                plugins::list(&self.context, &<PluginListArgs as clap::FromArgMatches>::from_arg_matches(&matches)?)
            }
            Action::Builtin(builtin) => self.builtin(builtin, &scanned.args),
            Action::Family => self.family(&scanned.args),
            Action::Absent => self.help(&self.found.path.clone()),
        }
    }

    /// Gives way to a plugin where the line names no command of ours, or none of `create`'s.
    fn plugin(&self) -> anyhow::Result<()> {
        let least = match (self.found.path.as_slice(), self.found.rest.first()) {
            ([], Some(_)) if find::first_argument(self.words, &self.global).is_some() => 1,
            ([create], Some(word)) if create.name == "create" && !word.starts_with('-') => 2,
            _ => return Ok(()),
        };
        let path = self.context.env.get("PATH");
        match plugins::lookup(self.context.program, path, self.words, least) {
            Some(plugin) => Err(plugins::execute(&plugin)),
            None => Ok(()),
        }
    }

    fn scan(&self, local: &Flags<'_>) -> anyhow::Result<scan::Scanned> {
        scan::scan(&self.found.rest, &self.found.spoken(), local, &self.global).map_err(|why| self.flag_error(&why))
    }

    /// A wrong flag, with the way to the list of right ones.
    fn flag_error(&self, why: &str) -> anyhow::Error {
        let path = [self.context.program.name(), &self.found.spoken()].join(" ");
        let path = path.trim_end();
        if path.ends_with(" options") {
            return anyhow!("{why}\nRun '{path}' without flags.");
        }
        // Commands that keep code 1 for themselves word it as any wrong use.
        if self.found.command().is_some_and(|command| command.failure != 1) {
            return anyhow!("{why}\nSee '{path} -h' for help and examples");
        }
        anyhow!("{why}\nSee '{path} --help' for usage.")
    }

    /// The program without a command: help, or an unknown command.
    fn root(&self) -> anyhow::Result<()> {
        let unknown = find::first_argument(self.words, &self.global).and_then(|at| self.words.get(at));
        if let Some(word) = unknown {
            let mut message = format!("unknown command {} for \"{}\"", quote(word), self.context.program.name());
            let near = suggest::suggestions(word);
            if !near.is_empty() {
                message += "\n\nDid you mean this?\n";
                message.extend(near.iter().map(|name| format!("\t{name}\n")));
            }
            bail!(message);
        }
        self.scan(&Flags::none())?;
        self.help(&[])
    }

    /// A family without a command: its help, as an error.
    fn family(&self, args: &[String]) -> anyhow::Result<()> {
        if !args.is_empty() {
            let message = format!("unknown command {}", quote(&args.join(" ")));
            return Err(UsageError { command: self.found.spoken(), message }.into());
        }
        // One family's help goes to standard output, as kubectl's does.
        if self.found.spoken() == "rollout" {
            self.help(&self.found.path)?;
        } else {
            let page = self.style(self.context.streams.err_is_terminal).page(&self.found.path);
            let _ = self.context.streams.err().write_all(page.as_bytes());
        }
        Err(Exit(1).into())
    }

    fn asks_for_help(&self) -> bool {
        let own = self.found.rest.iter().take_while(|word| *word != "--");
        own.into_iter().any(|word| word == "--help" || word == "-h")
    }

    fn help(&self, path: &[&'static Entry]) -> anyhow::Result<()> {
        if path.last().is_some_and(|entry| matches!(entry.action, Action::Builtin(Builtin::Options))) {
            return self.builtin(Builtin::Options, &[]);
        }
        let page = self.style(self.context.streams.out_is_terminal).page(path);
        Ok(self.context.streams.out().write_all(page.as_bytes())?)
    }

    /// Prints the command's help before an error that asks for it.
    fn with_help(&self, error: anyhow::Error) -> anyhow::Result<()> {
        self.help(&self.found.path)?;
        if error.downcast_ref::<WithHelp>().is_some_and(|error| error.0.is_none()) { Ok(()) } else { Err(error) }
    }

    fn style(&self, is_terminal: bool) -> Style<'static> {
        let columns = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
        let width = is_terminal.then(columns).flatten().and_then(help::wrap_width);
        let on_trial = flags::any_on_trial(&self.context.env);
        Style { program: self.context.program.name(), width, on_trial }
    }

    fn builtin(&self, builtin: Builtin, args: &[String]) -> anyhow::Result<()> {
        let streams = &self.context.streams;
        match builtin {
            Builtin::Options => {
                let home = self.context.env.get("HOME").unwrap_or_default();
                let cache = self.context.env.get("KUBECACHEDIR");
                let cache = cache.map_or_else(|| format!("{home}/.kube/cache"), str::to_owned);
                let text = self.style(streams.out_is_terminal).options(&cache);
                Ok(streams.out().write_all(text.as_bytes())?)
            }
            Builtin::Help => {
                let found = find(args, &self.global);
                if found.path.is_empty() && !found.rest.is_empty() {
                    streams.say(format!("Unknown help topic [`{}`]", args.join("` `")));
                    let page = self.style(streams.err_is_terminal).page(&[]);
                    let _ = streams.err().write_all(page.as_bytes());
                    return Ok(());
                }
                self.help(&found.path)
            }
            Builtin::Completion => {
                let wrong = |message: String| UsageError { command: "completion".to_owned(), message };
                let shell = match args {
                    [] => return Err(wrong("Shell not specified.".to_owned()).into()),
                    [shell] => shell,
                    _ => return Err(wrong("Too many arguments. Expected only the shell type.".to_owned()).into()),
                };
                let script = completion::script(shell, self.context.program.name())
                    .ok_or_else(|| wrong(format!("Unsupported shell type {}.", crate::go::quote::quote(shell))))?;
                Ok(streams.out().write_all(script.as_bytes())?)
            }
            Builtin::Alpha => {
                streams
                    .say(format!("No alpha commands are available in this version of {}", self.context.program.name()));
                Ok(())
            }
            Builtin::PluginList => Ok(()),
        }
    }
}
