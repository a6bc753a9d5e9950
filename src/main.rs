//! Real arguments and environment in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    kctl::cli::main()
}
