//! Files from anywhere: manifests that are named by URL.

use std::time::Duration;

use http::{StatusCode, Uri};

use super::connect::install_provider;
use super::words::explain;

/// Fetches a URL that has nothing to do with the cluster (a manifest). Faults of the server are tried
/// three times.
pub async fn download(url: &str) -> anyhow::Result<Vec<u8>> {
    const ATTEMPTS: usize = 3;
    install_provider();
    let client = reqwest::Client::builder().gzip(true).build()?;
    let server = url.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string)).unwrap_or_default();
    let mut attempt = 1;
    loop {
        let fault = match client.get(url).send().await {
            Ok(response) if response.status() == StatusCode::OK => {
                return Ok(response.bytes().await.map_err(|error| explain(&server, &error))?.to_vec());
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
            Err(error) => explain(&server, &error).into(),
        };
        if attempt == ATTEMPTS {
            return Err(fault);
        }
        attempt += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
