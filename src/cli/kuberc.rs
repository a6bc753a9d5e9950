//! The preferences file at work: aliases written out, and flags that the line does not give.

use std::path::Path;

use anyhow::{anyhow, bail};

use super::find::{Found, find, first_argument};
use super::flags::Flags;
use super::scan;
use crate::commands::Entry;
use crate::ops::environment::Environment;
use crate::ops::preferences::{FlagDefault, Preferences, location, open_error};
use crate::terminal::Streams;

/// The file that `--kuberc` names.
fn named(words: &[String]) -> anyhow::Result<Option<&str>> {
    let mut words = words.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--kuberc") {
            Some("") => words.next().map(String::as_str),
            Some(rest) if rest.starts_with('=') => rest.get(1..),
            _ => continue,
        };
        return match value.filter(|value| !value.is_empty()) {
            Some(value) => Ok(Some(value)),
            None => bail!("kuberc file is not found"),
        };
    }
    Ok(None)
}

/// Reads the preferences. A file that nobody named may be missing, or even broken: that is only said.
///
/// # Errors
/// A file that was named and cannot be used.
pub fn load(env: &Environment, words: &[String], streams: &Streams) -> anyhow::Result<Option<Preferences>> {
    if env.get("KUBECTL_KUBERC").is_some_and(|value| value.eq_ignore_ascii_case("false")) {
        return Ok(None);
    }
    let flag = named(words)?;
    let Some((file, explicit)) = location(env, flag).map_err(|error| anyhow!("kuberc error {error}"))? else {
        return Ok(None);
    };
    let read = match std::fs::read(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !explicit => return Ok(None),
        Err(error) => Err(open_error(&file, &error)),
        Ok(text) => Preferences::read(&file, &text),
    };
    match read {
        Ok(preferences) => {
            preferences.iter().try_for_each(Preferences::check)?;
            Ok(preferences)
        }
        Err(error) if explicit => Err(anyhow!("kuberc error kuberc: {error}")),
        Err(error) => warn(&file, &error.to_string(), streams),
    }
}

fn warn(file: &Path, why: &str, streams: &Streams) -> anyhow::Result<Option<Preferences>> {
    streams.say(format!("kuberc: no preferences loaded from {}: {why}", file.display()));
    Ok(None)
}

/// The line with its alias written out; `None` where it begins with none.
///
/// # Errors
/// An alias for a command, or with a flag, that does not exist.
pub fn expand(preferences: &Preferences, words: &[String], global: &Flags<'_>) -> anyhow::Result<Option<Vec<String>>> {
    if !find(words, global).path.is_empty() {
        return Ok(None);
    }
    let Some(at) = words.iter().position(|word| !word.starts_with('-')) else { return Ok(None) };
    let Some(alias) = preferences.aliases.iter().find(|alias| words.get(at) == Some(&alias.name)) else {
        return Ok(None);
    };
    let command: Vec<String> = alias.command.split_whitespace().map(str::to_owned).collect();
    let found = find(&command, global);
    if found.path.is_empty() || !found.rest.is_empty() {
        bail!("command {:?} not found to set alias {:?}: {:?}", alias.command, alias.name, found.rest);
    }
    let (before, after) = words.split_at(at);
    let after = after.get(1..).unwrap_or_default();
    let mut line = before.to_vec();
    line.extend(command);
    line.extend(given(&found, words, &alias.options, global, |name| {
        format!("invalid alias flag {name} in alias {}", alias.name)
    })?);
    line.extend(alias.prepend_args.iter().cloned());
    line.extend(after.iter().cloned());
    line.extend(alias.append_args.iter().cloned());
    Ok(Some(line))
}

