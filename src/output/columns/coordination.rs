//! Leases.

use super::{AGE, Column, NAME};
use crate::object::Meta;

pub(super) const LEASES: &[Column] =
    &[NAME, Column::string("Holder", |object, _| object.str_at(&["spec", "holderIdentity"]).into()), AGE];
