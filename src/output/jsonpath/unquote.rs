//! String literals: Go's escapes, in double or single quotes.

/// The text of a literal with its quotes, `None` where it is malformed.
pub(super) fn unquote(literal: &str) -> Option<String> {
    let quote = literal.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let inner = literal.get(1..)?.strip_suffix(quote)?;
    if !inner.contains(['\\', quote]) {
        return Some(inner.to_owned());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == quote || c == '\n' {
            return None;
        }
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let escape = rest.chars().next()?;
        rest = &rest[escape.len_utf8()..];
        let byte = match escape {
            'a' => 0x07,
            'b' => 0x08,
            'f' => 0x0c,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 0x0b,
            '\\' => b'\\',
            '"' | '\'' if escape == quote => quote as u8,
            'x' => u8::try_from(digits(&mut rest, 2, 16)?).ok()?,
            'u' | 'U' => {
                let c = char::from_u32(digits(&mut rest, if escape == 'u' { 4 } else { 8 }, 16)?)?;
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            '0'..='7' => {
                let value = u32::from(escape) - u32::from('0');
                u8::try_from(value * 64 + digits(&mut rest, 2, 8)?).ok()?
            }
            _ => return None,
        };
        bytes.push(byte);
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn digits(rest: &mut &str, count: usize, radix: u32) -> Option<u32> {
    let digits = rest.get(..count)?;
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    *rest = rest.get(count..)?;
    u32::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unquotes() {
        for (literal, want) in [
            (r#""a\nb""#, Some("a\nb")),
            (r"'it\'s'", Some("it's")),
            (r#"'say "x"'"#, Some("say \"x\"")),
            (r#""\x41\101\u00e9\U0001F600""#, Some("AA\u{e9}\u{1f600}")),
            (r#""\q""#, None),
            (r#""\'""#, None),
            (r#""\uD800""#, None),
            (r#"""#, None),
            (r#""a'"#, None),
        ] {
            assert_eq!(unquote(literal).as_deref(), want, "{literal}");
        }
    }
}
