//! Tokens of service accounts: made, and taken as proof of who asks.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Request;
use jiff::SignedDuration;
use serde_json::json;

use super::access::User;
use super::{Api, random};
use crate::backend::registry::FieldError;
use crate::backend::trust;
use crate::go::quote::quote;
use crate::object::{GroupKind, Meta, Object, Status, time};

/// Who hands out tokens, and to whom they speak.
const ISSUER: &str = "https://kubernetes.default.svc";
/// Who handed out the tokens in secrets.
const LEGACY_ISSUER: &str = "kubernetes/serviceaccount";
/// Seconds for which a token is good that does not say.
const TOKEN_SECONDS: i64 = 3600;
/// Seconds for which a token must be good at least.
const LEAST_SECONDS: i64 = 600;
/// Seconds for which a token may be good at most.
const MOST_SECONDS: i64 = 1 << 32;
/// Seconds by which clocks may differ; and for which tokens outlive what they are bound to.
const LEEWAY: i64 = 60;

/// Whom a token speaks for.
#[derive(Debug)]
pub(super) struct Authenticated {
    /// The user.
    pub user: User,
    /// To whom it may be shown, of those that were asked about.
    pub audiences: Vec<String>,
}

/// A service account's token request with its token.
///
/// # Errors
/// A duration that is refused, and an object to bind to that is not there.
pub(super) fn request(api: &Api, account: &Object, mut request: Object) -> Result<Object, Status> {
    let now = api.clock().now();
    let seconds = request.int_at(&["spec", "expirationSeconds"]).unwrap_or(TOKEN_SECONDS);
    let complaint = match seconds {
        ..LEAST_SECONDS => "may not specify a duration less than 10 minutes",
        LEAST_SECONDS..=MOST_SECONDS => "",
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    if !complaint.is_empty() {
        let kind = GroupKind { group: "authentication.k8s.io".into(), kind: "TokenRequest".into() };
        let error = FieldError::invalid("spec.expirationSeconds", seconds, complaint);
        return Err(Status::invalid(&kind, "", &[error]));
    }
    let bound = bound(api, account, &request)?;
    let expires = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
    if request.list_at(&["spec", "audiences"]).is_empty() {
        request.set_at(&["spec", "audiences"], json!([ISSUER]));
    }
    let mut about = json!({
        "namespace": account.namespace(),
        "serviceaccount": {"name": account.name(), "uid": account.uid()},
    });
    if let Some((field, object)) = &bound {
        about[*field] = json!({"name": object.name(), "uid": object.uid()});
        let node = object.str_at(&["spec", "nodeName"]);
        if *field == "pod"
            && !node.is_empty()
            && let Ok(node) = api.get("nodes", "", node)
        {
            about["node"] = json!({"name": node.name(), "uid": node.uid()});
        }
    }
    let claims = json!({
        "aud": request.list_at(&["spec", "audiences"]),
        "exp": expires.as_second(),
        "iat": now.as_second(),
        "iss": ISSUER,
        "jti": random::uuid(&mut fastrand::Rng::new()),
        "kubernetes.io": about,
        "nbf": now.as_second(),
        "sub": subject(account),
    });
    let token = sign(api, &claims)?;
    request.set_at(&["metadata", "creationTimestamp"], time::rfc3339(now));
    request.set_at(&["metadata", "name"], account.name());
    request.set_at(&["metadata", "namespace"], account.namespace());
    request.set_at(&["metadata", "uid"], account.uid());
    request.set_at(&["spec", "expirationSeconds"], seconds);
    request.set_at(&["status"], json!({"token": token, "expirationTimestamp": time::rfc3339(expires)}));
    Ok(request)
}

/// Puts its token, which does not end, into a secret of type `kubernetes.io/service-account-token`. Other
/// secrets, and those of accounts that are not there, stay as they are.
///
/// # Errors
/// Keys that cannot be used.
pub(super) fn fill(api: &Api, secret: &mut Object) -> Result<(), Status> {
    let name = secret.annotation("kubernetes.io/service-account.name").unwrap_or_default();
    if secret.str_at(&["type"]) != "kubernetes.io/service-account-token" || secret.name().is_empty() {
        return Ok(());
    }
    let Ok(account) = api.get("serviceaccounts", secret.namespace(), name) else { return Ok(()) };
    let claims = json!({
        "iss": LEGACY_ISSUER,
        "kubernetes.io/serviceaccount/namespace": account.namespace(),
        "kubernetes.io/serviceaccount/secret.name": secret.name(),
        "kubernetes.io/serviceaccount/service-account.name": account.name(),
        "kubernetes.io/serviceaccount/service-account.uid": account.uid(),
        "sub": subject(&account),
    });
    let token = sign(api, &claims)?;
    let authority = api.trust().authority().map_err(|error| Status::internal(format!("{error:#}")))?;
    let texts = [("ca.crt", authority.certificate()), ("namespace", account.namespace()), ("token", &token)];
    for (key, text) in texts {
        secret.set_at(&["data", key], BASE64_STANDARD.encode(text));
    }
    secret.set_at(&["metadata", "annotations", "kubernetes.io/service-account.uid"], account.uid());
    Ok(())
}

fn sign(api: &Api, claims: &Object) -> Result<String, Status> {
    let signed = api.trust().tokens().and_then(|key| key.sign(claims));
    signed.map_err(|error| Status::internal(format!("failed to generate token: {error:#}")))
}

fn subject(account: &Object) -> String {
    format!("system:serviceaccount:{}:{}", account.namespace(), account.name())
}

/// Whom a token speaks for to one of these audiences (none: the API server).
///
/// # Errors
/// Why it is not good.
pub(super) fn authenticate(api: &Api, token: &str, audiences: &[String]) -> Result<Authenticated, String> {
    let issuer = trust::issuer(token).filter(|issuer| issuer == ISSUER || issuer == LEGACY_ISSUER);
    let issuer = issuer.ok_or("invalid bearer token")?;
    let key = api.trust().tokens().map_err(|error| format!("{error:#}"))?;
    let claims = key.verify(token).ok_or("[invalid bearer token, invalid signature]")?;
    let good = if issuer == ISSUER { current(api, &claims, audiences) } else { legacy(api, &claims, audiences) };
    good.map_err(|why| format!("[invalid bearer token, {why}]"))
}

/// Checks the claims of a token that ends.
fn current(api: &Api, claims: &Object, audiences: &[String]) -> Result<Authenticated, String> {
    let now = api.clock().now().as_second();
    if claims.int_at(&["exp"]).unwrap_or(0) < now - LEEWAY {
        return Err("service account token has expired".to_owned());
    }
    if claims.int_at(&["nbf"]).unwrap_or(0) > now + LEEWAY {
        return Err("service account token is not valid yet".to_owned());
    }
    let own: Vec<&str> = claims.list_at(&["aud"]).iter().filter_map(Object::as_str).collect();
    let asked: Vec<String> = if audiences.is_empty() { vec![ISSUER.to_owned()] } else { audiences.to_vec() };
    let shared: Vec<String> = asked.iter().filter(|asked| own.contains(&asked.as_str())).cloned().collect();
    if shared.is_empty() {
        let list = |all: &[String]| all.iter().map(|one| quote(one)).collect::<Vec<_>>().join(" ");
        let own: Vec<String> = own.iter().map(|one| (*one).to_owned()).collect();
        return Err(format!("token audiences [{}] is invalid for the target audiences [{}]", list(&own), list(&asked)));
    }
    let about = |path: &[&str]| {
        let mut full = vec!["kubernetes.io"];
        full.extend(path);
        claims.str_at(&full).to_owned()
    };
    let namespace = about(&["namespace"]);
    let mut user = account(api, &namespace, &about(&["serviceaccount", "name"]), &about(&["serviceaccount", "uid"]))?;
    let mut claim = |key: &str, value: String| {
        user.extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value]);
    };
    claim("credential-id", format!("JTI={}", claims.str_at(&["jti"])));
    for (field, resource, place) in
        [("secret", "secrets", namespace.as_str()), ("pod", "pods", &namespace), ("node", "nodes", "")]
    {
        let (name, uid) = (about(&[field, "name"]), about(&[field, "uid"]));
        if name.is_empty() {
            continue;
        }
        // The node of a pod is told, not checked.
        if field != "node" || about(&["pod", "name"]).is_empty() {
            let object = api.get(resource, place, &name);
            let object = object.map_err(|_| "service account token has been invalidated".to_owned())?;
            if object.uid() != uid {
                return Err(format!(
                    "{field} UID ({}) does not match service account {field} ref claim ({uid})",
                    object.uid()
                ));
            }
            if object.deletion_timestamp().is_some_and(|at| at.as_second() < now - LEEWAY) {
                return Err("service account token has been invalidated".to_owned());
            }
        }
        if field != "secret" {
            claim(&format!("{field}-name"), name);
            claim(&format!("{field}-uid"), uid);
        }
    }
    Ok(Authenticated { user, audiences: shared })
}

