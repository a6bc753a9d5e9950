//! Manual pages, one a command, made from the command tree.
