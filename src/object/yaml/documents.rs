//! A stream of documents, as kubectl reads files and standard input: YAML documents between lines
//! of `---`, or JSON values one after another.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::{Error, json_error, parse, parse_v3};

/// Reads a stream document by document. Empty documents are left out; after an error nothing more
/// comes.
pub fn documents(input: &[u8]) -> Documents<'_> {
    let json = input.trim_ascii_start().starts_with(b"{");
    Documents {
        rest: input,
        offset: 0,
        state: if json { State::Json { count: 0 } } else { State::Yaml },
        first_error: None,
        parse,
    }
}

/// As [`documents`], each read as [`parse_v3`] reads.
pub fn documents_v3(input: &[u8]) -> Documents<'_> {
    Documents { parse: parse_v3, ..documents(input) }
}

/// The documents of a stream; see [`documents`].
pub struct Documents<'a> {
    rest: &'a [u8],
    /// Bytes before `rest`.
    offset: usize,
    state: State,
    /// What was wrong with the stream as JSON.
    first_error: Option<Error>,
    parse: fn(&[u8]) -> Result<Value, Error>,
}

enum State {
    Json { count: usize },
    Yaml,
    Done,
}

impl Iterator for Documents<'_> {
    type Item = Result<Value, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let result = match self.state {
                State::Done => return None,
                State::Json { count } => match self.next_json(count) {
                    Step::Retry => continue,
                    Step::End => None,
                    Step::Document(result) => Some(result),
                },
                State::Yaml => self.next_yaml(),
            };
            match result {
                None => {
                    self.state = State::Done;
                    return None;
                }
                Some(Ok(Value::Null)) => {}
                Some(Ok(value)) => return Some(Ok(value)),
                Some(Err(error)) => {
                    self.state = State::Done;
                    return Some(Err(self.first_error.take().unwrap_or(error)));
                }
            }
        }
    }
}

enum Step {
    Document(Result<Value, Error>),
    End,
    /// The stream goes on as YAML.
    Retry,
}

impl<'a> Documents<'a> {
    fn consume(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        self.offset += bytes;
    }

    fn next_json(&mut self, count: usize) -> Step {
        let read = |text: &[u8]| {
            let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Value>();
            values.next().map(|result| result.map(|value| (value, values.byte_offset())))
        };
        let mut result = read(self.rest);
        if matches!(result, Some(Err(_)))
            && let Some(mended) = mend_surrogates(self.rest)
        {
            result = read(&mended);
        }
        match result {
            None => Step::End,
            Some(Ok((mut value, read))) => {
                self.consume(read);
                self.state = State::Json { count: count + 1 };
                as_int64(&mut value);
                Step::Document(Ok(value))
            }
            Some(Err(_)) => self.fall_back(count),
        }
    }
    /// What to do where the stream is no JSON (any more).
    fn fall_back(&mut self, count: usize) -> Step {
        let (error, is_syntax) = json_error::describe(self.rest, self.offset);
        // After two values this is certainly no YAML.
        if count > 1 {
            return Step::Document(Err(Error::Stream(error.1)));
        }
        self.first_error =
            Some(Error::Stream(if is_syntax { format!("json: offset {}: {}", error.0, error.1) } else { error.1 }));
        let blank = self.rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        let blank: Vec<u8> = blank.copied().collect();
        let skip = blank.iter().position(|byte| *byte == b'\n').map_or(blank.len(), |at| at + 1);
        self.consume(skip);
        self.state = State::Yaml;
        Step::Retry
    }

