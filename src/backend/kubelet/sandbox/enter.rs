//! Into the namespaces.

use std::io::{ErrorKind, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, bail};
use rustix::io::Errno;
use rustix::process::{Signal, getgid, getuid, set_parent_process_death_signal, setsid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, UnshareFlags, capabilities, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use super::{ARGUMENT, Spec, root};

/// The first process: makes the namespaces, and waits for what runs in them.
pub(super) fn outer(spec: &Spec, path: &Path) -> anyhow::Result<u8> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    let base = UnshareFlags::NEWUSER | UnshareFlags::NEWNS | UnshareFlags::NEWUTS | UnshareFlags::NEWIPC;
    unshare(base | UnshareFlags::NEWPID)
        .or_else(|error| if error == Errno::PERM { Err(error) } else { unshare(base) })
        .context(
            "the system does not allow this user to make namespaces (user, mount, pid, uts, ipc), so nothing is run",
        )?;
    let map = |file: &str, text: String| std::fs::write(file, text).with_context(|| format!("writing {file}"));
    map("/proc/self/setgroups", "deny".into())?;
    map("/proc/self/uid_map", format!("{} {uid} 1", spec.user.0))?;
    map("/proc/self/gid_map", format!("{} {gid} 1", spec.user.1))?;
    if spec.user.0 != 0 {
        // Only root keeps its capabilities over the start of a program by itself.
        let all = capabilities(None)?.permitted;
        set_capabilities(None, CapabilitySets { effective: all, permitted: all, inheritable: all })?;
        for capability in all.iter() {
            configure_capability_in_ambient_set(capability, true)?;
        }
    }
    let status = Command::new("/proc/self/exe")
        .arg(ARGUMENT)
        .arg(path)
        .arg("inner")
        .status()
        .context("starting in the sandbox")?;
    Ok(code_of(status))
}

/// Leaves the caller's namespaces for new ones.
#[allow(unsafe_code, reason = "the call is unsafe for file tables that threads share; FILES is never among the flags")]
fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: `flags` holds namespaces only, and this process has one thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// The first process in the namespaces: builds the root and runs the command.
pub(super) fn inner(spec: &Spec) -> anyhow::Result<u8> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if spec.tty {
        // The terminal's session begins inside: a shell must be able to name its process groups. What the
        // terminal sends reaches the command; the first process of a namespace takes no such signal.
        setsid().context("beginning a session")?;
        rustix::process::ioctl_tiocsctty(std::io::stdin()).context("taking over the terminal")?;
    }
    root::build(spec)?;
    rustix::system::sethostname(spec.hostname.as_bytes()).context("setting the host's name")?;
    drop_privileges().context("giving up privileges")?;
    let Some((name, args)) = spec.argv.split_first() else { bail!("there is no command") };
    let cwd = if spec.cwd.is_empty() { "/" } else { &spec.cwd };
    let mut command = Command::new(name);
    command.args(args).env_clear().envs(&spec.env);
    if let Err(error) = std::env::set_current_dir(cwd) {
        say(&format!(
            "OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ({cwd:?}) set in config.json failed: {}: unknown",
            words(&error)
        ));
        return Ok(126);
    }
    match command.spawn() {
        Ok(mut child) => Ok(code_of(child.wait()?)),
        Err(error) => {
            let (why, code) = match error.kind() {
                ErrorKind::NotFound if name.contains('/') => (format!("stat {name}: no such file or directory"), 127),
                ErrorKind::NotFound => ("executable file not found in $PATH".to_owned(), 127),
                _ => (words(&error), 126),
            };
            say(&format!(
                "OCI runtime exec failed: exec failed: unable to start container process: exec: {name:?}: {why}: unknown"
            ));
            Ok(code)
        }
    }
}

fn words(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "permission denied".into(),
        ErrorKind::NotFound => "no such file or directory".into(),
        _ => error.to_string(),
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}\r");
}

/// From here on nothing that runs can undo what was mounted read-only: no capability is left, and none
/// comes back with the start of a program.
fn drop_privileges() -> anyhow::Result<()> {
    for capability in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(capability) {
            // Capabilities that this kernel does not know.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let _ = clear_ambient_capability_set();
    set_no_new_privs(true)?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}

/// The code that a shell reports: 128 and the signal for a process that was killed.
fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255);
    u8::try_from(code).unwrap_or(255)
}
