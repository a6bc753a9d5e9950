//! Plugins: programs on the PATH named `kubectl-x` or `kctl-x` that run as commands.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

use super::find::{find, spoken};
use super::flags::Flags;
use crate::commands::plugin::PluginListArgs;
use crate::ops::context::{Context, Program};

/// The prefixes of plugins' names, the first tried first.
fn prefixes(program: Program) -> &'static [&'static str] {
    match program {
        Program::Kctl => &["kctl", "kubectl"],
        Program::Kubectl => &["kubectl"],
    }
}

/// A plugin and the arguments that remain for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Plugin {
    /// The program.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
}

/// Finds the plugin with the longest name that the line's first words make, of at least `least`
/// words.
pub fn lookup(program: Program, path_variable: Option<&str>, words: &[String], least: usize) -> Option<Plugin> {
    let named: Vec<String> =
        words.iter().take_while(|word| !word.starts_with('-')).map(|word| word.replace('-', "_")).collect();
    let folders: Vec<PathBuf> =
        std::env::split_paths(path_variable?).filter(|dir| !dir.as_os_str().is_empty()).collect();
    (least.max(1)..=named.len()).rev().find_map(|count| {
        let name = named.get(..count)?.join("-");
        if name.contains('/') {
            return None;
        }
        let path = prefixes(program).iter().find_map(|prefix| {
            folders.iter().map(|dir| dir.join(format!("{prefix}-{name}"))).find(|path| is_executable(path))
        })?;
        Some(Plugin { path, args: words.get(count..).unwrap_or_default().to_vec() })
    })
}

/// Becomes the plugin. Returns only where that failed.
pub fn execute(plugin: &Plugin) -> anyhow::Error {
    let mut command = std::process::Command::new(&plugin.path);
    command.args(&plugin.args);
    #[cfg(unix)]
    {
        let error = std::os::unix::process::CommandExt::exec(&mut command);
        anyhow!("cannot run {}: {error}", plugin.path.display())
    }
    #[cfg(not(unix))]
    {
        match command.status() {
            Ok(status) => {
                let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
                crate::error::Exit(code).into()
            }
            Err(error) => anyhow!("cannot run {}: {error}", plugin.path.display()),
        }
    }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// The files in the PATH's folders that are named like plugins, folder by folder; folders that
/// cannot be read are handed to `unreadable`.
pub fn on_path(
    program: Program,
    path_variable: Option<&str>,
    mut unreadable: impl FnMut(&Path, &std::io::Error),
) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for dir in std::env::split_paths(path_variable.unwrap_or_default()) {
        if dir.as_os_str().is_empty() || !seen.insert(dir.clone()) {
            continue;
        }
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) => {
                unreadable(&dir, &error);
                continue;
            }
        };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| !entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| {
                prefixes(program).iter().any(|p| name.strip_prefix(p).is_some_and(|rest| rest.starts_with('-')))
            })
            .collect();
        names.sort();
        found.extend(names.into_iter().map(|name| dir.join(name)));
    }
    found
}

/// `plugin list`
pub fn list(context: &Context, args: &PluginListArgs) -> anyhow::Result<()> {
    let plugins = on_path(context.program, context.env.get("PATH"), |dir, error| {
        let why = if error.kind() == std::io::ErrorKind::NotFound {
            "no such file or directory".to_owned()
        } else {
            error.to_string()
        };
        let dir = dir.display();
        context
            .streams
            .say(format!("Unable to read directory \"{dir}\" from your PATH: open {dir}: {why}. Skipping..."));
    });
    if plugins.is_empty() {
        bail!("unable to find any kubectl plugins in your PATH");
    }
    let mut out = context.streams.out();
    writeln!(out, "The following compatible plugins are available:\n")?;
    let mut seen: Vec<&Path> = Vec::new();
    let mut warnings = 0;
    for path in &plugins {
        let name = path.file_name().context("a plugin without a name")?.to_string_lossy();
        if args.name_only {
            writeln!(out, "{name}")?;
        } else {
            writeln!(out, "{}", path.display())?;
        }
        let mut warn = |text: String| {
            warnings += 1;
            context.streams.say(format!("  - warning: {text}"));
        };
        if !is_executable(path) {
            warn(format!("{} identified as a kubectl plugin, but it is not executable", path.display()));
        }
        match seen.iter().find(|earlier| earlier.file_name() == path.file_name()) {
            Some(earlier) => {
                warn(format!("{} is overshadowed by a similarly named plugin: {}", path.display(), earlier.display()));
            }
            None => seen.push(path),
        }
        let words: Vec<String> = name.split('-').skip(1).map(str::to_owned).collect();
        let hidden = find(&words, &Flags::none());
        if !hidden.path.is_empty()
            && (hidden.rest.is_empty() || hidden.path.last().is_some_and(|e| e.children.is_empty()))
        {
            warn(format!(
                "{name} overwrites existing command: \"{} {}\"",
                context.program.name(),
                spoken(&hidden.path)
            ));
        }
    }
    match warnings {
        0 => Ok(()),
        1 => bail!("one plugin warning was found"),
        n => bail!("{n} plugin warnings were found"),
    }
}
