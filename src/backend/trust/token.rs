//! JSON web tokens (RFC 7519), signed with ES256.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::anyhow;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rcgen::KeyPair;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde_json::json;

use super::files::read_or_make;
use crate::object::{Meta, Object};

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;
/// How many tokens are kept with what they say: to check a signature takes longer than most requests.
const KEPT: usize = 256;

/// The key by which the cluster's tokens are signed.
pub struct TokenKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    id: String,
    verified: Mutex<HashMap<String, Object>>,
}

impl TokenKey {
    /// The key of a state folder, or a new one.
    pub(super) fn open(folder: Option<&Path>) -> anyhow::Result<Self> {
        let make = || Ok(KeyPair::generate()?.serialize_pem());
        let pem = match folder {
            Some(folder) => read_or_make(&folder.join("sa.key"), make)?,
            None => make()?,
        };
        let key = KeyPair::from_pem(&pem)?;
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.serialized_der(), &random)
            .map_err(|error| anyhow!("the key of tokens: {error}"))?;
        use rcgen::PublicKeyData as _;
        let id = encode(digest(&SHA256, &key.subject_public_key_info()).as_ref());
        Ok(Self { pair, random, id, verified: Mutex::default() })
    }

    /// A token with these claims.
    ///
    /// # Errors
    /// A system without randomness.
    pub fn sign(&self, claims: &Object) -> anyhow::Result<String> {
        let header = json!({"alg": "ES256", "kid": self.id});
        let text = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature =
            self.pair.sign(&self.random, text.as_bytes()).map_err(|_| anyhow!("the system has no randomness"))?;
        Ok(format!("{text}.{}", encode(signature.as_ref())))
    }

    /// The claims of a token that this key signed; none of any other.
    pub fn verify(&self, token: &str) -> Option<Object> {
        let verified = || self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(claims) = verified().get(token) {
            return Some(claims.clone());
        }
        let claims = self.check(token)?;
        let mut verified = verified();
        if verified.len() >= KEPT {
            verified.clear();
        }
        verified.insert(token.to_owned(), claims.clone());
        Some(claims)
    }

    fn check(&self, token: &str) -> Option<Object> {
        let (text, signature) = token.rsplit_once('.').filter(|_| token.len() <= LONGEST)?;
        let (header, claims) = text.split_once('.')?;
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        let header: Object = serde_json::from_slice(&decode(header)?).ok()?;
        if header.str_at(&["alg"]) != "ES256" {
            return None;
        }
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref());
        key.verify(text.as_bytes(), &decode(signature)?).ok()?;
        serde_json::from_slice(&decode(claims)?).ok()
    }

    /// The public key as a set of JSON web keys.
    pub fn published(&self) -> Object {
        // 4, then both coordinates.
        let point = self.pair.public_key().as_ref();
        let part = |from: usize, to: usize| encode(point.get(from..to).unwrap_or_default());
        json!({"keys": [{
            "use": "sig", "kty": "EC", "kid": self.id, "crv": "P-256", "alg": "ES256", "x": part(1, 33), "y": part(33, 65),
        }]})
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Whether a token has the form of a JSON web token; and who it says made it.
pub fn issuer(token: &str) -> Option<String> {
    let claims = token.split('.').nth(1).filter(|_| token.len() <= LONGEST)?;
    let claims: Object = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    Some(claims.str_at(&["iss"]).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_its_own_tokens_alone() {
        let (own, other) = (TokenKey::open(None).expect("a key"), TokenKey::open(None).expect("a key"));
        let claims = json!({"iss": "x", "exp": 5});
        let token = own.sign(&claims).expect("a token");
        assert_eq!(own.verify(&token), Some(claims.clone()));
        assert_eq!(issuer(&token).as_deref(), Some("x"));
        assert_eq!(other.verify(&token), None);
        let unsigned = format!("{}.{}.", encode(br#"{"alg":"none"}"#), encode(claims.to_string().as_bytes()));
        assert_eq!(own.verify(&unsigned), None);
        for broken in ["", ".", "..", "a.b.c", token.get(..token.len() - 2).expect("shorter")] {
            assert_eq!(own.verify(broken), None, "{broken}");
        }
    }
}
