//! Reads arguments as pflag does and hands clap a normalised line.
//!
//! pflag decides what scripts may write: flags and arguments in any order, `-nx`, `-n=x`, `-it`,
//! a value only after `=` where a flag may stand alone, the last value wins, lists split at commas.
//! Its errors come in the order of the line. clap then sees only `--name=value`, checked.

use super::flags::{Flag, Flags, Kind};
use super::values::{parse_bool, parse_csv, parse_duration, parse_float, parse_int, parse_pairs, parse_uint};
use crate::go::quote::quote;

/// What the line says.
#[derive(Debug, Default)]
pub struct Scanned {
    /// The command's own flags, in the order in which each was first given.
    pub local: Vec<(String, Given)>,
    /// The global flags.
    pub global: Vec<(String, Given)>,
    /// Everything that is not a flag, without `--`.
    pub args: Vec<String>,
    /// How many of `args` stood before `--`, where there was one.
    pub dash: Option<usize>,
    /// Whether `--help` was asked for.
    pub help: bool,
    /// Every flag as it was given, in order, with the value that it took.
    pub spoken: Vec<(String, String)>,
    /// Notices about deprecated flags.
    pub notices: Vec<String>,
}

/// Flags whose values are nobody else's business.
const CLASSIFIED: &[&str] = &["token", "password"];

impl Scanned {
    /// The line as `--record` keeps it: the program, all words, then the flags with their values.
    pub fn line(&self, program: &str, command: &[String]) -> String {
        let mut line = program.to_owned();
        for word in command.iter().chain(&self.args) {
            line.push(' ');
            line.push_str(word);
        }
        for (name, value) in &self.spoken {
            let value = if CLASSIFIED.contains(&name.as_str()) { "CLASSIFIED" } else { value };
            line.push_str(&format!(" --{name}={value}"));
        }
        line
    }
}

/// A flag's value as it came out: pflag keeps one, or a list.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// The last value given, in the form that clap's parser reads.
    One(String),
    /// All values given.
    Many(Vec<String>),
    /// A flag that stands alone, and whether it is set.
    Switch(bool),
}

/// Reads `words`, the arguments after the command's name. `command` is the command's path, for
/// deprecations.
///
/// # Errors
/// pflag's words for what is wrong.
pub fn scan(words: &[String], command: &str, local: &Flags<'_>, global: &Flags<'_>) -> Result<Scanned, String> {
    let mut scanner = Scanner { command, local, global, found: Scanned::default() };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            scanner.found.dash = Some(scanner.found.args.len());
            scanner.found.args.extend(rest.cloned());
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            scanner.long(word, long, &mut rest)?;
        } else if word.len() > 1 && word.starts_with('-') {
            scanner.shorts(word.get(1..).unwrap_or_default(), &mut rest)?;
        } else {
            scanner.found.args.push(word.clone());
        }
    }
    Ok(scanner.found)
}

struct Scanner<'a> {
    command: &'a str,
    local: &'a Flags<'a>,
    global: &'a Flags<'a>,
    found: Scanned,
}

type Rest<'r> = std::slice::Iter<'r, String>;

