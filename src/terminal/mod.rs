//! The process's streams and the terminal behind them.

pub mod signals;
pub mod streams;

pub use streams::Streams;