/// Checks the claims of a secret's token.
fn legacy(api: &Api, claims: &Object, audiences: &[String]) -> Result<Authenticated, String> {
    let claim = |name: &str| claims.str_at(&[&format!("kubernetes.io/serviceaccount/{name}")]).to_owned();
    let (namespace, secret) = (claim("namespace"), claim("secret.name"));
    let user = account(api, &namespace, &claim("service-account.name"), &claim("service-account.uid"))?;
    if api.get("secrets", &namespace, &secret).is_err() {
        return Err("service account token has been invalidated".to_owned());
    }
    if !audiences.is_empty() && !audiences.iter().any(|audience| audience == ISSUER) {
        return Err("token audiences are invalid for the target audiences".to_owned());
    }
    Ok(Authenticated { user, audiences: vec![ISSUER.to_owned()] })
}

fn account(api: &Api, namespace: &str, name: &str, uid: &str) -> Result<User, String> {
    let account = api.get("serviceaccounts", namespace, name).map_err(|status| status.message)?;
    if account.uid() != uid {
        return Err(format!("service account UID ({}) does not match claim ({uid})", account.uid()));
    }
    let mut user = User::known(&subject(&account), Vec::new());
    user.uid = uid.to_owned();
    Ok(user)
}

/// The answer to a `TokenReview`.
///
/// # Errors
/// No token.
pub(super) fn review(api: &Api, spec: &Object) -> Result<Object, Status> {
    let token = spec.str_at(&["token"]);
    if token.is_empty() {
        return Err(Status::bad_request("token is required for TokenReview in authentication"));
    }
    let audiences: Vec<String> =
        spec.list_at(&["audiences"]).iter().filter_map(Object::as_str).map(str::to_owned).collect();
    Ok(match authenticate(api, token, &audiences) {
        Ok(found) => json!({"authenticated": true, "user": found.user.to_object(), "audiences": found.audiences}),
        Err(why) => json!({"user": {}, "error": why}),
    })
}