impl Scanner<'_> {
    fn long(&mut self, word: &str, text: &str, rest: &mut Rest<'_>) -> Result<(), String> {
        if text.starts_with(['-', '=']) {
            return Err(format!("bad flag syntax: {word}"));
        }
        let (typed, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let name = typed.replace('_', "-");
        let (flag, is_local) = match (self.local.long(&name), self.global.long(&name)) {
            (Some(flag), _) => (flag, true),
            (None, Some(flag)) => (flag, false),
            (None, None) if name == "help" => return self.help(value, "-h, --help"),
            (None, None) => return Err(format!("unknown flag: --{typed}")),
        };
        let value = match value {
            None if flag.stands_alone() => None,
            None => Some(rest.next().cloned().ok_or_else(|| format!("flag needs an argument: --{typed}"))?),
            given => given,
        };
        self.set(flag, is_local, value.as_deref())
    }

    fn shorts(&mut self, letters: &str, rest: &mut Rest<'_>) -> Result<(), String> {
        let mut letters = letters;
        while let Some(letter) = letters.chars().next() {
            let after = letters.get(letter.len_utf8()..).unwrap_or_default();
            let (flag, is_local) = match (self.local.short(letter), self.global.short(letter)) {
                (Some(flag), _) => (Some(flag), true),
                (None, Some(flag)) => (Some(flag), false),
                (None, None) if letter == 'h' => (None, true),
                (None, None) => return Err(format!("unknown shorthand flag: '{letter}' in -{letters}")),
            };
            let alone = flag.is_none_or(|flag| flag.stands_alone());
            let (value, next) = match after.strip_prefix('=') {
                Some(value) if !value.is_empty() => (Some(value.to_owned()), ""),
                _ if alone => (None, after),
                _ if !after.is_empty() => (Some(after.to_owned()), ""),
                _ => match rest.next() {
                    Some(value) => (Some(value.clone()), ""),
                    None => return Err(format!("flag needs an argument: '{letter}' in -{letters}")),
                },
            };
            match flag {
                Some(flag) => self.set(flag, is_local, value.as_deref())?,
                None => self.help(value, "-h, --help")?,
            }
            letters = next;
        }
        Ok(())
    }

    fn help(&mut self, value: Option<String>, spoken: &str) -> Result<(), String> {
        let value = value.unwrap_or_else(|| "true".to_owned());
        self.found.help = parse_bool(&value).map_err(|why| invalid(&value, spoken, &why))?;
        Ok(())
    }

    fn set(&mut self, flag: Flag<'_>, is_local: bool, value: Option<&str>) -> Result<(), String> {
        let given = match value {
            Some(value) => read(flag, value).map_err(|why| invalid(value, &flag.spoken(), &why))?,
            None if flag.kind == Kind::Bool => read(flag, "true")?,
            None => Given::Switch(true),
        };
        if let Some(say) = flag.deprecated(self.command).filter(|_| is_local) {
            self.found.notices.push(format!("Flag --{} has been deprecated, {say}", flag.name));
        }
        let spoken = value.unwrap_or_else(|| alone(flag.name));
        self.found.spoken.push((flag.name.to_owned(), spoken.to_owned()));
        let all = if is_local { &mut self.found.local } else { &mut self.found.global };
        match (all.iter_mut().find(|(name, _)| name == flag.name), given) {
            (Some((_, Given::Many(old))), Given::Many(new)) => old.extend(new),
            (Some((_, old)), new) => *old = new,
            (None, new) => all.push((flag.name.to_owned(), new)),
        }
        Ok(())
    }
}

/// The value of a flag that is given alone.
fn alone(name: &str) -> &'static str {
    match name {
        "dry-run" => "unchanged",
        "validate" => "strict",
        "cascade" => "background",
        _ => "true",
    }
}

fn invalid(value: &str, spoken: &str, why: &str) -> String {
    format!("invalid argument {} for {} flag: {why}", quote(value), quote(spoken))
}

/// Checks a value and brings it into the form that clap's parsers read.
fn read(flag: Flag<'_>, value: &str) -> Result<Given, String> {
    Ok(match flag.kind {
        Kind::Bool => {
            let value = parse_bool(value)?;
            if flag.arg.get_action().takes_values() { Given::One(value.to_string()) } else { Given::Switch(value) }
        }
        Kind::Int(bits) => Given::One(parse_int(value, bits)?.to_string()),
        Kind::Uint(bits) => Given::One(parse_uint(value, bits)?.to_string()),
        Kind::Float => Given::One(parse_float(value)?.to_string()),
        Kind::Duration => Given::One(parse_duration(value)?.to_string()),
        Kind::Text | Kind::Other => Given::One(value.to_owned()),
        Kind::List => Given::Many(parse_csv(value)?),
        Kind::Pairs => Given::Many(parse_pairs(value)?),
        Kind::Array => Given::Many(vec![value.to_owned()]),
    })
}

