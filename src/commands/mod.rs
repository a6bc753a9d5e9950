//! The commands: one file a command, one folder a family, and [`table`], which lists them all.
//!
//! A command is `struct XArgs` (derives [`clap::Args`]; its documentation is the help) and
//! `async fn run(&Context, XArgs) -> anyhow::Result<()>`, entered in the table with [`crate::run!`].
//! Of clap's attributes the command line reads these: `short`, `long`, `required`, `hide`,
//! `default_value`, `value_delimiter = ','` (a list that splits at commas), `last = true` (what
//! follows `--`), `num_args = 0..=1` with `default_missing_value` (a value only with `=`). The types
//! `bool`, `i32`, `i64`, `u16`, `f64` and `jiff::SignedDuration` are read as Go reads them. A value name that
//! begins with `=` is the default that the help shows for an `Option`.

pub mod annotate;
pub mod api_resources;
pub mod api_versions;
pub mod apply;
pub mod attach;
pub mod auth;
pub mod autoscale;
pub mod certificate;
pub mod cluster_info;
pub mod config;
pub mod cordon;
pub mod cp;
pub mod create;
pub mod debug;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod drain;
pub mod edit;
pub mod entry;
pub mod events;
pub mod exec;
pub mod explain;
pub mod expose;
pub mod get;
pub mod kuberc;
pub mod kustomize;
pub mod label;
pub mod logs;
pub mod offline;
pub mod patch;
pub mod plugin;
pub mod port_forward;
pub mod proxy;
pub mod replace;
pub mod rollout;
pub mod run;
pub mod scale;
pub mod set;
pub mod table;
pub mod taint;
pub mod top;
pub mod uncordon;
pub mod version;
pub mod wait;

pub use entry::{Action, Builtin, Completes, Entry, Group};
pub use table::COMMANDS;
