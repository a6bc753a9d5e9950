//! kctl: kubectl for any cluster, and a cluster for when there is none.
//!
//! The rooms, from the door to the cellar. A room may use those below it, never those above;
//! `tests/architecture.rs` holds these arrows.
//!
//! | room | what it holds |
//! | --- | --- |
//! | [`cli`] | the command tree, global flags, completion; the one place where an error becomes words and an exit code |
//! | [`commands`] | one file a command, one folder a family: `Args`, then resolve, fetch, print |
//! | [`ops`] | steps that several commands share: the context, resource arguments, manifests, apply, waiting |
//! | [`client`] | the way to an API server: kubeconfig, requests, transports, discovery, watches, streams |
//! | [`output`] | objects to text: tables, YAML, JSON, describe, Go templates, JSONPath |
//! | [`terminal`] | the process's streams, width and prompts |
//! | [`backend`] | the bundled cluster: store, API, controllers, scheduler, kubelet |
//! | [`object`] | dynamic objects and Kubernetes facts, without I/O |
//! | [`go`] | how Go quotes and sorts, which shows in what kubectl prints |
//! | [`error`] | the kinds of error that decide words and exit codes |
//!
//! Nothing in `client` names `backend`, and `backend` stands on `object`, `output::columns`,
//! `output::template` and `output::yaml` alone: both sides meet in `http::Request` and `http::Response` values, joined in `cli`.

pub mod backend;
pub mod cli;
pub mod client;
pub mod commands;
pub mod error;
pub mod go;
pub mod object;
pub mod ops;
pub mod output;
pub mod terminal;
