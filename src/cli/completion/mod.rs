//! Completion, by the protocol of cobra's scripts: a script calls the program as
//! `kctl __complete WORD… LAST` and reads candidates, one a line, then `:DIRECTIVE`.

mod cluster;
mod plan;
mod values;

use std::io::Write;
use std::time::Duration;

use crate::ops::context::{Context, Program};

use super::flags::Flags;
use super::plugins;
pub use plan::{Candidate, Plan, Want, plan};

/// What the shell is to do with the candidates: cobra's bits.
pub mod directive {
    /// Complete file names where there are no candidates.
    pub const DEFAULT: u8 = 0;
    /// Something went wrong; do nothing.
    pub const ERROR: u8 = 1;
    /// Add no blank after the candidate.
    pub const NO_SPACE: u8 = 2;
    /// Complete no file names.
    pub const NO_FILES: u8 = 4;
    /// The candidates are file name extensions to complete.
    pub const EXTENSIONS: u8 = 8;
    /// Complete folders.
    pub const FOLDERS: u8 = 16;
    /// Keep the candidates in their order.
    pub const KEEP_ORDER: u8 = 32;
}

/// How long a completion may keep a person waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which of cobra's two hidden commands was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `__complete`: candidates with descriptions.
    Described,
    /// `__completeNoDesc`: candidates only.
    Bare,
}

impl Request {
    /// The request that a word names.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "__complete" => Some(Self::Described),
            "__completeNoDesc" => Some(Self::Bare),
            _ => None,
        }
    }
}

/// Answers a script's question. Trouble with the cluster gives fewer candidates and no message: a
/// person is in the middle of a line.
///
/// # Errors
/// Only where the answer cannot be written.
pub fn answer(context: &mut Context, request: Request, words: &[String], global: &Flags<'_>) -> anyhow::Result<()> {
    let Some((last, before)) = words.split_last() else {
        anyhow::bail!("requires at least 1 arg(s), only received 0");
    };
    let mut plan = plan(before, last, global);
    if plan.at_root {
        plan.candidates.extend(plugin_names(context, last));
    }
    if !plan.wants.is_empty() {
        context.overrides = plan.overrides.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            for want in std::mem::take(&mut plan.wants) {
                let mut found = Vec::new();
                let _ = tokio::time::timeout(PATIENCE, cluster::look_up(context, &want, &mut found)).await;
                cluster::add(&mut plan, &want, found);
            }
        });
    }
    let mut out = context.streams.out();
    for Candidate { text, help } in &plan.candidates {
        let help = help.lines().next().unwrap_or_default();
        if request == Request::Bare || help.is_empty() {
            writeln!(out, "{text}")?;
        } else {
            writeln!(out, "{text}\t{help}")?;
        }
    }
    writeln!(out, ":{}", plan.directive)?;
    Ok(())
}

/// Plugins complete at the top of the tree as commands do.
fn plugin_names(context: &Context, prefix: &str) -> Vec<Candidate> {
    let mut names: Vec<String> = plugins::on_path(context.program, context.env.get("PATH"), |_, _| {})
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.split_once('-').map(|(_, name)| name.replace('_', "-")))
        .filter(|name| !name.contains('.') && !name.starts_with("complete-") && name.starts_with(prefix))
        .collect();
    names.sort();
    names.dedup();
    let program = match context.program {
        Program::Kctl => "kctl",
        Program::Kubectl => "kubectl",
    };
    names.into_iter().map(|text| Candidate { help: format!("A plugin of {program}"), text }).collect()
}

/// The completion script of a shell for this program name; `None` for a shell without one.
pub fn script(shell: &str, program: &str) -> Option<String> {
    let script = match shell {
        "bash" => include_str!("scripts/kctl.bash"),
        "zsh" => include_str!("scripts/kctl.zsh"),
        "fish" => include_str!("scripts/kctl.fish"),
        "powershell" => include_str!("scripts/kctl.ps1"),
        _ => return None,
    };
    Some(script.replace("kctl", program))
}
