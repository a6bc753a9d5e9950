//! `get --raw`: one request, answered as it is.

use std::io::Write;

use http::header::{ACCEPT, HeaderValue};
use http::{Method, Uri};
use http_body_util::BodyExt;

use super::{GetArgs, text};
use crate::client::from_box;
use crate::client::request::Call;
use crate::ops::context::Context;

/// Sends the request and copies the answer as it comes.
pub(super) async fn run(ctx: &Context, args: &GetArgs) -> anyhow::Result<()> {
    if !args.args.is_empty() {
        anyhow::bail!("arguments may not be passed when --raw is specified");
    }
    if args.watch || args.watch_only || !text(&args.selector).is_empty() {
        anyhow::bail!("--raw may not be specified with other flags that filter the server request or alter the output");
    }
    if !text(&args.output).is_empty() {
        anyhow::bail!("--raw and --output are mutually exclusive");
    }
    let target = target(text(&args.raw))?;
    let mut request = Call::new(Method::GET, target).build()?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json, */*"));
    let client = ctx.client().await?;
    let response = client.send_raw(request).await?;
    if !response.status().is_success() {
        return Err(crate::client::refusal(&Method::GET, None, response).await);
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
fn target(raw: &str) -> anyhow::Result<String> {
    let refused = |why: &str| anyhow::anyhow!("--raw must be a valid URL path: parse {raw:?}: {why}");
    if !raw.starts_with('/') && !raw.contains("://") {
        return Err(refused("invalid URI for request"));
    }
    let uri: Uri = raw.parse().map_err(|_| refused("invalid URI for request"))?;
    Ok(uri.path_and_query().map_or("/", |target| target.as_str()).to_owned())
}
