//! `auth`: what may be done, and as whom.

pub mod can_i;
pub mod reconcile;
pub mod whoami;