    fn next_yaml(&mut self) -> Option<Result<Value, Error>> {
        match self.next_piece()? {
            Ok(piece) => {
                let result = (self.parse)(&piece);
                if result.is_ok() {
                    self.first_error = None;
                }
                Some(result)
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// The text up to the next separator. A separator at the very start belongs to its document.
    fn next_piece(&mut self) -> Option<Result<Cow<'a, [u8]>, Error>> {
        let text = self.rest;
        if text.is_empty() {
            return None;
        }
        let mut at = 0;
        while let Some(line) = text.get(at..).filter(|line| !line.is_empty()) {
            let length = line.iter().position(|byte| *byte == b'\n').map_or(line.len(), |end| end + 1);
            let (line, _) = line.split_at(length);
            if let Some(after) = line.strip_prefix(b"---") {
                let after = after.trim_ascii();
                if !after.is_empty() && !after.starts_with(b"#") {
                    let message = format!("invalid Yaml document separator: {}", String::from_utf8_lossy(after));
                    return Some(Err(Error::Stream(message)));
                }
                if at > 0 {
                    self.consume(at + length);
                    return text.get(..at).map(|piece| Ok(piece.into()));
                }
            }
            at += length;
        }
        self.consume(text.len());
        // A last line without an end gets one, which shows in the line numbers of errors.
        Some(Ok(if text.ends_with(b"\n") { text.into() } else { [text, b"\n"].concat().into() }))
    }
}

/// Replaces escapes of single surrogates, which Go reads as U+FFFD; `None` where there are none.
fn mend_surrogates(text: &[u8]) -> Option<Vec<u8>> {
    let unit = |text: &[u8], at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += match (byte, unit(text, at)) {
            (b'\\', Some(0xd800..=0xdbff)) if matches!(unit(text, at + 6), Some(0xdc00..=0xdfff)) => 12,
            (b'\\', Some(0xd800..=0xdfff)) => {
                if let Some(escape) = mended.get_or_insert_with(|| text.to_vec()).get_mut(at..at + 6) {
                    escape.copy_from_slice(b"\\ufffd");
                }
                6
            }
            (b'\\', _) => 2,
            _ => 1,
        };
    }
    mended
}

/// Turns whole numbers beyond `i64` into floats, which is what Kubernetes holds them as, and `-0`,
/// which JSON readers here take for a float, into 0.
fn as_int64(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_f64() == Some(0.0) => *number = 0.into(),
        Value::Number(number) if number.as_i64().is_none() && number.is_u64() => {
            if let Some(float) = number.as_f64().and_then(Number::from_f64) {
                *number = float;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(as_int64),
        Value::Object(map) => map.values_mut().for_each(as_int64),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(input: &str) -> Vec<Result<Value, String>> {
        documents(input.as_bytes()).map(|result| result.map_err(|error| error.to_string())).collect()
    }

    /// Streams and what real kubectl reads of them, or says.
    const READ: &str = include_str!("../../../tests/data/yaml/read.json");

    /// The value with its numbers as floats: the recorded ones were printed in between.
    fn floats(value: Value) -> Value {
        match value {
            Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
            Value::Array(items) => items.into_iter().map(floats).collect(),
            Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, floats(value))).collect()),
            other => other,
        }
    }

    #[test]
    fn equals_kubectl() {
        let cases: Vec<Value> = serde_json::from_str(READ).unwrap();
        assert!(cases.len() > 80);
        for case in cases {
            let input = case["input"].as_str().unwrap();
            match read(input).into_iter().collect::<Result<Vec<_>, _>>() {
                Ok(documents) => assert_eq!(floats(Value::from(documents)), floats(case["want"].clone()), "{input}"),
                Err(error) => assert_eq!(Some(error.as_str()), case["error"].as_str(), "{input}"),
            }
        }
    }

    #[test]
    fn splits_streams() {
        for (input, want) in [
            ("", vec![]),
            ("\n---\n", vec![]),
            (
                "---\na: 1\n---\nb: 2\n--- # three\n# nothing\n---\nc: 3",
                vec![json!({"a": 1}), json!({"b": 2}), json!({"c": 3})],
            ),
            ("a: 1\r\n---\r\nb: 2\r\n", vec![json!({"a": 1}), json!({"b": 2})]),
            ("a: |\n  ---\n  x\n", vec![json!({"a": "---\nx\n"})]),
            (
                " {\"a\": 1}\n{\"b\": 18446744073709551615}\n",
                vec![json!({"a": 1}), json!({"b": 18_446_744_073_709_551_615.0})],
            ),
            // Flow style YAML looks like JSON at first.
            ("{a: 1}\n---\nb: 2\n", vec![json!({"a": 1}), json!({"b": 2})]),
            ("{\"a\": \"\\ud800\\\\ud800\\ud83d\\ude00\"}", vec![json!({"a": "\u{fffd}\\ud800\u{1f600}"})]),
            ("{\"a\": 1}\n---\nb: 2\n", vec![json!({"a": 1}), json!({"b": 2})]),
        ] {
            assert_eq!(read(input), want.into_iter().map(Ok).collect::<Vec<_>>(), "{input:?}");
        }
    }

    #[test]
    fn words_mistakes_as_kubectl() {
        for (input, want) in [
            ("a: 1\n---x\nb: 2\n", "invalid Yaml document separator: x"),
            ("a: 1\nb\n", "error converting YAML to JSON: yaml: line 3: could not find expected ':'"),
            ("{\"a\": 1,\n \"b\" 2}", "json: offset 15: invalid character '2' after object key"),
            ("{\"a\": [", "unexpected EOF"),
        ] {
            assert_eq!(read(input).pop(), Some(Err(want.to_owned())), "{input:?}");
        }
    }
}
