//! Files from anywhere: manifests that are named by URL.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt;

use super::connect::build;
use crate::client::config::ClientConfig;

/// Fetches a URL that has nothing to do with the cluster (a manifest). Faults of the server are tried
/// three times. `way` says how there is a way out: proxies, and whom the system trusts.
pub async fn download(url: &str, way: &ClientConfig) -> anyhow::Result<Vec<u8>> {
    const ATTEMPTS: usize = 3;
    let client = build(&ClientConfig { server: url.to_owned(), ..way.clone() }, false, None)?;
    let mut attempt = 1;
    loop {
        let fault = match client.send(Request::get(url).body(Bytes::new())?).await {
            Ok(response) if response.status() == StatusCode::OK => {
                let body = response.into_body().collect().await.map_err(crate::client::from_box)?;
                return Ok(body.to_bytes().to_vec());
            }
            Ok(response) => {
                let status = response.status();
                let fault = anyhow::anyhow!(
                    "unable to read URL {url:?}, server reported {status}, status code={}",
                    status.as_u16()
                );
                if !status.is_server_error() {
                    return Err(fault);
                }
                fault
            }
            Err(error) => error.into(),
        };
        if attempt == ATTEMPTS {
            return Err(fault);
        }
        attempt += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
