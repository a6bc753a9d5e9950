//! Tokens from an OpenID Connect provider (`users[].user.auth-provider` named `oidc`): the kubeconfig's as
//! long as it counts, then new ones for its refresh token, kept in the kubeconfig.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::Credential;
use crate::client::ConnectionError;
use crate::client::config::{ClientConfig, Provider};
use crate::client::transport::http;
use crate::object::clock::Clock;
use crate::object::yaml;

/// Keeps a provider's settings where they came from.
pub type Persist = Arc<dyn Fn(&BTreeMap<String, String>) -> anyhow::Result<()> + Send + Sync>;

/// Seconds before its end at which a token no longer counts.
const EARLY: i64 = 10;

/// An identity provider, with the settings as they are now.
pub struct OidcProvider {
    settings: Mutex<BTreeMap<String, String>>,
    persist: Option<Persist>,
}

/// Of a provider's description (OpenID Connect Discovery 1.0), what is needed here.
#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    token_endpoint: String,
}

/// What a refresh token brings (RFC 6749, 5.1).
#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    id_token: Option<String>,
    #[serde(default)]
    refresh_token: Option<String>,
}

fn setting<'a>(settings: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    settings.get(name).map_or("", String::as_str)
}

impl OidcProvider {
    /// A provider from the settings of a kubeconfig.
    ///
    /// # Errors
    /// A setting that must be there is not.
    pub fn new(provider: &Provider, persist: Option<Persist>) -> anyhow::Result<Self> {
        for name in ["idp-issuer-url", "client-id"] {
            if setting(&provider.settings, name).is_empty() {
                anyhow::bail!("Must provide {name}");
            }
        }
        Ok(Self { settings: Mutex::new(provider.settings.clone()), persist })
    }

    /// The token in use.
    ///
    /// # Errors
    /// client-go's words.
    pub async fn credential(&self) -> anyhow::Result<Arc<Credential>> {
        let mut settings = self.settings.lock().await;
        let token = setting(&settings, "id-token");
        if !token.is_empty() && counts(token)? {
            return Ok(Arc::new(Credential { token: token.to_owned(), ..Credential::default() }));
        }
        let refresh = setting(&settings, "refresh-token").to_owned();
        if refresh.is_empty() {
            anyhow::bail!("No valid id-token, and cannot refresh without refresh-token");
        }
        let client = client(&settings)?;
        let endpoint = endpoint(&client, setting(&settings, "idp-issuer-url")).await?;
        let tokens = refreshed(&client, &endpoint, &settings, &refresh).await.map_err(|error| {
            if error.is::<ConnectionError>() { error } else { anyhow::anyhow!("failed to refresh token: {error}") }
        })?;
        let Some(token) = tokens.id_token.filter(|token| !token.is_empty()) else {
            anyhow::bail!(
                "token response did not contain an id_token, either the scope \"openid\" wasn't requested upon login, or the provider doesn't support id_tokens as part of the refresh response"
            );
        };
        let mut new = settings.clone();
        if let Some(refresh) = tokens.refresh_token.filter(|token| !token.is_empty()) {
            new.insert("refresh-token".to_owned(), refresh);
        }
        new.insert("id-token".to_owned(), token.clone());
        if let Some(persist) = &self.persist {
            persist(&new).map_err(|error| anyhow::anyhow!("could not persist new tokens: {error}"))?;
        }
        *settings = new;
        Ok(Arc::new(Credential { token, ..Credential::default() }))
    }
}

/// Whether a token still counts, by its own `exp`. Whether it is genuine only the API server can tell.
fn counts(token: &str) -> anyhow::Result<bool> {
    #[derive(Deserialize)]
    struct Claims {
        #[serde(default)]
        exp: f64,
    }
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        anyhow::bail!("ID Token is not a valid JWT");
    };
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .map_err(|_| anyhow::anyhow!("ID Token is not a valid JWT"))?;
    // The error would show the text.
    let claims: Claims = serde_json::from_slice(&claims).map_err(|_| anyhow::anyhow!("parsing claims: no claims"))?;
    let now = Clock::System.now().as_second();
    Ok(((now + EARLY) as f64) < claims.exp)
}

/// A client that trusts whom the settings name.
fn client(settings: &BTreeMap<String, String>) -> anyhow::Result<reqwest::Client> {
    let data = setting(settings, "idp-certificate-authority-data");
    let file = setting(settings, "idp-certificate-authority");
    let certificate_authority = match (data, file) {
        ("", "") => Vec::new(),
        ("", file) => std::fs::read(file).map_err(|error| {
            anyhow::anyhow!(crate::client::config::go_error("open", "read", std::path::Path::new(file), &error))
        })?,
        (data, _) => crate::go::base64::decode(data)?,
    };
    let server = setting(settings, "idp-issuer-url").to_owned();
    http::plain_client(&ClientConfig { server, certificate_authority, ..ClientConfig::default() })
}

