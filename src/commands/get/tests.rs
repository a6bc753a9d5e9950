//! What get prints.