/// Parses flags and arguments with clap. Flags missing that must be there are cobra's to report:
/// see [`missing`].
///
/// # Errors
/// Only where a command's own value parser refuses a value.
pub fn parse(
    command: clap::Command,
    flags: &[(String, Given)],
    args: &[String],
    dash: Option<usize>,
) -> Result<clap::ArgMatches, String> {
    // Lists arrive split, and must not be split again where a quoted comma stood.
    let mut command = command.mut_args(|arg| {
        if arg.get_value_delimiter().is_none() {
            return arg;
        }
        let long = arg.get_long().unwrap_or_default().to_owned();
        let mut given = flags.iter().filter(|(name, _)| *name == long).map(|(_, given)| given).peekable();
        if given.peek().is_none() {
            return arg;
        }
        let arg = arg.value_delimiter(None);
        // An empty list is one, and not the usual one.
        let is_empty = given.all(|given| matches!(given, Given::Many(values) if values.is_empty()));
        if is_empty { arg.default_value(None::<&'static str>) } else { arg }
    });
    let mut line = Vec::with_capacity(flags.len() + args.len() + 1);
    for (name, given) in flags {
        match given {
            Given::One(value) => line.push(format!("--{name}={value}")),
            Given::Many(values) => line.extend(values.iter().map(|value| format!("--{name}={value}"))),
            Given::Switch(true) => line.push(format!("--{name}")),
            Given::Switch(false) => {}
        }
    }
    let positional = |last: bool| command.get_positionals().any(|arg| arg.is_last_set() == last);
    let (takes_args, takes_last) = (positional(false), positional(true));
    match dash.filter(|_| takes_last) {
        Some(before) => {
            let (before, after) = args.split_at(before.min(args.len()));
            if takes_args {
                line.extend(before.iter().cloned());
            }
            line.push("--".to_owned());
            line.extend(after.iter().cloned());
        }
        None if takes_args && takes_last => line.extend(args.iter().cloned()),
        None if takes_args => {
            line.push("--".to_owned());
            line.extend(args.iter().cloned());
        }
        // A command without arguments pays no heed to those it is given, as cobra's do.
        None => {}
    }
    command.try_get_matches_from_mut(line).map_err(|error| refused(&error))
}

/// The flags that must be given and are not, in cobra's words.
pub fn missing(flags: &Flags<'_>, given: &[(String, Given)]) -> Option<String> {
    let names: Vec<String> = flags
        .sorted()
        .iter()
        .filter(|flag| flag.arg.is_required_set() && !given.iter().any(|(name, _)| name == flag.name))
        .map(|flag| format!("\"{}\"", flag.name))
        .collect();
    (!names.is_empty()).then(|| format!("required flag(s) {} not set", names.join(", ")))
}

/// A refusal of one of clap's value parsers, in pflag's words.
fn refused(error: &clap::Error) -> String {
    use clap::error::{ContextKind, ContextValue};
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue)) {
        (Some(arg), Some(value)) => {
            let name = arg.split([' ', '=']).next().unwrap_or(arg);
            let why = std::error::Error::source(error).map_or_else(|| "invalid value".to_owned(), ToString::to_string);
            invalid(value, name, &why)
        }
        _ => error.to_string().trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::super::global;
    use super::*;

    #[derive(clap::Args, Debug)]
    struct Probe {
        #[arg(long, short = 'A')]
        all: bool,
        #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
        namespaced: Option<bool>,
        #[arg(long, short = 'i')]
        stdin: bool,
        #[arg(long, short = 't')]
        tty: bool,
        #[arg(long, short)]
        output: Option<String>,
        #[arg(long, default_value = "none", num_args = 0..=1, require_equals = true, default_missing_value = "unchanged")]
        dry_run: String,
        #[arg(long, default_value_t = 500)]
        chunk_size: i64,
        #[arg(long)]
        replicas: Option<i32>,
        #[arg(long, default_value = "0s")]
        timeout: SignedDuration,
        #[arg(long, short, value_delimiter = ',')]
        filename: Vec<String>,
        #[arg(long)]
        literal: Vec<String>,
        #[arg(hide = true)]
        args: Vec<String>,
        #[arg(last = true, hide = true)]
        command: Vec<String>,
    }

    fn probe(line: &[&str]) -> Result<(Probe, Scanned), String> {
        let words: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        let command = <Probe as clap::Args>::augment_args(crate::commands::entry::bare("probe"));
        let global = global::command();
        let scanned = scan(&words, "run", &Flags::of(&command), &Flags::of(&global))?;
        let matches = parse(command.clone(), &scanned.local, &scanned.args, scanned.dash)?;
        let probe = <Probe as clap::FromArgMatches>::from_arg_matches(&matches).map_err(|e| e.to_string())?;
        Ok((probe, scanned))
    }

    #[test]
    fn takes_flags_in_every_form() {
        for (line, output) in [
            (&["-o", "wide"][..], Some("wide")),
            (&["-owide"], Some("wide")),
            (&["-o=wide"], Some("wide")),
            (&["--output", "wide"], Some("wide")),
            (&["--output=wide"], Some("wide")),
            (&["--output="], Some("")),
            (&["-o", "json", "a", "-o", "wide"], Some("wide")),
            (&["-Ao", "wide"], Some("wide")),
            (&["-o", "-A"], Some("-A")),
            (&["--", "-o", "wide"], None),
        ] {
            assert_eq!(probe(line).expect("parses").0.output.as_deref(), output, "{line:?}");
        }
    }

    #[test]
    fn reads_every_kind() {
        let line = "pods -it web --dry-run --all=false --chunk-size 0x10 --timeout=1m30s --replicas -2 --namespaced=F \
                    -f a,b -f \"c,d\",e --literal x,y -n harbor --v 6 -- ls -l --all";
        let words: Vec<&str> = line.split_whitespace().collect();
        let (probe, scanned) = probe(&words).expect("parses");
        assert!(probe.stdin && probe.tty && !probe.all);
        assert_eq!(probe.dry_run, "unchanged");
        assert_eq!((probe.chunk_size, probe.replicas, probe.namespaced), (16, Some(-2), Some(false)));
        assert_eq!(probe.timeout, SignedDuration::from_secs(90));
        assert_eq!(probe.filename, ["a", "b", "c,d", "e"]);
        assert_eq!(probe.literal, ["x,y"]);
        assert_eq!(probe.args, ["pods", "web"]);
        assert_eq!(probe.command, ["ls", "-l", "--all"]);
        let overrides = global::overrides(&scanned.global).expect("global flags");
        assert_eq!((overrides.namespace.as_deref(), overrides.verbosity.level), (Some("harbor"), 6));
    }

    #[test]
    fn a_flag_that_stands_alone_takes_no_next_word() {
        let (found, _) = probe(&["--dry-run", "client", "--namespaced", "no", "--dry_run=server"]).expect("parses");
        assert_eq!((found.dry_run.as_str(), found.namespaced), ("server", Some(true)));
        assert_eq!(found.args, ["client", "no"]);
    }

    #[test]
    fn refuses_in_the_words_of_pflag() {
        for (line, want) in [
            (&["--nope"][..], "unknown flag: --nope"),
            (&["--nope=1", "-Z"], "unknown flag: --nope"),
            (&["-Z"], "unknown shorthand flag: 'Z' in -Z"),
            (&["-AZx"], "unknown shorthand flag: 'Z' in -Zx"),
            (&["---x"], "bad flag syntax: ---x"),
            (&["--=x"], "bad flag syntax: --=x"),
            (&["--output"], "flag needs an argument: --output"),
            (&["-A", "-o"], "flag needs an argument: 'o' in -o"),
            (&["-Ao"], "flag needs an argument: 'o' in -o"),
            (
                &["--chunk-size=x"],
                "invalid argument \"x\" for \"--chunk-size\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
            (
                &["--replicas", "3000000000"],
                "invalid argument \"3000000000\" for \"--replicas\" flag: strconv.ParseInt: parsing \"3000000000\": value out of range",
            ),
            (
                &["-A=maybe"],
                "invalid argument \"maybe\" for \"-A, --all\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
            (&["--timeout=5"], "invalid argument \"5\" for \"--timeout\" flag: time: missing unit in duration \"5\""),
            (
                &["-f", "a\"b"],
                "invalid argument \"a\\\"b\" for \"-f, --filename\" flag: parse error on line 1, column 2: bare \" in non-quoted-field",
            ),
        ] {
            assert_eq!(probe(line).expect_err("refused"), want, "{line:?}");
        }
    }

    #[test]
    fn says_that_a_flag_is_deprecated_and_that_help_is_asked() {
        let (_, scanned) = probe(&["-f", "x", "-h"]).expect("parses");
        assert!(scanned.help);
        assert_eq!(scanned.notices.len(), 1);
        assert!(scanned.notices.iter().all(|notice| notice.starts_with("Flag --filename has been deprecated, ")));
    }

    proptest! {
        #[test]
        fn never_panics(words in prop::collection::vec("(-{0,3}[a-zAotif=,\"é–]{0,6}|--(output|filename|timeout|chunk-size|all)=?.{0,5})", 0..6)) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let _ = probe(&words);
        }
    }
}