/// The flags that the preferences give to the line's command, as words.
///
/// # Errors
/// A flag that the command does not have, or a value that it refuses.
pub fn defaults(
    preferences: &Preferences,
    found: &Found,
    words: &[String],
    global: &Flags<'_>,
    streams: &Streams,
) -> anyhow::Result<Vec<String>> {
    let mut line = Vec::new();
    for defaults in &preferences.defaults {
        let command: Vec<String> = defaults.command.split_whitespace().map(str::to_owned).collect();
        let meant = find(&command, global);
        if meant.path.is_empty() || first_argument(&meant.rest, global).is_some() {
            streams.say(format!("Warning: command {:?} not found to set kuberc override", defaults.command));
            continue;
        }
        if !found.path.is_empty() && meant.spoken() == found.spoken() {
            line.extend(given(found, words, &defaults.options, global, |name| {
                format!("invalid flag {name} for command {}", defaults.command)
            })?);
        }
    }
    Ok(line)
}

/// Options as words, those left out that the line sets itself.
fn given(
    found: &Found,
    words: &[String],
    options: &[FlagDefault],
    global: &Flags<'_>,
    unknown: impl Fn(&str) -> String,
) -> anyhow::Result<Vec<String>> {
    let command = found.command().and_then(Entry::flags);
    let local = command.as_ref().map_or_else(Flags::none, Flags::of);
    let mut line = Vec::new();
    for FlagDefault { name, default } in options {
        let Some(flag) = local.long(name).or_else(|| global.long(name)) else { bail!(unknown(name)) };
        let letter = flag.short();
        let is_set = words.iter().take_while(|word| *word != "--").any(|word| {
            let long = word.strip_prefix("--").map(|rest| rest.split('=').next().unwrap_or(rest));
            let short =
                || word.strip_prefix('-').filter(|_| long.is_none()).is_some_and(|l| l.starts_with_letter(letter));
            long == Some(name.as_str()) || short()
        });
        if is_set {
            continue;
        }
        let word = format!("--{name}={default}");
        if let Err(why) = scan::scan(std::slice::from_ref(&word), &found.spoken(), &local, global) {
            bail!("could not apply override value {default} to flag {name} in command {} err: {why}", found.spoken());
        }
        line.push(word);
    }
    Ok(line)
}

trait Letters {
    fn starts_with_letter(&self, letter: Option<char>) -> bool;
}

impl Letters for &str {
    /// Whether a cluster of letters may hold this one: at its start, or anywhere among letters only.
    fn starts_with_letter(&self, letter: Option<char>) -> bool {
        letter.is_some_and(|letter| {
            self.starts_with(letter) || (self.chars().all(|c| c.is_ascii_alphabetic()) && self.contains(letter))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::global;
    use super::*;

    const FILE: &str = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n\
        defaults:\n- command: version\n  options:\n  - {name: output, default: json}\n\
        aliases:\n- {name: vv, command: version, prependArgs: [a], appendArgs: [b], options: [{name: client, default: \"true\"}]}\n";

    fn preferences() -> Preferences {
        Preferences::read(Path::new("kuberc"), FILE.as_bytes()).expect("reads").expect("preferences")
    }

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn gives_flags_that_the_line_does_not() {
        let command = global::command();
        let global = Flags::of(&command);
        let (streams, ..) = Streams::buffers(b"");
        for (line, want) in [
            ("version", &["--output=json"][..]),
            ("version -o yaml", &[]),
            ("version -oyaml", &[]),
            ("version --output=yaml", &[]),
            ("version --client", &["--output=json"]),
            ("get pods", &[]),
        ] {
            let words = words(line);
            let found = find(&words, &global);
            assert_eq!(defaults(&preferences(), &found, &words, &global, &streams).expect(line), want, "{line}");
        }
    }

    #[test]
    fn writes_aliases_out() {
        let command = global::command();
        let global = Flags::of(&command);
        for (line, want) in [
            ("vv x", Some("version --client=true a x b")),
            ("vv --client=false", Some("version a --client=false b")),
            ("version", None),
            ("zz", None),
        ] {
            assert_eq!(expand(&preferences(), &words(line), &global).expect(line), want.map(words), "{line}");
        }
    }
}
