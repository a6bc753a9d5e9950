//! The user's editor.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{anyhow, bail};
use tokio::process::Command;

use crate::error::Exit;
use crate::ops::environment::Environment;
use crate::terminal::signals;

/// The program and its arguments: what `KUBE_EDITOR` or `EDITOR` says, in a shell where there are quotes.
fn command_line(env: &Environment) -> Vec<String> {
    let default = if cfg!(windows) { "notepad" } else { "vi" };
    let editor = env.get("KUBE_EDITOR").or_else(|| env.get("EDITOR")).unwrap_or(default);
    if !editor.contains(['"', '\'', '\\']) {
        return editor.split(' ').map(str::to_owned).collect();
    }
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("/bin/bash", "-c") };
    vec![env.get("SHELL").unwrap_or(shell).to_owned(), flag.to_owned(), editor.to_owned()]
}

/// Opens a file in the editor and waits until it is closed. Where the process is asked to end meanwhile, as by
/// Ctrl-C in an editor that leaves the terminal as it is, that is the end: with code 1 and without a word.
///
/// # Errors
/// An editor that is not there, or says that something went wrong; [`Exit`].
pub async fn launch(env: &Environment, file: &Path) -> anyhow::Result<()> {
    let words = command_line(env);
    let shown = words.join(" ");
    let Some((program, args)) = words.split_first() else { bail!("no editor defined, can't open {}", file.display()) };
    let mut command = Command::new(program);
    match args {
        // A shell's words are one argument, the file included.
        [flag, script] if script.contains(['"', '\'', '\\']) => {
            command.arg(flag).arg(format!("{script} {:?}", file.display().to_string()));
        }
        args => {
            command.args(args).arg(file);
        }
    }
    command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let editing = async { command.spawn()?.wait().await };
    let ran: io::Result<ExitStatus> = tokio::select! {
        // The editor may have ended by the same key.
        biased;
        Ok(()) = signals::asked_to_end() => return Err(Exit(1).into()),
        ran = editing => ran,
    };
    match ran {
        Ok(status) if status.success() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(anyhow!("unable to launch the editor {shown:?}")),
        _ => Err(anyhow!("there was a problem with the editor {shown:?}")),
    }
}

/// Writes a new file into the folder for such files, readable by the user alone, and returns its path.
///
/// # Errors
/// A folder that cannot be written.
pub fn temporary(prefix: &str, extension: &str, text: &[u8]) -> io::Result<PathBuf> {
    use std::io::Write;
    loop {
        let path = std::env::temp_dir().join(format!("{prefix}-edit-{}{extension}", fastrand::u32(..)));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(mut file) => {
                file.write_all(text)?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_editor() {
        for (variables, want) in [
            (vec![], vec!["vi"]),
            (vec![("EDITOR", "nano -w"), ("KUBE_EDITOR", "")], vec!["nano", "-w"]),
            (vec![("EDITOR", "a"), ("KUBE_EDITOR", "b")], vec!["b"]),
            (vec![("EDITOR", "a 'b c'"), ("SHELL", "/bin/sh")], vec!["/bin/sh", "-c", "a 'b c'"]),
        ] {
            assert_eq!(command_line(&Environment::new(variables)), want);
        }
    }
}
