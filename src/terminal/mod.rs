//! The process's streams and the terminal behind them.

pub mod detach;
#[cfg(unix)]
pub mod raw_mode;
pub mod signals;
pub mod size;
pub mod streams;
pub mod visible;

pub use streams::Streams;
