//! What `html`, `js` and `urlquery` do to text.

use crate::go::quote::{is_printable, runes};

/// Text safe between HTML tags and in attributes.
pub(super) fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        let entity: &[u8] = match byte {
            0 => "\u{fffd}".as_bytes(),
            b'"' => b"&#34;",
            b'\'' => b"&#39;",
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            _ => std::slice::from_ref(byte),
        };
        out.extend_from_slice(entity);
    }
    out
}

/// Text safe inside a JavaScript string.
pub(super) fn js(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for rune in runes(text) {
        match rune {
            Ok(c @ ('\\' | '\'' | '"')) => out.extend([b'\\', c as u8]),
            Ok(c @ ('<' | '>' | '&' | '=' | '\0'..='\x1f')) => {
                out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes());
            }
            Ok(c) if c.is_ascii() || is_printable(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Ok(c) => out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes()),
            // Go decodes a broken byte as the replacement character, which prints: the byte stays.
            Err(byte) => out.push(byte),
        }
    }
    out
}

/// Text as a value in a URL's query.
pub(super) fn url_query(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            b' ' => out.push(b'+'),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}
