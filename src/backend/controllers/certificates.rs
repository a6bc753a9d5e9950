//! Requests for certificates: nodes' own are approved, what is approved is signed, and what is old goes.

use jiff::SignedDuration;
use rcgen::SanType;
use serde_json::json;

use super::{Change, Controller, Key, Outcome, View, Write};
use crate::backend::trust::{Order, Request, Trust};
use crate::object::{Meta, Object, Timestamp, time};

const REQUESTS: &str = "certificatesigningrequests.certificates.k8s.io";
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
const NODE_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const NODE_SERVING: &str = "kubernetes.io/kubelet-serving";
const UNKNOWN: &str = "kubernetes.io/legacy-unknown";

/// How long a certificate is good at most; and at least, whatever is asked for.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 365);
const SHORTEST: SignedDuration = SignedDuration::from_mins(10);
/// By how much a certificate is good before it was made.
const BACKDATE: SignedDuration = SignedDuration::from_mins(5);
/// Certificates that are good for less than this do not count the time before.
const SHORT: SignedDuration = SignedDuration::from_hours(8);
/// How long a request stays that was answered, and one that was not.
const ANSWERED_STAYS: SignedDuration = SignedDuration::from_hours(1);
const PENDING_STAYS: SignedDuration = SignedDuration::from_hours(24);
/// Usages that every certificate may have.
const USUAL: [&str; 2] = ["digital signature", "key encipherment"];

/// Approves the requests that nodes make for themselves, and signs approved ones.
#[derive(Debug)]
pub struct CertificateController {
    trust: Trust,
}

impl CertificateController {
    /// Signs with the authority of these keys.
    pub fn new(trust: Trust) -> Self {
        Self { trust }
    }

    /// The certificate that a request gets.
    fn sign(&self, object: &Object, request: &Request, now: Timestamp) -> anyhow::Result<String> {
        let asked = object.int_at(&["spec", "expirationSeconds"]).map(SignedDuration::from_secs);
        let duration = asked.map_or(LONGEST, |asked| asked.clamp(SHORTEST, LONGEST));
        let from = now.saturating_sub(BACKDATE)?;
        let order = Order {
            subject: request.subject.clone(),
            names: request.names.clone(),
            usages: usages(object).map(str::to_owned).collect(),
            from,
            duration: if duration < SHORT { duration } else { duration + BACKDATE },
        };
        self.trust.authority()?.sign(request, &order)
    }
}

impl Controller for CertificateController {
    fn name(&self) -> &'static str {
        "certificatesigningrequest-signing-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[REQUESTS]
    }

    fn keys(&self, change: &Change, _: &View) -> Vec<Key> {
        vec![change.key.clone()]
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(found) = view.at(key) else { return Outcome::default() };
        let signer = found.str_at(&["spec", "signerName"]);
        let waits =
            found.str_at(&["status", "certificate"]).is_empty() && !has(found, "Denied") && !has(found, "Failed");
        let due = stays_until(found);
        if due.is_some_and(|due| due <= view.now()) {
            let delete = Write::Delete {
                key: key.clone(),
                uid: found.uid().to_owned(),
                grace_period_seconds: None,
                propagation: None,
            };
            return Outcome { writes: vec![delete], requeue_at: None };
        }
        let stays = Outcome { writes: Vec::new(), requeue_at: due };
        if !waits || ![CLIENT, NODE_CLIENT, NODE_SERVING, UNKNOWN].contains(&signer) {
            return stays;
        }
        let pem = found.str_at(&["spec", "request"]);
        let Ok(request) = decode(pem).and_then(|pem| Request::read(&pem)) else { return stays };
        let now = view.now();
        let mut object = Object::clone(found);
        if !has(found, "Approved") {
            let own = request.subject.common_name == found.str_at(&["spec", "username"]);
            let own_node = signer == NODE_CLIENT && own && fault(signer, found, &request).is_none();
            if !own_node {
                return stays;
            }
            let why = "Auto approving self kubelet client certificate after SubjectAccessReview.";
            condition(&mut object, "Approved", "AutoApproved", why, now);
        } else if let Some(fault) = fault(signer, found, &request) {
            condition(&mut object, "Failed", "SignerValidationFailure", &fault, now);
        } else {
            match self.sign(found, &request, now) {
                Ok(pem) => object.set_at(&["status", "certificate"], encode(&pem)),
                Err(_) => return stays,
            }
        }
        Outcome { writes: vec![Write::UpdateStatus { resource: REQUESTS, object }], requeue_at: None }
    }
}

