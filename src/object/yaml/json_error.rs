//! What is wrong with a JSON text, in the words of Go's `encoding/json`.

/// The first mistake: where (bytes read, the offending one included, `offset` more), what, and
/// whether it is one of syntax rather than an early end.
pub(super) fn describe(text: &[u8], offset: usize) -> ((usize, String), bool) {
    match scan(text) {
        Some((at, message)) => ((offset + at + 1, message), true),
        None => ((offset + text.len(), "unexpected EOF".to_owned()), false),
    }
}

/// What keeps a text from being one JSON value, in the words of Go's `json.Unmarshal`; `None` where
/// nothing does.
pub(super) fn mistake(text: &[u8]) -> Option<String> {
    if let Some((_, message)) = scan(text) {
        return Some(message);
    }
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<serde::de::IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => {
            let end = values.byte_offset();
            let rest = text.get(end..).unwrap_or_default();
            let at = end + rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))?;
            Some(format!("invalid character {} after top-level value", quote(text, at)))
        }
        _ => Some("unexpected end of JSON input".to_owned()),
    }
}

/// What may come next.
#[derive(Clone, Copy)]
enum Want {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    /// A comma or the end of what is open.
    More,
}

fn scan(text: &[u8]) -> Option<(usize, String)> {
    let mut open: Vec<u8> = Vec::new();
    let mut want = Want::Value;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            at += 1;
            continue;
        }
        let wrong = |where_: &str| Some((at, format!("invalid character {} {where_}", quote(text, at))));
        match (want, byte) {
            (Want::KeyOrEnd, b'}') | (Want::ValueOrEnd, b']') => {
                open.pop();
                want = Want::More;
            }
            (Want::Key | Want::KeyOrEnd, b'"') => {
                at = match string(text, at) {
                    Ok(end) => end,
                    Err(error) => return error,
                };
                want = Want::Colon;
                continue;
            }
            (Want::Key | Want::KeyOrEnd, _) => return wrong("looking for beginning of object key string"),
            (Want::Colon, b':') => want = Want::Value,
            (Want::Colon, _) => return wrong("after object key"),
            (Want::More, _) => match (open.last(), byte) {
                (None, _) => return None,
                (Some(b'{'), b',') => want = Want::Key,
                (Some(b'{'), b'}') | (Some(b'['), b']') => drop(open.pop()),
                (Some(b'{'), _) => return wrong("after object key:value pair"),
                (Some(_), b',') => want = Want::Value,
                (Some(_), _) => return wrong("after array element"),
            },
            (_, b'{') => {
                open.push(byte);
                want = Want::KeyOrEnd;
            }
            (_, b'[') => {
                open.push(byte);
                want = Want::ValueOrEnd;
            }
            (_, b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => {
                let end = match byte {
                    b'"' => string(text, at),
                    b't' => literal(text, at, "true"),
                    b'f' => literal(text, at, "false"),
                    b'n' => literal(text, at, "null"),
                    _ => number(text, at),
                };
                at = match end {
                    Ok(end) => end,
                    Err(error) => return error,
                };
                want = Want::More;
                continue;
            }
            _ => return wrong("looking for beginning of value"),
        }
        at += 1;
    }
    None
}

/// Where a token ends, or what is wrong with it (`None`: it is cut off).
type Token = Result<usize, Option<(usize, String)>>;

fn wrong(text: &[u8], at: usize, where_: &str) -> Option<(usize, String)> {
    text.get(at).map(|_| (at, format!("invalid character {} {where_}", quote(text, at))))
}

fn string(text: &[u8], start: usize) -> Token {
    let mut at = start + 1;
    loop {
        match text.get(at) {
            None => return Err(None),
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => {
                at += 1;
                match text.get(at) {
                    Some(b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"') => {}
                    Some(b'u') => {
                        for _ in 0..4 {
                            at += 1;
                            if !text.get(at).is_some_and(u8::is_ascii_hexdigit) {
                                return Err(wrong(text, at, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    _ => return Err(wrong(text, at, "in string escape code")),
                }
            }
            Some(0..0x20) => return Err(wrong(text, at, "in string literal")),
            Some(_) => {}
        }
        at += 1;
    }
}

fn literal(text: &[u8], start: usize, word: &str) -> Token {
    for (index, expected) in word.bytes().enumerate() {
        if text.get(start + index) != Some(&expected) {
            let where_ = format!("in literal {word} (expecting '{}')", char::from(expected));
            return Err(wrong(text, start + index, &where_));
        }
    }
    Ok(start + word.len())
}

fn number(text: &[u8], start: usize) -> Token {
    let mut at = start;
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    let skip_digits = |mut at: usize| {
        while is_digit(at) {
            at += 1;
        }
        at
    };
    if text.get(at) == Some(&b'-') {
        at += 1;
        if !is_digit(at) {
            return Err(wrong(text, at, "in numeric literal"));
        }
    }
    at = if text.get(at) == Some(&b'0') { at + 1 } else { skip_digits(at) };
    if text.get(at) == Some(&b'.') {
        at += 1;
        if !is_digit(at) {
            return Err(wrong(text, at, "after decimal point in numeric literal"));
        }
        at = skip_digits(at);
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(text.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        if !is_digit(at) {
            return Err(wrong(text, at, "in exponent of numeric literal"));
        }
        at = skip_digits(at);
    }
    Ok(at)
}

/// A byte as Go shows it: single quotes, and escapes for what is not printable.
fn quote(text: &[u8], at: usize) -> String {
    match text.get(at).copied().unwrap_or_default() {
        b'\'' => "'\\''".to_owned(),
        b'\\' => "'\\\\'".to_owned(),
        b'\n' => "'\\n'".to_owned(),
        b'\r' => "'\\r'".to_owned(),
        b'\t' => "'\\t'".to_owned(),
        byte @ 0x20..0x7f => format!("'{}'", char::from(byte)),
        byte if byte < 0x80 => format!("'\\x{byte:02x}'"),
        byte => {
            let c = char::from(byte);
            if c.is_control() || byte == 0xa0 || byte == 0xad { format!("'\\u{:04x}'", byte) } else { format!("'{c}'") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mistakes_as_go() {
        for (text, want) in [
            ("{\"a\": [1, true, null, \"x\\n\"]} ", None),
            ("", Some("unexpected end of JSON input")),
            ("{\"a\"", Some("unexpected end of JSON input")),
            ("{} x", Some("invalid character 'x' after top-level value")),
            ("{\"a\" 1}", Some("invalid character '1' after object key")),
            ("{\"a\":1 \"b\"}", Some("invalid character '\"' after object key:value pair")),
            ("{'a'}", Some("invalid character '\\'' looking for beginning of object key string")),
            ("[1 2]", Some("invalid character '2' after array element")),
            ("[1,]", Some("invalid character ']' looking for beginning of value")),
            ("tru}", Some("invalid character '}' in literal true (expecting 'e')")),
            ("-x", Some("invalid character 'x' in numeric literal")),
            ("1.x", Some("invalid character 'x' after decimal point in numeric literal")),
            ("1ex", Some("invalid character 'x' in exponent of numeric literal")),
            ("\"\n\"", Some("invalid character '\\n' in string literal")),
            ("\"\\q\"", Some("invalid character 'q' in string escape code")),
            ("\"\\u12x4\"", Some("invalid character 'x' in \\u hexadecimal character escape")),
            ("é", Some("invalid character 'Ã' looking for beginning of value")),
        ] {
            assert_eq!(mistake(text.as_bytes()).as_deref(), want, "{text}");
        }
    }
}
