//! Files of a folder, for browsers.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, IF_MODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody};
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::answer::{Body, beside, escape, html, text};
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

/// Answers a request for a path below a folder: a file, or a folder's `index.html` or list. As Go's file server does, whatever the method.
pub async fn serve(folder: &Path, asked: &Asked<'_>, path: &str, whole: &str) -> Response<Body> {
    if whole.ends_with("/index.html") {
        return beside(&format!("./{}", asked.query));
    }
    let missing = || text(StatusCode::NOT_FOUND, "404 page not found");
    let Some(place) = below(folder, path) else { return missing() };
    match answer(&place, asked, whole).await {
        Ok(response) => response,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => text(StatusCode::FORBIDDEN, "403 Forbidden"),
        Err(_) => missing(),
    }
}

/// What of a request matters for files.
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its query with the question mark, or nothing.
    pub query: &'a str,
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

async fn answer(place: &Path, asked: &Asked<'_>, whole: &str) -> io::Result<Response<Body>> {
    let meta = tokio::fs::metadata(place).await?;
    let name = encode(whole.trim_end_matches('/').rsplit('/').next().unwrap_or_default());
    if !meta.is_dir() {
        return if whole.ends_with('/') {
            Ok(beside(&format!("../{name}{}", asked.query)))
        } else {
            send(place, asked).await
        };
    }
    if !whole.ends_with('/') {
        return Ok(beside(&format!("{name}/{}", asked.query)));
    }
    let index = place.join("index.html");
    if tokio::fs::metadata(&index).await.is_ok_and(|meta| meta.is_file()) {
        return send(&index, asked).await;
    }
    let mut response = list(place).await?;
    date(&mut response, &meta);
    Ok(response)
}

/// The form of dates in headers (RFC 9110, 5.6.7).
const DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

fn changed(meta: &Metadata) -> Option<Timestamp> {
    let time = Timestamp::try_from(meta.modified().ok()?).ok()?;
    Timestamp::from_second(time.as_second()).ok()
}

fn date(response: &mut Response<Body>, meta: &Metadata) {
    let text = changed(meta).and_then(|time| strtime::format(DATE, time.to_zoned(TimeZone::UTC).datetime()).ok());
    if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(LAST_MODIFIED, value);
    }
}

/// Whether the client has the file as it is now.
fn is_known(headers: &HeaderMap, meta: &Metadata) -> bool {
    let since = headers.get(IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    let since = since.and_then(|text| strtime::parse(DATE, text).ok()?.to_datetime().ok());
    let since = since.and_then(|time| TimeZone::UTC.to_timestamp(time).ok());
    changed(meta).zip(since).is_some_and(|(changed, since)| changed <= since)
}

/// The part of a file that is asked for, as its first byte and the one after its last; none for all of it.
/// Several parts at once may be answered with the whole (RFC 9110, 14.2).
///
/// # Errors
/// It lies behind the file's end.
fn part(headers: &HeaderMap, length: u64) -> Result<Option<(u64, u64)>, ()> {
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok()?.strip_prefix("bytes="));
    let Some((from, to)) = range.and_then(|range| range.split_once('-')) else { return Ok(None) };
    let found = match (from.trim().parse::<u64>(), to.trim().parse::<u64>()) {
        (Ok(from), Ok(to)) if from <= to => (from, to.saturating_add(1).min(length)),
        (Ok(from), Err(_)) if to.trim().is_empty() => (from, length),
        (Err(_), Ok(last)) if from.trim().is_empty() => (length.saturating_sub(last), length),
        _ => return Ok(None),
    };
    if found.0 < found.1 { Ok(Some(found)) } else { Err(()) }
}

async fn send(place: &Path, asked: &Asked<'_>) -> io::Result<Response<Body>> {
    let meta = tokio::fs::metadata(place).await?;
    // A pipe would be waited for.
    if !meta.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let reads = matches!(*asked.method, Method::GET | Method::HEAD);
    if reads && is_known(asked.headers, &meta) {
        let mut response = text(StatusCode::NOT_MODIFIED, "");
        *response.body_mut() = Empty::new().map_err(|never| match never {}).boxed_unsync();
        response.headers_mut().clear();
        date(&mut response, &meta);
        return Ok(response);
    }
    let size = meta.len();
    let Ok(part) = part(asked.headers, size) else {
        let mut response = text(StatusCode::RANGE_NOT_SATISFIABLE, "invalid range: failed to overlap");
        response.headers_mut().insert(CONTENT_RANGE, header(&format!("bytes */{size}"))?);
        return Ok(response);
    };
    let (from, to) = part.unwrap_or((0, size));
    let mut file = File::open(place).await?;
    if from > 0 {
        file.seek(io::SeekFrom::Start(from)).await?;
    }
    let end = place.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
    let kind = TYPES.iter().find(|(own, _)| *own == end).map_or("application/octet-stream", |(_, kind)| kind);
    let length = if *asked.method == Method::HEAD { 0 } else { to - from };
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
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(to - from));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if part.is_some() {
        headers.insert(CONTENT_RANGE, header(&format!("bytes {from}-{}/{size}", to - 1))?);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    date(&mut response, &meta);
    Ok(response)
}

fn header(text: &str) -> io::Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(io::Error::other)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_part_that_is_meant() {
        for (range, want) in [
            ("", Ok(None)),
            ("bytes=0-3", Ok(Some((0, 4)))),
            ("bytes=2-", Ok(Some((2, 10)))),
            ("bytes=-3", Ok(Some((7, 10)))),
            ("bytes=-30", Ok(Some((0, 10)))),
            ("bytes=5-900", Ok(Some((5, 10)))),
            ("bytes=10-", Err(())),
            ("bytes=-0", Err(())),
            ("bytes=4-2", Ok(None)),
            ("bytes=0-1,3-4", Ok(None)),
            ("lines=0-1", Ok(None)),
        ] {
            let mut headers = HeaderMap::new();
            if !range.is_empty() {
                headers.insert(RANGE, HeaderValue::from_static(range));
            }
            assert_eq!(part(&headers, 10), want, "{range}");
        }
    }
}
