//! Acting as somebody else.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Overrides;
use super::check::{self, ConfigInvalid, Problem};
use super::kubeconfig::User;

/// Whom to act as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impersonation {
    /// User name; empty for nobody else.
    pub user: String,
    /// UID.
    pub uid: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Further claims.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The name of the bundled cluster's user, whom everything is allowed.
const OWNER: &str = "admin";

impl Impersonation {
    /// What the flags alone say, for a cluster that no kubeconfig speaks of.
    ///
    /// # Errors
    /// Further claims without a user; a [`ConfigInvalid`].
    pub fn of_flags(flags: &Overrides) -> anyhow::Result<Self> {
        let mut user = User::default();
        impersonate(&mut user, flags);
        let mut problems = Vec::new();
        check::user(OWNER, &user, &mut problems);
        if problems.is_empty() {
            return Ok(Self::of(&user));
        }
        Err(ConfigInvalid(problems.into_iter().map(Problem::Other).collect()).into())
    }

    pub(super) fn of(user: &User) -> Self {
        if user.impersonate.is_empty() {
            return Self::default();
        }
        Self {
            user: user.impersonate.clone(),
            uid: user.impersonate_uid.clone(),
            groups: user.impersonate_groups.clone(),
            extra: user.impersonate_extra.clone(),
        }
    }

    /// Adds the `Impersonate-…` headers to a request's.
    ///
    /// # Errors
    /// Text that no header can carry.
    pub fn put(&self, headers: &mut HeaderMap) -> anyhow::Result<()> {
        if self.user.is_empty() {
            return Ok(());
        }
        headers.insert("impersonate-user", HeaderValue::from_str(&self.user)?);
        if !self.uid.is_empty() {
            headers.insert("impersonate-uid", HeaderValue::from_str(&self.uid)?);
        }
        for group in &self.groups {
            headers.append("impersonate-group", HeaderValue::from_str(group)?);
        }
        for (key, values) in &self.extra {
            let name = HeaderName::try_from(format!("impersonate-extra-{}", escape_header_key(key)))?;
            for value in values {
                headers.append(name.clone(), HeaderValue::from_str(value)?);
            }
        }
        Ok(())
    }
}

/// A key as part of a header's name: what a name cannot hold is percent-encoded.
fn escape_header_key(key: &str) -> String {
    let mut escaped = String::new();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Takes over whom the flags say to act as.
pub(super) fn impersonate(user: &mut User, flags: &Overrides) {
    super::put(&mut user.impersonate, &flags.as_user);
    super::put(&mut user.impersonate_uid, &flags.as_uid);
    if !flags.as_groups.is_empty() {
        user.impersonate_groups.clone_from(&flags.as_groups);
    }
    let mut extra = BTreeMap::<String, Vec<String>>::new();
    for (key, value) in flags.as_user_extra.iter().filter_map(|claim| claim.split_once('=')) {
        extra.entry(key.into()).or_default().push(value.into());
    }
    user.impersonate_extra.extend(extra);
}
