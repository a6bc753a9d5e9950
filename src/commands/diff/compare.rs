//! Comparing states: here, or by another program.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::bail;

use crate::error::Exit;
use crate::ops::context::Context;
use crate::ops::local_time::local_zone;
use crate::output::unified;

/// Two states of an object as YAML. One that is missing is no file; an empty one is an empty file.
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) live: Option<String>,
    pub(super) merged: Option<String>,
}

/// The names of the two folders.
const FOLDERS: [&str; 2] = ["LIVE", "MERGED"];

/// Shows the differences, and fails with exit code 1 where there are any.
pub(super) fn compare(ctx: &Context, mut pairs: Vec<Pair>) -> anyhow::Result<()> {
    if let Some(program) = ctx.env.get("KUBECTL_EXTERNAL_DIFF").filter(|program| !program.is_empty()) {
        return external(ctx, program, &pairs);
    }
    // Of two states of the same object the later ones count, as files would be overwritten.
    pairs.reverse();
    pairs.sort_by(|a, b| a.name.cmp(&b.name));
    pairs.dedup_by(|later, first| later.name == first.name);
    let folders = FOLDERS.map(folder_name);
    let mut text = String::new();
    for pair in &pairs {
        let [old, new] = [&pair.live, &pair.merged].map(|state| state.as_deref().unwrap_or_default());
        let hunks = unified::hunks(old, new);
        if hunks.is_empty() {
            continue;
        }
        let [from, to] =
            [0, 1].map(|at: usize| folders.get(at).map(|folder| folder.join(&pair.name)).unwrap_or_default());
        let (from, to) = (from.display(), to.display());
        let [made, remade] = [&pair.live, &pair.merged].map(|state| time(ctx, state.is_some()));
        text.push_str(&format!("diff -u -N {from} {to}\n--- {from}\t{made}\n+++ {to}\t{remade}\n{hunks}"));
    }
    ctx.streams.out().write_all(text.as_bytes())?;
    if text.is_empty() { Ok(()) } else { Err(Exit(1).into()) }
}

/// The time of a file that would be written now; of one that is not there that of the epoch.
fn time(ctx: &Context, exists: bool) -> String {
    let time = if exists { ctx.clock.now() } else { jiff::Timestamp::UNIX_EPOCH };
    time.to_zoned(local_zone(&ctx.env)).strftime("%Y-%m-%d %H:%M:%S.%9f %z").to_string()
}

fn folder_name(prefix: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{prefix}-{}", fastrand::u32(..)))
}

/// A folder that goes away with this.
struct Folder(PathBuf);

impl Folder {
    fn new(prefix: &str) -> io::Result<Self> {
        loop {
            let path = folder_name(prefix);
            let mut builder = fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            match builder.create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Lets another program compare two folders.
fn external(ctx: &Context, line: &str, pairs: &[Pair]) -> anyhow::Result<()> {
    let [live, merged] = FOLDERS;
    let (live, merged) = (Folder::new(live)?, Folder::new(merged)?);
    for pair in pairs {
        for (folder, state) in [(&live, &pair.live), (&merged, &pair.merged)] {
            if let Some(state) = state {
                fs::write(folder.path().join(&pair.name), state)?;
            }
        }
    }
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    ctx.streams.out().flush()?;
    let ran = Command::new(program)
        .args([live.path(), merged.path()])
        .args(words.filter(|word| is_plain(word)))
        .stdin(Stdio::null())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit())
        .status();
    match ran {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => match status.code() {
            Some(1) => Err(Exit(1).into()),
            Some(code) => bail!("failed to run {program:?}: exit status {code}"),
            None => bail!("failed to run {program:?}: {status}"),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("failed to run {program:?}: executable file not found in $PATH")
        }
        Err(error) => bail!("failed to run {program:?}: {error}"),
    }
}

/// Only such arguments are passed on.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'='))
}
