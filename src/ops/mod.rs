//! Steps that several commands share.

pub mod context;
pub mod environment;
