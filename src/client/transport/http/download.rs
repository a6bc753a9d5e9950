//! Files from anywhere: manifests that are named by URL. These servers are no API servers, so that reqwest as it
//! is does; only proxies, trust and words are those of the rest.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode, Uri};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Proxy, Url};

use super::client::install_provider;
use super::dial;
use super::proxy::Proxies;
use super::tls::{self, Identity, Trust};
use super::words::{self, Said};
use crate::client::config::ClientConfig;
use crate::client::error::ConnectionError;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(30);
/// How often a server's faults are tried.
const ATTEMPTS: usize = 3;

/// Fetches a URL that has nothing to do with the cluster (a manifest). Faults of the server are tried
/// three times. `way` says how there is a way out: proxies, and whom the system trusts.
///
/// # Errors
/// No answer, or one without the file; Go's words.
pub async fn download(url: &str, way: &ClientConfig) -> anyhow::Result<Vec<u8>> {
    let names = Names::default();
    let client = client(way, &names)?;
    let mut attempt = 1;
    loop {
        let fault = match client.get(url).send().await {
            Ok(response) if response.status() == StatusCode::OK => {
                return match response.bytes().await {
                    Ok(bytes) => Ok(bytes.into()),
                    Err(error) => Err(words::explain_body(&error).into()),
                };
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
            Err(error) => names.explain(url, &error).into(),
        };
        if attempt == ATTEMPTS {
            return Err(fault);
        }
        attempt += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn client(way: &ClientConfig, names: &Names) -> anyhow::Result<Client> {
    install_provider();
    let proxies = Proxies::Environment(way.proxies.clone());
    let proxy = Proxy::custom(move |target| {
        let target = target.as_str().parse::<Uri>().ok()?;
        let address = proxies.find(&target).ok()??;
        let mut url = Url::parse(&format!("{}://{}", address.scheme, address.host_and_port())).ok()?;
        if let Some((name, password)) = &address.user {
            url.set_username(name).ok()?;
            url.set_password(Some(password)).ok()?;
        }
        Some(url)
    });
    let tls = tls::client_config(Trust::System(&way.system_authorities), Identity::default())?;
    let builder = Client::builder().tls_backend_preconfigured(tls).connect_timeout(CONNECT).referer(false);
    Ok(builder.no_proxy().proxy(proxy).dns_resolver(names.clone()).build()?)
}

/// Looks names up, and remembers the last address, which words about connections name.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<Option<SocketAddr>>>);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let last = Arc::clone(&self.0);
        Box::pin(async move {
            let found = dial::resolve(name.as_str(), 0).await.map_err(|why| Said(format!("dial tcp: {why}")))?;
            *last.lock().unwrap_or_else(PoisonError::into_inner) = found.first().copied();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Names {
    fn explain(&self, url: &str, error: &reqwest::Error) -> ConnectionError {
        let uri = error.url().map_or(url, Url::as_str).parse::<Uri>().unwrap_or_default();
        let server = uri.authority().map(ToString::to_string).unwrap_or_default();
        let fault = words::explain(&server, error);
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let address = match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(address) => SocketAddr::new(address.ip(), port).to_string(),
            None => format!("{}:{port}", uri.host().unwrap_or_default()),
        };
        let message = match fault.message {
            _ if error.is_timeout() => format!("dial tcp {address}: i/o timeout"),
            words if words::is_of_connecting(error) => format!("dial tcp {address}: connect: {words}"),
            words => words,
        };
        ConnectionError::says(&server, message).about(&Method::GET, url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::config::EnvironmentProxies;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that gives these answers, one a connection, and keeps what was asked.
    async fn server(answers: &'static [&'static str]) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a client");
                let mut head = vec![0; 4096];
                let size = stream.read(&mut head).await.expect("a request");
                let text = String::from_utf8_lossy(&head[..size]).into_owned();
                seen.lock().expect("unlocked").push(text.lines().next().unwrap_or_default().to_owned());
                let head = "connection: close\r\n\r\n";
                stream.write_all(answer.replace("|", head).as_bytes()).await.expect("written");
            }
        });
        (address, asked)
    }

    #[tokio::test]
    async fn fetches_files_and_tries_again() {
        let (address, _) = server(&["HTTP/1.1 503 Busy\r\n|", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n|a: 1"]).await;
        let file = download(&format!("http://{address}/x.yaml"), &ClientConfig::default()).await.expect("a file");
        assert_eq!(file, b"a: ");
    }

    #[tokio::test]
    async fn says_what_went_wrong() {
        let (address, _) = server(&["HTTP/1.1 404 Not Found\r\n|"]).await;
        let url = format!("http://{address}/x.yaml");
        let fault = download(&url, &ClientConfig::default()).await.expect_err("no file");
        let want = format!("unable to read URL \"{url}\", server reported 404 Not Found, status code=404");
        assert_eq!(fault.to_string(), want);
        let fault = download("http://127.0.0.1:1/x", &ClientConfig::default()).await.expect_err("no server");
        let want = "Get \"http://127.0.0.1:1/x\": dial tcp 127.0.0.1:1: connect: connection refused";
        assert_eq!(fault.to_string(), want);
    }

    #[tokio::test]
    async fn goes_through_the_proxy_of_the_environment() {
        let (address, asked) = server(&["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n|ok"]).await;
        let proxies = EnvironmentProxies { http: address, ..EnvironmentProxies::default() };
        let way = ClientConfig { proxies, ..ClientConfig::default() };
        assert_eq!(download("http://manifests.example/x.yaml", &way).await.expect("a file"), b"ok");
        assert_eq!(*asked.lock().expect("unlocked"), ["GET http://manifests.example/x.yaml HTTP/1.1"]);
    }
}
