//! What API servers add to the language: quantities, URLs, addresses, versions, named formats, and
//! questions to an authorizer.

mod address;
mod authorizer;
mod formats;
mod quantities;
mod tables;
mod url;
mod version;

use std::sync::Arc;

pub use authorizer::{Authorizer, Decision, ResourceCheck};

use super::value::Value;
use crate::object::quantity::Quantity;
use address::{Address, Network};
pub use url::Url;
use version::Version;

pub(super) use tables::TABLE;

/// A value of a type of this library.
#[derive(Clone, Debug)]
pub enum Opaque {
    /// An amount.
    Quantity(Quantity),
    /// An absolute URL.
    Url(Arc<Url>),
    /// An IP address.
    Ip(Address),
    /// A range of IP addresses.
    Cidr(Network),
    /// A semantic version.
    Semver(Arc<Version>),
    /// A format of texts, by its name.
    Format(&'static str),
    /// Who may do what.
    Authorizer(Arc<dyn Authorizer>),
    /// A question about a group, being put together.
    GroupCheck(Arc<dyn Authorizer>, Arc<str>),
    /// A question about a path.
    PathCheck(Arc<dyn Authorizer>, Arc<str>),
    /// A question about a resource.
    ResourceCheck(Arc<dyn Authorizer>, Arc<ResourceCheck>),
    /// An answer.
    Decision(Arc<Decision>),
}

impl Opaque {
    /// The type's name in expressions.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Quantity(_) => "kubernetes.Quantity",
            Self::Url(_) => "kubernetes.URL",
            Self::Ip(_) => "net.IP",
            Self::Cidr(_) => "net.CIDR",
            Self::Semver(_) => "kubernetes.Semver",
            Self::Format(_) => "kubernetes.NamedFormat",
            Self::Authorizer(_) => "kubernetes.authorization.Authorizer",
            Self::GroupCheck(..) => "kubernetes.authorization.GroupCheck",
            Self::PathCheck(..) => "kubernetes.authorization.PathCheck",
            Self::ResourceCheck(..) => "kubernetes.authorization.ResourceCheck",
            Self::Decision(_) => "kubernetes.authorization.Decision",
        }
    }

    /// Whether two are equal; questions and answers never are.
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Quantity(a), Self::Quantity(b)) => a == b,
            (Self::Url(a), Self::Url(b)) => a.text == b.text,
            (Self::Ip(a), Self::Ip(b)) => a == b,
            (Self::Cidr(a), Self::Cidr(b)) => a == b,
            (Self::Semver(a), Self::Semver(b)) => a.compare(b).is_eq(),
            (Self::Format(a), Self::Format(b)) => a == b,
            _ => false,
        }
    }

    /// The text of an address or range; other types have none.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Ip(address) => Some(address.to_string()),
            Self::Cidr(network) => Some(network.to_string()),
            _ => None,
        }
    }
}

impl From<Opaque> for Value<'_> {
    fn from(value: Opaque) -> Self {
        Self::Opaque(value)
    }
}