/// Where the provider takes refresh tokens.
async fn endpoint(client: &reqwest::Client, issuer: &str) -> anyhow::Result<String> {
    let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let answer = client.get(&place).send().await.map_err(|error| failed("Get", &place, &error))?;
    let status = answer.status();
    let body = limited(answer).await?;
    if !status.is_success() {
        /// Of an answer that is none this much is shown.
        const SHOWN: usize = 80;
        let text = String::from_utf8_lossy(body.get(..SHOWN).unwrap_or(&body)).into_owned();
        let more = if body.len() > SHOWN { "..." } else { "" };
        anyhow::bail!("oidc: failed to query metadata endpoint {status}: {:?}", text + more);
    }
    let wrong = |why: String| anyhow::anyhow!("oidc: failed to decode provider discovery object: {why}");
    if let Some(mistake) = yaml::json_mistake(&body) {
        return Err(wrong(mistake));
    }
    let metadata: Metadata = serde_json::from_slice(&body).map_err(|error| wrong(error.to_string()))?;
    if metadata.token_endpoint.is_empty() {
        anyhow::bail!("oidc: discovery object doesn't contain a token_endpoint");
    }
    Ok(metadata.token_endpoint)
}

/// Trades a refresh token in (RFC 6749, 6). The client says who it is in the header; a provider that
/// wants it in the form gets it there.
async fn refreshed(
    client: &reqwest::Client,
    endpoint: &str,
    settings: &BTreeMap<String, String>,
    refresh: &str,
) -> anyhow::Result<Tokens> {
    let (id, secret) = (setting(settings, "client-id"), setting(settings, "client-secret"));
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let post = |form: &[(&str, &str)], basic: bool| {
        let body = form.iter().map(|(name, value)| format!("{name}={}", form_encoded(value))).collect::<Vec<_>>();
        let request =
            client.post(endpoint).header("content-type", "application/x-www-form-urlencoded").body(body.join("&"));
        // Both are form-encoded there (RFC 6749, 2.3.1).
        if basic { request.basic_auth(form_encoded(id), Some(form_encoded(secret))) } else { request }
    };
    let mut answer = post(&form, true).send().await.map_err(|error| failed("Post", endpoint, &error))?;
    if !answer.status().is_success() {
        form.push(("client_id", id));
        if !secret.is_empty() {
            form.push(("client_secret", secret));
        }
        answer = post(&form, false).send().await.map_err(|error| failed("Post", endpoint, &error))?;
    }
    let status = answer.status();
    let body = limited(answer).await?;
    if !status.is_success() {
        #[derive(Deserialize)]
        struct Refused {
            error: String,
            #[serde(default)]
            error_description: String,
        }
        match serde_json::from_slice::<Refused>(&body) {
            Ok(Refused { error, error_description }) if error_description.is_empty() => {
                anyhow::bail!("oauth2: {error:?}")
            }
            Ok(Refused { error, error_description }) => anyhow::bail!("oauth2: {error:?} {error_description:?}"),
            Err(_) => anyhow::bail!("oauth2: cannot fetch token: {status}"),
        }
    }
    serde_json::from_slice(&body).map_err(|_| anyhow::anyhow!("oauth2: cannot parse json"))
}

fn failed(verb: &str, place: &str, error: &reqwest::Error) -> anyhow::Error {
    let fault = http::fault(place, error);
    if fault.refused { fault.into() } else { anyhow::anyhow!("{verb} {place:?}: {}", fault.message) }
}

/// An answer's body, up to what a provider may reasonably say.
async fn limited(mut answer: reqwest::Response) -> anyhow::Result<Vec<u8>> {
    const LONGEST: usize = 1024 * 1024;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            anyhow::bail!("oidc: the provider's answer is too long");
        }
    }
    Ok(body)
}

/// `application/x-www-form-urlencoded`.
fn form_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_end_of_a_token() {
        let token = |claims: &str| format!("x.{}.y", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims));
        assert!(counts(&token("{\"exp\": 99999999999}")).expect("claims"));
        assert!(counts(&token("{\"exp\": 9.9e10}")).expect("claims"));
        assert!(!counts(&token("{\"exp\": 1}")).expect("claims"));
        assert!(!counts(&token("{}")).expect("claims"));
        assert_eq!(counts("abc").expect_err("no token").to_string(), "ID Token is not a valid JWT");
        assert!(counts(&token("secret")).expect_err("no claims").to_string().starts_with("parsing claims"));
    }

    #[test]
    fn wants_an_issuer_and_a_name() {
        let error = OidcProvider::new(&Provider::default(), None).map(drop).expect_err("no issuer");
        assert_eq!(error.to_string(), "Must provide idp-issuer-url");
    }
}
