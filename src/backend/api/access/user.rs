//! Users.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde_json::json;

use super::super::route::decode;
use crate::object::{Meta, Object, Status};

/// The cluster's own user.
const ADMIN: &str = "admin";
/// Whose members may do everything.
const MASTERS: &str = "system:masters";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";
const ANONYMOUS: &str = "system:anonymous";
/// What precedes namespace and name in the user names of service accounts.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// A user, as a request or a question names one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct User {
    /// The name.
    pub name: String,
    /// Empty for none.
    pub uid: String,
    /// The groups.
    pub groups: Vec<String>,
    /// Further claims.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// The cluster's own user.
    pub fn admin() -> Self {
        Self::known(ADMIN, vec![MASTERS.to_owned()])
    }

    /// Somebody of that name, in these groups and in those of everybody who is known.
    pub fn known(name: &str, groups: Vec<String>) -> Self {
        let user = Self { name: name.to_owned(), groups, ..Self::default() };
        user.with_own_groups()
    }

    /// Whoever does not say.
    pub fn anonymous() -> Self {
        Self::known(ANONYMOUS, Vec::new())
    }

    /// Whom the cluster's own user acts as; none for itself.
    ///
    /// # Errors
    /// Groups or other claims without a user.
    pub fn impersonated(headers: &HeaderMap) -> Result<Option<Self>, Status> {
        let all = |name: &str| -> Vec<String> {
            let values = headers.get_all(name).iter();
            values.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
        };
        let mut extra = BTreeMap::new();
        for name in headers.keys() {
            if let Some(key) = name.as_str().strip_prefix("impersonate-extra-") {
                extra.insert(decode(key)?.into_owned(), all(name.as_str()));
            }
        }
        let first = |name: &str| all(name).into_iter().next().unwrap_or_default();
        let user = Self {
            name: first("impersonate-user"),
            uid: first("impersonate-uid"),
            groups: all("impersonate-group"),
            extra,
        };
        if !user.name.is_empty() {
            return Ok(Some(user.with_own_groups()));
        }
        if user == Self::default() {
            return Ok(None);
        }
        Err(Status::internal("groups, uid or extra are impersonated without impersonating a user"))
    }

    /// The user that an access review asks about.
    pub fn of_review(spec: &Object) -> Self {
        let groups = spec.list_at(&["groups"]).iter().filter_map(Object::as_str).map(str::to_owned).collect();
        Self { name: spec.str_at(&["user"]).to_owned(), groups, ..Self::default() }
    }

    /// Adds the groups in which a user of this name is.
    fn with_own_groups(mut self) -> Self {
        if let (true, Some((namespace, _))) = (self.groups.is_empty(), self.service_account()) {
            self.groups = vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
        }
        let is_in = |group: &str| self.groups.iter().any(|own| own == group);
        if self.name == ANONYMOUS {
            if !is_in(UNAUTHENTICATED) {
                self.groups.push(UNAUTHENTICATED.to_owned());
            }
        } else if !is_in(AUTHENTICATED) && !is_in(UNAUTHENTICATED) {
            self.groups.push(AUTHENTICATED.to_owned());
        }
        self
    }

    /// Namespace and name, where the user is a service account.
    pub fn service_account(&self) -> Option<(&str, &str)> {
        let (namespace, name) = self.name.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
        (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
    }

    /// Whether the user may do everything, whatever the roles say.
    pub fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }

    /// Whether a binding's subject is this user; `namespace` is the binding's, empty for one of the whole
    /// cluster.
    pub fn is_subject(&self, subject: &Object, namespace: &str) -> bool {
        let name = subject.str_at(&["name"]);
        match subject.str_at(&["kind"]) {
            "User" => self.name == name,
            "Group" => self.groups.iter().any(|group| group == name),
            "ServiceAccount" => {
                let own = subject.str_at(&["namespace"]);
                let namespace = if own.is_empty() { namespace } else { own };
                !namespace.is_empty() && self.service_account() == Some((namespace, name))
            }
            _ => false,
        }
    }

    /// Says in a request for a certificate who asks.
    pub fn sign(&self, request: &mut Object) {
        let own = self.to_object();
        for field in ["username", "uid", "groups", "extra"] {
            match own.get(field) {
                Some(value) => request.set_at(&["spec", field], value.clone()),
                None => drop(request.remove_at(&["spec", field])),
            }
        }
    }

    /// The form of `userInfo`.
    pub fn to_object(&self) -> Object {
        let mut object = json!({"username": self.name});
        if !self.uid.is_empty() {
            object.set_at(&["uid"], self.uid.as_str());
        }
        if !self.groups.is_empty() {
            object.set_at(&["groups"], self.groups.clone());
        }
        if !self.extra.is_empty() {
            object.set_at(&["extra"], json!(self.extra));
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn user(headers: &[(&'static str, &'static str)]) -> Result<Option<User>, Status> {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        User::impersonated(&headers.collect())
    }

    #[test]
    fn users_are_in_the_groups_of_their_names() {
        for (name, groups) in [
            ("vera", &["system:authenticated"][..]),
            ("system:anonymous", &["system:unauthenticated"]),
            (
                "system:serviceaccount:a:b",
                &["system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated"],
            ),
            ("system:serviceaccount:a:b:c", &["system:authenticated"]),
        ] {
            assert_eq!(user(&[("impersonate-user", name)]).expect("a user").expect("one").groups, groups, "{name}");
        }
        let own = user(&[("impersonate-user", "system:serviceaccount:a:b"), ("impersonate-group", "g")]);
        assert_eq!(own.expect("a user").expect("one").groups, ["g", "system:authenticated"]);
        assert_eq!(user(&[]), Ok(None));
        assert_eq!(user(&[("impersonate-group", "g")]).expect_err("no user").code, 500);
        let extra = user(&[("impersonate-user", "a"), ("impersonate-extra-x%2fy", "z")]).expect("a user");
        assert_eq!(extra.expect("one").to_object()["extra"], json!({"x/y": ["z"]}));
    }
}
