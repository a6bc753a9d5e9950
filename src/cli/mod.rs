//! The command line.

use std::process::ExitCode;

/// The program: reads the process's arguments and environment and runs the command.
pub fn main() -> ExitCode {
    ExitCode::FAILURE
}
