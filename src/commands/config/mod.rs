//! `config`: shows and changes kubeconfig files.

pub mod clusters;
pub mod contexts;
mod fields;
pub mod property;
mod store;
pub mod users;
pub mod view;

use crate::error::WithHelp;

/// The argument of a command that takes exactly one.
///
/// # Errors
/// The command's help, and `message` with what was given instead.
fn only(args: &[String], message: &str) -> anyhow::Result<String> {
    match args {
        [only] => Ok(only.clone()),
        _ => Err(unexpected(args, message)),
    }
}

fn unexpected(args: &[String], message: &str) -> anyhow::Error {
    WithHelp(Some(format!("{message}: [{}]", args.join(" ")))).into()
}

/// A path as the working folder means it; an empty one stays empty... as the working folder itself,
/// as Go has it.
fn absolute(path: &str) -> String {
    let path = if path.is_empty() { "." } else { path };
    std::path::absolute(path).map_or_else(|_| path.to_owned(), |path| clean(&path))
}

/// A path without `.` and `..`, as far as that can be said without looking.
fn clean(path: &std::path::Path) -> String {
    let mut parts = std::path::PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.to_string_lossy().into_owned()
}
