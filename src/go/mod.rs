//! How Go writes texts and sorts: what the words and the order of kubectl's output are made of.
//!
//! Nothing here knows Kubernetes.

pub mod base64;
pub mod duration;
pub mod quote;
pub mod regexp;
pub mod sort;