/// `/openid/v1/jwks`.
///
/// # Errors
/// Keys that cannot be used.
pub(super) fn keys(api: &Api) -> Result<Object, Status> {
    let key = api.trust().tokens().map_err(|error| Status::internal(format!("{error:#}")))?;
    Ok(key.published())
}

/// `/.well-known/openid-configuration`.
pub(super) fn issuer<B>(request: &Request<B>) -> Object {
    let host = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host =
        request.uri().authority().map(|authority| authority.as_str()).or(host).unwrap_or("kubernetes.default.svc");
    json!({
        "issuer": ISSUER,
        "jwks_uri": format!("https://{host}/openid/v1/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}

/// Finds the object to which a token is to be bound, if any, and the claim that names it.
fn bound(api: &Api, account: &Object, request: &Object) -> Result<Option<(&'static str, Object)>, Status> {
    let Some(reference) = request.at(&["spec", "boundObjectRef"]).filter(|reference| !reference.is_null()) else {
        return Ok(None);
    };
    let (kind, name) = (reference.kind(), reference.str_at(&["name"]));
    let (claim, object) = match kind {
        "Pod" => ("pod", api.get("pods", account.namespace(), name)?),
        "Secret" => ("secret", api.get("secrets", account.namespace(), name)?),
        "Node" => ("node", api.get("nodes", "", name)?),
        other => {
            let version = reference.api_version();
            return Err(Status::bad_request(format!("cannot bind token to object of type {version}, Kind={other}")));
        }
    };
    if kind == "Pod" && object.str_at(&["spec", "serviceAccountName"]) != account.name() {
        let account = quote(account.name());
        return Err(Status::bad_request(format!(
            "cannot bind token for serviceaccount {account} to pod running with different serviceaccount name."
        )));
    }
    let uid = reference.str_at(&["uid"]);
    if !uid.is_empty() && uid != object.uid() {
        let why = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
        );
        return Err(Status::conflict(kind, name, &why));
    }
    Ok(Some((claim, object)))
}
