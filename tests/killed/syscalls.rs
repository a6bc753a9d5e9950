//! Commands that are killed at each system call that they make, as the kernel sees them: nothing that they said they
//! did is lost, and the next command finds a cluster that works.

#![allow(unsafe_code, reason = "only ptrace stops a process at a system call, and nothing safe wraps it")]

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use kctl::backend::store::{ListOptions, Store};

use super::common::home::Home;

/// A stop at a system call, as the kernel tells it apart from signals.
const AT_CALL: libc::c_int = libc::SIGTRAP | 0x80;

/// How a run ended.
struct Run {
    /// How many stops there were: two for each system call of the first thread, before it and after it.
    stops: usize,
    stdout: String,
    /// Whether it came to its end.
    ended: bool,
}

/// Runs a command, and kills it at its stop of that number.
#[allow(clippy::zombie_processes, reason = "it is waited for below, by its id")]
fn run_up_to(mut command: Command, last: usize) -> Run {
    let trace = || {
        // SAFETY: the call takes no pointers.
        match unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec it makes one system call and no more.
    unsafe { command.pre_exec(trace) };
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("kctl runs");
    let id = libc::pid_t::try_from(child.id()).expect("an id");
    let wait = || {
        let mut status = 0;
        // SAFETY: the pointer is to a value that outlives the call.
        assert_eq!(unsafe { libc::waitpid(id, &raw mut status, libc::__WALL) }, id);
        status
    };
    let ptrace = |request, argument: libc::c_int| {
        // SAFETY: neither request takes pointers, and the child is stopped and ours.
        unsafe { libc::ptrace(request, id, 0, libc::c_long::from(argument)) };
    };
    let (mut stops, mut signal, mut first) = (0, 0, true);
    let ended = loop {
        let status = wait();
        if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
            break true;
        }
        if first {
            first = false;
            ptrace(libc::PTRACE_SETOPTIONS, libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL);
        } else {
            match libc::WSTOPSIG(status) {
                AT_CALL => stops += 1,
                other => signal = other,
            }
        }
        if stops == last {
            // SAFETY: the child was not waited for to its end, so its id is its own.
            unsafe { libc::kill(id, libc::SIGKILL) };
            while !libc::WIFSIGNALED(wait()) {}
            break false;
        }
        ptrace(libc::PTRACE_SYSCALL, std::mem::take(&mut signal));
    };
    let mut stdout = String::new();
    let _ = child.stdout.take().expect("a pipe").read_to_string(&mut stdout);
    Run { stops, stdout, ended }
}

/// The stops at which a command is killed: as many as there are rounds, or all of them.
fn places(stops: usize) -> impl Iterator<Item = usize> {
    let rounds = (super::rounds() * 10).min(stops);
    (0..rounds).map(move |round| 1 + (round * stops + stops / 2) / rounds).filter(move |place| *place <= stops)
}

fn names(home: &Home) -> Vec<String> {
    let store = Store::open(&home.store()).expect("a store that opens");
    let page = store.list("configmaps", &ListOptions::default()).expect("a list");
    page.items.into_iter().map(|stored| stored.name).collect()
}

#[test]
fn a_write_that_is_killed_at_any_call_is_there_or_was_not_acknowledged() {
    let home = Home::new("killed-calls");
    home.kctl(&["get", "nodes"]);
    let create = |name: &str| home.command(&["create", "configmap", name]);
    let whole = run_up_to(create("whole"), usize::MAX);
    assert!(whole.ended && whole.stdout == "configmap/whole created\n" && whole.stops > 100, "{}", whole.stdout);
    let (mut acknowledged, mut killed, mut unsaid) = (vec!["whole".to_owned()], 0, 0);
    for place in places(whole.stops) {
        let name = format!("at-{place}");
        let run = run_up_to(create(&name), place);
        killed += usize::from(!run.ended);
        let there = names(&home);
        if run.stdout.contains("created") {
            acknowledged.push(name.clone());
        } else {
            unsaid += usize::from(there.contains(&name));
        }
        for name in &acknowledged {
            assert!(there.contains(name), "{name} was acknowledged; it is lost after a kill at stop {place}");
        }
    }
    // And it goes on.
    home.kctl(&["create", "configmap", "last"]);
    assert!(names(&home).contains(&"last".to_owned()));
    println!(
        "killed {killed} commands at their system calls (of {} stops): {} acknowledged and there, {unsaid} there unsaid",
        whole.stops,
        acknowledged.len()
    );
}

#[test]
fn a_first_command_that_is_killed_at_any_call_leaves_a_folder_that_works() {
    let first = |home: &Home| home.command(&["create", "configmap", "first"]);
    let whole = run_up_to(first(&Home::new("killed-first")), usize::MAX);
    assert!(whole.ended && whole.stops > 100, "{}", whole.stdout);
    let mut killed = 0;
    for place in places(whole.stops) {
        let home = Home::new("killed-first");
        let run = run_up_to(first(&home), place);
        killed += usize::from(!run.ended);
        let nodes = home.kctl(&["get", "nodes", "-o", "name"]);
        assert_eq!(nodes.lines().count(), 3, "after a kill at stop {place}: {nodes}");
        assert!(!run.stdout.contains("created") || names(&home).contains(&"first".to_owned()), "stop {place}");
        home.kctl(&["create", "configmap", "second"]);
    }
    println!("killed {killed} first commands at their system calls (of {} stops)", whole.stops);
}
