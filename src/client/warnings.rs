//! `Warning` headers (RFC 7234), as API servers send them: `299 - "text"`.

/// The texts of a header's warnings with code 299; what is malformed is left out.
pub fn parse(header: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = header.trim_start();
    while let Some((code, after)) = rest.split_once(' ') {
        let Some((_agent, after)) = after.split_once(' ') else { break };
        let Some((text, after)) = quoted(after.trim_start()) else { break };
        if code == "299" {
            texts.push(text);
        }
        // An optional date, then the next warning.
        let after = after.trim_start();
        let after = match after.strip_prefix('"') {
            Some(date) => date.split_once('"').map_or("", |(_, after)| after).trim_start(),
            None => after,
        };
        let Some(next) = after.strip_prefix(',') else { break };
        rest = next.trim_start();
    }
    texts
}

/// A quoted string at the start of `text`, unescaped, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('"')?.char_indices();
    let mut value = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 2..)?)),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_warnings() {
        for (header, want) in [
            (r#"299 - "a""#, vec!["a"]),
            (r#"299 - "a, \"b\"" , 299 host:1 "c""#, vec!["a, \"b\"", "c"]),
            (r#"299 - "a" "Tue, 15 Nov 1994 08:12:31 GMT", 299 - "b""#, vec!["a", "b"]),
            (r#"199 - "a""#, vec![]),
            ("299 - a", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(parse(header), want, "{header}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(header in "\\PC{0,60}") {
            let _ = parse(&header);
        }
    }
}
