//! `--raw`: one request to a path as it is, with the credentials of the kubeconfig.

use std::io::{Read, Write};
use std::path::Path;

use http::header::{ACCEPT, HeaderValue};
use http::{Method, Uri};
use http_body_util::BodyExt;

use super::context::Context;
use super::manifests::read_file;
use crate::client::from_box;
use crate::client::request::Call;

/// Sends a request, with the content of a file (`-` for standard input, empty for none), and copies the
/// answer as it comes.
///
/// # Errors
/// A file that cannot be read, and what the server refuses.
pub async fn send(ctx: &Context, method: Method, target: String, file: &str) -> anyhow::Result<()> {
    let body = match file {
        "" => Vec::new(),
        "-" => {
            let mut text = Vec::new();
            ctx.streams.input().read_to_end(&mut text)?;
            text
        }
        path => read_file(Path::new(path))?,
    };
    let mut request = Call::new(method.clone(), target).body("application/json", body).build()?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json, */*"));
    let response = ctx.client().await?.send_raw(request).await?;
    if !response.status().is_success() {
        return Err(crate::client::refusal(&method, None, response).await);
    }
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if let Ok(chunk) = frame.map_err(from_box)?.into_data() {
            let mut out = ctx.streams.out();
            out.write_all(&chunk)?;
            out.flush()?;
        }
    }
    Ok(())
}

/// The path and query of what was given; a URL's host does not count.
pub fn target(raw: &str) -> anyhow::Result<String> {
    let refused = |why: &str| anyhow::anyhow!("--raw must be a valid URL path: parse {raw:?}: {why}");
    if !raw.starts_with('/') && !raw.contains("://") {
        return Err(refused("invalid URI for request"));
    }
    let uri: Uri = raw.parse().map_err(|_| refused("invalid URI for request"))?;
    Ok(uri.path_and_query().map_or("/", |target| target.as_str()).to_owned())
}

/// Refuses files that a raw request cannot be given.
pub fn check_files(files: &[String], recursive: bool) -> anyhow::Result<()> {
    if let Some(file) = files.first()
        && (file.starts_with("http://") || file.starts_with("https://"))
    {
        anyhow::bail!("--raw cannot read from a url");
    }
    if recursive {
        anyhow::bail!("--raw and --recursive are mutually exclusive");
    }
    Ok(())
}
