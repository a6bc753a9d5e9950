//! How a bundled cluster gets to its webhooks: over the network, as clients get to servers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};

use crate::backend::api::{BoxFuture, WebhookCall, Webhooks};
use crate::client::config::ClientConfig;
use crate::client::transport::http::{HttpClient, plain_client};
use crate::client::{ConnectionError, collect, parse, refusal, typed};
use crate::object::{Object, yaml};

/// Clients that are kept; more are not expected.
const MOST_KEPT: usize = 200;

/// Calls webhooks, over connections that it keeps.
pub struct Calls {
    /// Proxies, and whom the system trusts.
    way: ClientConfig,
    clients: Mutex<HashMap<Key, HttpClient>>,
}

/// Server, expected name, authorities.
type Key = (String, String, Vec<u8>);

impl Calls {
    /// `way` says how there is a way out: proxies, and whom the system trusts.
    pub fn new(way: ClientConfig) -> Self {
        Self { way, clients: Mutex::default() }
    }

    fn client(&self, key: Key) -> anyhow::Result<HttpClient> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let (server, tls_server_name, certificate_authority) = key.clone();
        let config = ClientConfig { server, tls_server_name, certificate_authority, ..self.way.clone() };
        let client = plain_client(&config)?;
        if clients.len() >= MOST_KEPT {
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }

    async fn post(&self, call: &WebhookCall) -> Result<Object, String> {
        let failed = |why: String| format!("failed to call webhook: {why}");
        let url: Uri = call.url.parse().map_err(|why| format!("Unparsable URL: {why}"))?;
        let authority = url.authority().map_or("", |authority| authority.as_str());
        let named = url.host().unwrap_or_default().to_owned();
        // Where the Service leads, under the Service's name; or else where the URL says.
        let mut servers: Vec<(String, String)> =
            call.addresses.iter().map(|address| (format!("https://{address}"), named.clone())).collect();
        if servers.is_empty() {
            servers.push((format!("https://{authority}"), String::new()));
        }
        let mut fault = None;
        for (server, name) in servers {
            let client = self
                .client((server.clone(), name, call.authorities.clone()))
                .map_err(|why| format!("could not get REST client: {why}"))?;
            let target = url.path_and_query().map_or("/", |target| target.as_str());
            let request = Request::builder()
                .method(Method::POST)
                .uri(format!("{server}{target}"))
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .header(ACCEPT, HeaderValue::from_static("application/json, */*"))
                .header(USER_AGENT, HeaderValue::from_static("kube-apiserver-admission"))
                .header(HOST, authority)
                .body(call.body.clone())
                .map_err(|why| failed(why.to_string()))?;
            let asked = async {
                let response = client.send(request).await?;
                if response.status().is_success() {
                    let status = response.status().as_u16();
                    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
                    let kind = kind.unwrap_or_default().to_owned();
                    let body: Bytes = collect(response.into_body()).await?;
                    if body.is_empty() {
                        anyhow::bail!("0-length response with status code: {status} and content type: {kind}");
                    }
                    return read(&body);
                }
                Err(refusal(&Method::POST, None, response).await)
            };
            let answer = match tokio::time::timeout(call.timeout, asked).await {
                Ok(answer) => answer,
                Err(_) => Err(ConnectionError::says(authority, "context deadline exceeded").into()),
            };
            match answer {
                Ok(review) => return Ok(review),
                Err(error) => match error.downcast::<ConnectionError>() {
                    Ok(why) => {
                        let refused = why.refused;
                        fault = Some(why.about(&Method::POST, &call.url).to_string());
                        if !refused {
                            break;
                        }
                    }
                    Err(other) => return Err(failed(other.to_string())),
                },
            }
        }
        Err(failed(fault.unwrap_or_default()))
    }
}

/// Reads an answer. What is no JSON may be YAML, as the API server's decoder has it.
fn read(body: &[u8]) -> anyhow::Result<Object> {
    let object = match (parse(body), yaml::parse(body)) {
        (Ok(object), _) | (Err(_), Ok(object)) => object,
        (Err(why), Err(_)) => return Err(why),
    };
    if object.is_object() { Ok(object) } else { typed(object) }
}

impl Webhooks for Calls {
    fn call(&self, call: WebhookCall) -> BoxFuture<'_, Result<Object, String>> {
        Box::pin(async move { self.post(&call).await })
    }
}
