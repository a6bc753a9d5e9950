//! The way through an HTTP proxy (`CONNECT`, RFC 9110, 9.3.6).

use std::time::Duration;

use base64::Engine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stream::Stream;
use super::words::io_words;

/// How long a proxy may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer.
const LONGEST: usize = 64 * 1024;

/// The value of `Proxy-Authorization`.
pub(super) fn basic((name, password): &(String, String)) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}")))
}

/// Asks a proxy to connect to `target` (host and port).
pub(super) async fn connect(stream: &mut Stream, user: Option<&(String, String)>, target: &str) -> Result<(), String> {
    let login = user.map_or_else(String::new, |user| format!("Proxy-Authorization: {}\r\n", basic(user)));
    let head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: kctl\r\n{login}\r\n");
    let asked = async {
        stream.write_all(head.as_bytes()).await.map_err(|error| io_words(&error))?;
        answer(stream).await
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await.map_err(|_| "context deadline exceeded".to_owned())??;
    judge(&answer)
}

/// The head of an answer. Nothing behind it is read: a server that speaks TLS waits to be spoken to.
async fn answer(stream: &mut Stream) -> Result<Vec<u8>, String> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && !head.windows(2).any(|end| end == b"\n\n") {
        match stream.read(&mut piece).await {
            Ok(0) => {
                // What is no head at all is said so, whole or not.
                judge_line(&head)?;
                return Err("unexpected EOF".to_owned());
            }
            Ok(size) => head.extend_from_slice(piece.get(..size).unwrap_or_default()),
            Err(error) => {
                let words = io_words(&error);
                return Err(if words == "EOF" { "unexpected EOF".to_owned() } else { words });
            }
        }
        if head.len() > LONGEST {
            return Err("unexpected EOF".to_owned());
        }
    }
    Ok(head)
}

/// Protocol, code and words of a status line that has come.
fn judge_line(head: &[u8]) -> Result<Option<String>, String> {
    let Some(end) = head.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line = String::from_utf8_lossy(head.get(..end).unwrap_or_default()).trim_end_matches('\r').to_owned();
    let Some((version, status)) = line.split_once(' ') else {
        return Err(format!("malformed HTTP response {line:?}"));
    };
    let status = status.trim_start().to_owned();
    let code = status.split(' ').next().unwrap_or_default();
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("malformed HTTP status code {code:?}"));
    }
    let number = version.strip_prefix("HTTP/").map(str::as_bytes);
    if !matches!(number, Some([major, b'.', minor]) if major.is_ascii_digit() && minor.is_ascii_digit()) {
        return Err(format!("malformed HTTP version {version:?}"));
    }
    Ok(Some(status))
}

fn judge(head: &[u8]) -> Result<(), String> {
    let status = judge_line(head)?.unwrap_or_default();
    match status.split_once(' ') {
        _ if status == "200" || status.starts_with("200 ") => Ok(()),
        Some((_, words)) => Err(words.to_owned()),
        None => Err("unknown status code".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn judges_answers() {
        for (head, want) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Ok(())),
            ("HTTP/1.0 200\r\n\r\n", Ok(())),
            ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Err("Proxy Authentication Required")),
            ("HTTP/1.1 403 No Way Today\n\n", Err("No Way Today")),
            ("HTTP/1.1 599\r\n\r\n", Err("unknown status code")),
            ("hello\r\n\r\n", Err("malformed HTTP response \"hello\"")),
            ("HTTP/1.1 x\r\n\r\n", Err("malformed HTTP status code \"x\"")),
            ("ICY/x 200 OK\r\n\r\n", Err("malformed HTTP version \"ICY/x\"")),
        ] {
            assert_eq!(judge(head.as_bytes()), want.map_err(str::to_owned), "{head:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = judge(&bytes);
        }
    }
}
