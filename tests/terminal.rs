//! Commands at a terminal, as a person uses them: questions, editors, and sessions in containers. Each has the
//! terminal to itself and controls it, so that keys become signals and a change of size is told.

#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::unwrap_used)]
#![cfg(unix)]

#[path = "streams/bench.rs"]
#[allow(dead_code, reason = "these sessions need one way to the cluster only")]
mod bench;
mod common;
mod servers;
mod terminal {
    mod edit;
    mod pty;
    mod questions;
    mod sessions;
}