fn decode(text: &str) -> Result<Vec<u8>, String> {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.decode(text).map_err(|error| error.to_string())
}

fn encode(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(text)
}

fn usages(object: &Object) -> impl Iterator<Item = &str> {
    object.list_at(&["spec", "usages"]).iter().filter_map(Object::as_str)
}

/// Until when a request is kept.
fn stays_until(object: &Object) -> Option<Timestamp> {
    let conditions = object.list_at(&["status", "conditions"]);
    if conditions.is_empty() {
        return object.creation_timestamp()?.checked_add(PENDING_STAYS).ok();
    }
    let is_issued = !object.str_at(&["status", "certificate"]).is_empty();
    let answered = conditions.iter().filter(|condition| match condition.str_at(&["type"]) {
        "Approved" => is_issued,
        "Denied" | "Failed" => true,
        _ => false,
    });
    answered.filter_map(|condition| condition.time_at(&["lastUpdateTime"])?.checked_add(ANSWERED_STAYS).ok()).min()
}

fn has(object: &Object, kind: &str) -> bool {
    object.list_at(&["status", "conditions"]).iter().any(|condition| condition.str_at(&["type"]) == kind)
}

fn condition(object: &mut Object, kind: &str, reason: &str, message: &str, now: Timestamp) {
    let mut conditions = object.list_at(&["status", "conditions"]).to_vec();
    let now = time::rfc3339(now);
    conditions.push(json!({
        "type": kind, "status": "True", "reason": reason, "message": message,
        "lastUpdateTime": now, "lastTransitionTime": now,
    }));
    object.set_at(&["status", "conditions"], conditions);
}

/// Why a signer does not sign a request.
fn fault(signer: &str, object: &Object, request: &Request) -> Option<String> {
    let has_names = |is: fn(&SanType) -> bool| request.names.iter().any(is);
    let (dns, mail) = (
        has_names(|name| matches!(name, SanType::DnsName(_))),
        has_names(|name| matches!(name, SanType::Rfc822Name(_))),
    );
    let (ip, uri) =
        (has_names(|name| matches!(name, SanType::IpAddress(_))), has_names(|name| matches!(name, SanType::URI(_))));
    let others = |required: &str| -> bool {
        let own: Vec<&str> = usages(object).collect();
        !own.contains(&required)
            || !own.contains(&USUAL[0])
            || own.iter().any(|usage| *usage != required && !USUAL.contains(usage))
    };
    let is_node = || {
        if request.subject.organizations != ["system:nodes"] {
            return Some("subject organization is not system:nodes");
        }
        (!request.subject.common_name.starts_with("system:node:"))
            .then_some("subject common name does not begin with system:node:")
    };
    let no_names = |mail_and_uri_only: bool| match (dns, ip, mail, uri) {
        (true, ..) if !mail_and_uri_only => Some("DNS subjectAltNames are not allowed"),
        (_, _, true, _) => Some("Email subjectAltNames are not allowed"),
        (_, true, ..) if !mail_and_uri_only => Some("IP subjectAltNames are not allowed"),
        (_, _, _, true) => Some("URI subjectAltNames are not allowed"),
        _ => None,
    };
    match signer {
        CLIENT => {
            if let Some(other) = usages(object).find(|usage| *usage != "client auth" && !USUAL.contains(usage)) {
                return Some(format!("invalid usage for client certificate: {other}"));
            }
            let missing = !usages(object).any(|usage| usage == "client auth");
            missing.then(|| "missing required usage for client certificate: client auth".to_owned())
        }
        NODE_CLIENT => {
            let why = is_node().or_else(|| no_names(false)).map(str::to_owned);
            why.or_else(|| {
                others("client auth").then(|| "usages did not match [client auth digital signature]".to_owned())
            })
        }
        NODE_SERVING => {
            let required = (!dns && !ip).then_some("DNS or IP subjectAltName is required");
            let why = is_node().or(required).or_else(|| no_names(true)).map(str::to_owned);
            why.or_else(|| {
                others("server auth").then(|| "usages did not match [digital signature server auth]".to_owned())
            })
        }
        _ => None,
    }
}
