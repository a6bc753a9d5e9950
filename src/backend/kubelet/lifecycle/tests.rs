//! Stages in a cluster.
