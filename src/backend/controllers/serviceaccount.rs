//! What every namespace has: the service account `default` and the cluster's certificate; and what other API
//! servers read in `kube-system` to know whom to trust.

use serde_json::json;

use super::{Change, Controller, Key, Outcome, View, Write};
use crate::backend::trust::Trust;
use crate::object::{Meta, Object};

fn namespace_key(change: &Change) -> Vec<Key> {
    let name = if change.key.resource == "namespaces" { &change.key.name } else { &change.key.namespace };
    vec![Key { resource: "namespaces", namespace: String::new(), name: name.clone() }]
}

/// A namespace that is there to stay.
fn lives(key: &Key, view: &View) -> bool {
    view.at(key).is_some_and(|namespace| namespace.deletion_timestamp().is_none())
}

/// Makes the service account `default` in each namespace.
#[derive(Debug, Default)]
pub struct ServiceAccountController;

impl Controller for ServiceAccountController {
    fn name(&self) -> &'static str {
        "service-account-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["namespaces", "serviceaccounts"]
    }

    fn keys(&self, change: &Change, _: &View) -> Vec<Key> {
        namespace_key(change)
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        if !lives(key, view) || view.get("serviceaccounts", &key.name, "default").is_some() {
            return Outcome::default();
        }
        let object = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": key.name},
        });
        Outcome { writes: vec![Write::Create { resource: "serviceaccounts", object }], requeue_at: None }
    }
}

/// Deletes secrets with a token of a service account that is not there.
#[derive(Debug, Default)]
pub struct TokenController;

impl Controller for TokenController {
    fn name(&self) -> &'static str {
        "tokens-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["secrets", "serviceaccounts"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        if change.key.resource == "secrets" {
            return change
                .new
                .as_ref()
                .filter(|secret| is_token(secret))
                .map(|_| change.key.clone())
                .into_iter()
                .collect();
        }
        if change.old.is_none() {
            return Vec::new();
        }
        let secrets = view.list("secrets", Some(&change.key.namespace));
        let of_account = |secret: &&std::sync::Arc<Object>| {
            is_token(secret) && secret.annotation(ACCOUNT_NAME) == Some(&change.key.name)
        };
        secrets.filter(of_account).map(|secret| super::support::owners::key_of("secrets", secret)).collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(secret) = view.at(key).filter(|secret| is_token(secret)) else { return Outcome::default() };
        let account = view.get("serviceaccounts", &key.namespace, secret.annotation(ACCOUNT_NAME).unwrap_or_default());
        let is_of = |account: &Object| secret.annotation(ACCOUNT_UID).is_none_or(|uid| uid == account.uid());
        if account.is_some_and(|account| is_of(account)) {
            return Outcome::default();
        }
        let delete = Write::Delete {
            key: key.clone(),
            uid: secret.uid().to_owned(),
            grace_period_seconds: None,
            propagation: None,
        };
        Outcome { writes: vec![delete], requeue_at: None }
    }
}

const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";

fn is_token(secret: &Object) -> bool {
    secret.str_at(&["type"]) == "kubernetes.io/service-account-token" && secret.deletion_timestamp().is_none()
}

/// Keeps the ConfigMap `kube-root-ca.crt` in each namespace.
#[derive(Debug)]
pub struct RootCertificateController {
    trust: Trust,
}

impl RootCertificateController {
    /// Publishes the certificate of the cluster's authority.
    pub fn new(trust: Trust) -> Self {
        Self { trust }
    }
}

/// What the object says it is for, on every cluster.
const DESCRIPTION: (&str, &str) = (
    "kubernetes.io/description",
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.",
);

const CONFIG_MAP: &str = "kube-root-ca.crt";
/// In `kube-system`: the authority of client certificates.
const AUTHENTICATION: &str = "extension-apiserver-authentication";

impl Controller for RootCertificateController {
    fn name(&self) -> &'static str {
        "root-ca-certificate-publisher-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["namespaces", "configmaps"]
    }

    fn keys(&self, change: &Change, _: &View) -> Vec<Key> {
        let concerned =
            change.key.resource == "namespaces" || [CONFIG_MAP, AUTHENTICATION].contains(&change.key.name.as_str());
        if concerned { namespace_key(change) } else { Vec::new() }
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        if !lives(key, view) {
            return Outcome::default();
        }
        let Ok(authority) = self.trust.authority() else { return Outcome::default() };
        let data = json!({"ca.crt": authority.certificate()});
        let mut writes = match view.get("configmaps", &key.name, CONFIG_MAP) {
            Some(found) if found.at(&["data"]) == Some(&data) => Vec::new(),
            Some(found) => {
                let mut object = Object::clone(found);
                object.set_at(&["data"], data);
                vec![Write::Update { resource: "configmaps", object }]
            }
            None => vec![Write::Create {
                resource: "configmaps",
                object: json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {
                        "name": CONFIG_MAP, "namespace": key.name, "annotations": {DESCRIPTION.0: DESCRIPTION.1},
                    },
                    "data": data,
                }),
            }],
        };
        if key.name == "kube-system" && view.get("configmaps", &key.name, AUTHENTICATION).is_none() {
            let object = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": AUTHENTICATION, "namespace": key.name},
                "data": {"client-ca-file": authority.certificate()},
            });
            writes.push(Write::Create { resource: "configmaps", object });
        }
        Outcome { writes, requeue_at: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::controllers::testing::Lab;

    #[test]
    fn tokens_go_with_their_account() {
        let lab = Lab::new(vec![Box::new(TokenController)]);
        let secret = |name: &str, account: &str| {
            json!({"metadata": {"name": name, "namespace": "default", "annotations": {ACCOUNT_NAME: account}},
                "type": "kubernetes.io/service-account-token"})
        };
        lab.create("serviceaccounts", json!({"metadata": {"name": "bot", "namespace": "default"}}));
        lab.create("secrets", secret("kept", "default"));
        lab.create("secrets", secret("bots", "bot"));
        lab.create("secrets", secret("nobodys", "nobody"));
        lab.settle();
        assert_eq!(lab.names("secrets"), ["bots", "kept"]);
        lab.delete("serviceaccounts", "bot", "");
        lab.settle();
        assert_eq!(lab.names("secrets"), ["kept"]);
    }

    #[test]
    fn every_namespace_gets_its_own_and_gets_it_back() {
        let trust = Trust::new(None);
        let certificate = trust.authority().expect("an authority").certificate().to_owned();
        let lab = Lab::new(vec![Box::new(ServiceAccountController), Box::new(RootCertificateController::new(trust))]);
        lab.settle();
        assert_eq!(
            (lab.names("serviceaccounts"), lab.names("configmaps")),
            (vec!["default".into()], vec![CONFIG_MAP.into()])
        );
        lab.delete("serviceaccounts", "default", "");
        lab.edit("configmaps", CONFIG_MAP, |map| map.set_at(&["data", "ca.crt"], "other"));
        lab.settle();
        assert_eq!(lab.names("serviceaccounts"), ["default"]);
        assert_eq!(lab.get("configmaps", CONFIG_MAP).str_at(&["data", "ca.crt"]), certificate);
    }
}
