//! The way to an API server: kubeconfig, requests, transports, discovery, watches, streams.

pub mod config;
pub mod transport;
