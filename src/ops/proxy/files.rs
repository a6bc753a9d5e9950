//! Files of a folder, for browsers.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::answer::{Body, elsewhere, html, text};
use super::route::encode;

/// Bytes read at a time.
const PIECE: usize = 64 * 1024;

/// Types of content by the ends of names.
const TYPES: [(&str, &str); 20] = [
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("gif", "image/gif"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("webp", "image/webp"),
    ("woff2", "font/woff2"),
    ("xml", "text/xml; charset=utf-8"),
];

/// Answers a request for a path below a folder: a file, or a folder's `index.html` or list.
pub async fn serve(folder: &Path, method: &Method, path: &str, whole: &str) -> Response<Body> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    }
    if let Some(base) = whole.strip_suffix("/index.html") {
        return elsewhere(&format!("{}/", encode(base)));
    }
    let missing = || text(StatusCode::NOT_FOUND, "404 page not found");
    let Some(place) = below(folder, path) else { return missing() };
    match answer(&place, method, whole).await {
        Ok(response) => response,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => text(StatusCode::FORBIDDEN, "403 Forbidden"),
        Err(_) => missing(),
    }
}

/// The file's place; none for names that mean more than one part of a path.
fn below(folder: &Path, path: &str) -> Option<PathBuf> {
    let mut place = folder.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let special = matches!(part, "." | "..") || part.contains(['\0', '\\']) || cfg!(windows) && part.contains(':');
        if special {
            return None;
        }
        place.push(part);
    }
    Some(place)
}

async fn answer(place: &Path, method: &Method, whole: &str) -> io::Result<Response<Body>> {
    let meta = tokio::fs::metadata(place).await?;
    if !meta.is_dir() {
        return if whole.ends_with('/') {
            Ok(elsewhere(&encode(whole.trim_end_matches('/'))))
        } else {
            send(place, method).await
        };
    }
    if !whole.ends_with('/') {
        return Ok(elsewhere(&format!("{}/", encode(whole))));
    }
    let index = place.join("index.html");
    if tokio::fs::metadata(&index).await.is_ok_and(|meta| meta.is_file()) {
        return send(&index, method).await;
    }
    list(place).await
}

async fn send(place: &Path, method: &Method) -> io::Result<Response<Body>> {
    let meta = tokio::fs::metadata(place).await?;
    // A pipe would be waited for.
    if !meta.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let file = File::open(place).await?;
    let end = place.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
    let kind = TYPES.iter().find(|(own, _)| *own == end).map_or("application/octet-stream", |(_, kind)| kind);
    let length = if *method == Method::HEAD { 0 } else { meta.len() };
    let pieces = stream::unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return None;
        }
        let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
        match file.read(&mut piece).await {
            Ok(0) => Some((Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()), (file, 0))),
            Ok(count) => {
                piece.truncate(count);
                Some((Ok(Frame::data(Bytes::from(piece))), (file, left.saturating_sub(count as u64))))
            }
            Err(error) => Some((Err(error.into()), (file, 0))),
        }
    });
    let mut response = Response::new(StreamBody::new(pieces).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(meta.len()));
    Ok(response)
}

async fn list(place: &Path) -> io::Result<Response<Body>> {
    let mut entries = tokio::fs::read_dir(place).await?;
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        let mut name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().await?.is_dir() {
            name.push('/');
        }
        names.push(name);
    }
    names.sort_unstable();
    let links: String =
        names.iter().map(|name| format!("<a href=\"{}\">{}</a>\n", encode(&relative(name)), escape(name))).collect();
    Ok(html(format!(
        "<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n{links}</pre>\n"
    )))
}

/// A name that is not taken for a URL's scheme.
fn relative(name: &str) -> String {
    if name.contains(':') { format!("./{name}") } else { name.to_owned() }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
