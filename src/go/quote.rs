//! Go's quoted strings and characters, both ways, and what Go calls printable.

/// Whether Go prints a character as it is: letters, marks, numbers, punctuation, symbols and the
/// ASCII space.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // A string's `escape_debug` draws the same line; a leading letter keeps combining marks, which
    // it would escape at the start, out of that rule.
    let mut buffer = [b'a'; 5];
    let length = 1 + c.encode_utf8(&mut buffer[1..]).len();
    let text = buffer.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    text.escape_debug().nth(1) == Some(c)
}

/// The bytes of a string split into characters; bytes that are no UTF-8 come one by one.
pub fn runes(bytes: &[u8]) -> impl Iterator<Item = Result<char, u8>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let first = *rest.first()?;
        let width = match first {
            0..=0x7f => 1,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 0,
        };
        let decoded =
            rest.get(..width).and_then(|head| std::str::from_utf8(head).ok()).and_then(|text| text.chars().next());
        match decoded {
            Some(c) => {
                rest = rest.get(width..).unwrap_or_default();
                Some(Ok(c))
            }
            None => {
                rest = rest.get(1..).unwrap_or_default();
                Some(Err(first))
            }
        }
    })
}

/// `%q` of a string (`strconv.Quote`): double quotes, and escapes for what is not printable.
pub fn quote(text: &str) -> String {
    quoted(text.as_bytes(), '"', false)
}

/// The same of bytes that need not be UTF-8; `ascii` (`%+q`) escapes everything beyond ASCII.
pub fn quote_bytes(bytes: &[u8], ascii: bool) -> String {
    quoted(bytes, '"', ascii)
}

/// `%q` of a character.
pub fn quote_char(c: char, ascii: bool) -> String {
    let mut buffer = [0; 4];
    quoted(c.encode_utf8(&mut buffer).as_bytes(), '\'', ascii)
}

fn quoted(bytes: &[u8], mark: char, ascii: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push(mark);
    for rune in runes(bytes) {
        match rune {
            Ok(c) => escape(&mut out, c, mark, ascii),
            Err(byte) => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push(mark);
    out
}

fn escape(out: &mut String, c: char, mark: char, ascii: bool) {
    let short = match c {
        '\x07' => 'a',
        '\x08' => 'b',
        '\x0c' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\x0b' => 'v',
        '\\' => '\\',
        c if c == mark => c,
        c if is_printable(c) && (c.is_ascii() || !ascii) => {
            out.push(c);
            return;
        }
        c => {
            let code = u32::from(c);
            out.push_str(&match code {
                0..=0x1f | 0x7f => format!("\\x{code:02x}"),
                0..=0xffff => format!("\\u{code:04x}"),
                _ => format!("\\U{code:08x}"),
            });
            return;
        }
    };
    out.push('\\');
    out.push(short);
}

/// Whether `%#q` may use back quotes: no control characters but the tab, no back quote.
pub fn can_backquote(bytes: &[u8]) -> bool {
    runes(bytes).all(|rune| match rune {
        Ok(c) => c != '\u{feff}' && c != '`' && c != '\x7f' && (c >= ' ' || c == '\t'),
        Err(_) => false,
    })
}

/// Reads a string literal with its quotes, double or back. Nothing if it is malformed.
pub fn unquote(literal: &str) -> Option<Vec<u8>> {
    if let Some(raw) = literal.strip_prefix('`') {
        return Some(raw.strip_suffix('`')?.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut rest = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let (unit, tail) = unquote_unit(rest, '"')?;
        match unit {
            Unit::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Unit::Byte(byte) => out.push(byte),
        }
        rest = tail;
    }
    Some(out)
}

/// Why a character constant cannot be read.
pub enum CharFault {
    /// An escape that does not exist, or nothing between the quotes.
    Syntax,
    /// More than one character.
    Malformed,
}

/// Reads a character constant with its quotes: the code point, or the byte of `'\xff'`.
pub fn unquote_char(literal: &str) -> Result<i64, CharFault> {
    let inner = literal.strip_prefix('\'').ok_or(CharFault::Syntax)?;
    let (unit, tail) = unquote_unit(inner, '\'').ok_or(CharFault::Syntax)?;
    if tail != "'" {
        return Err(CharFault::Malformed);
    }
    Ok(match unit {
        Unit::Char(c) => i64::from(u32::from(c)),
        Unit::Byte(byte) => i64::from(byte),
    })
}

enum Unit {
    Char(char),
    Byte(u8),
}

/// One character or escape, and what follows it.
fn unquote_unit(text: &str, mark: char) -> Option<(Unit, &str)> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if first == mark || first == '\n' {
        return None;
    }
    if first != '\\' {
        return Some((Unit::Char(first), chars.as_str()));
    }
    let kind = chars.next()?;
    let rest = chars.as_str();
    let plain = |c| Some((Unit::Char(c), rest));
    match kind {
        'a' => plain('\x07'),
        'b' => plain('\x08'),
        'f' => plain('\x0c'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'v' => plain('\x0b'),
        '\\' => plain('\\'),
        c if c == mark => plain(c),
        'x' => {
            let (code, rest) = digits(rest, 2, 16)?;
            Some((Unit::Byte(u8::try_from(code).ok()?), rest))
        }
        'u' | 'U' => {
            let (code, rest) = digits(rest, if kind == 'u' { 4 } else { 8 }, 16)?;
            Some((Unit::Char(char::from_u32(code)?), rest))
        }
        '0'..='7' => {
            let (code, rest) = digits(text.get(1..)?, 3, 8)?;
            Some((Unit::Byte(u8::try_from(code).ok()?), rest))
        }
        _ => None,
    }
}

fn digits(text: &str, count: usize, radix: u32) -> Option<(u32, &str)> {
    let (head, tail) = (text.get(..count)?, text.get(count..)?);
    if !head.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    Some((u32::from_str_radix(head, radix).ok()?, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        for (text, want) in [
            ("", r#""""#),
            ("a\"b\\\n", r#""a\"b\\\n""#),
            ("\u{7}\u{8}\u{b}\u{c}\r\t", r#""\a\b\v\f\r\t""#),
            ("\u{1}\u{7f}\u{85}\u{a0}\u{ad}\u{2028}\u{feff}", r#""\x01\x7f\u0085\u00a0\u00ad\u2028\ufeff""#),
            ("é\u{301}\u{1f600}\u{e0001}", "\"é\u{301}\u{1f600}\\U000e0001\""),
        ] {
            assert_eq!(quote(text), want);
        }
        assert_eq!(quote_bytes(b"\xffx", false), r#""\xffx""#);
        assert_eq!(quote_bytes("é\u{1f600}".as_bytes(), true), r#""\u00e9\U0001f600""#);
    }
}
