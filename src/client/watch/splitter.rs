//! Cutting a stream into objects.

/// Cuts a stream of JSON objects into single ones, wherever its chunks begin and end.
#[derive(Debug, Default)]
pub struct Splitter {
    pending: Vec<u8>,
    /// Bytes of `pending` that were handed on; they go with the next chunk.
    taken: usize,
    /// Bytes of `pending` that are looked at already.
    seen: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Splitter {
    /// Adds a chunk.
    pub fn push(&mut self, chunk: &[u8]) {
        self.pending.drain(..self.taken);
        self.seen -= self.taken;
        self.taken = 0;
        self.pending.extend_from_slice(chunk);
    }

    /// The next whole object, if there is one.
    pub fn next_object(&mut self) -> Option<Vec<u8>> {
        let unseen = self.pending.get(self.seen..)?;
        let mut end = None;
        for (at, byte) in unseen.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        end = Some(self.seen + at + 1);
                        break;
                    }
                }
                _ => {}
            }
        }
        let Some(end) = end else {
            self.seen = self.pending.len();
            return None;
        };
        let object = self.pending.get(self.taken..end)?.to_vec();
        (self.taken, self.seen) = (end, end);
        Some(object)
    }

    /// What is left that is no whole object, without the white space before it.
    pub fn rest(&self) -> &[u8] {
        self.pending.get(self.taken..).unwrap_or_default().trim_ascii_start()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Object;
    use proptest::prelude::*;
    use serde_json::json;

    fn split(chunks: &[&[u8]]) -> (Vec<Object>, bool) {
        let mut splitter = Splitter::default();
        let mut objects = Vec::new();
        for chunk in chunks {
            splitter.push(chunk);
            while let Some(text) = splitter.next_object() {
                objects.push(serde_json::from_slice(&text).expect("whole JSON"));
            }
        }
        (objects, !splitter.rest().is_empty())
    }

    #[test]
    fn cuts_objects_out_of_chunks() {
        let text = br#"{"a":"}\"{"}
  {"b":[{}]}{"c":1} "#;
        let want = vec![json!({"a": "}\"{"}), json!({"b": [{}]}), json!({"c": 1})];
        for size in 1..text.len() {
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(split(&chunks), (want.clone(), false), "chunks of {size}");
        }
        assert!(split(&[b"{\"a\":"]).1);
    }

    proptest! {
        #[test]
        fn splitting_never_panics(text in proptest::collection::vec(any::<u8>(), 0..200), size in 1usize..20) {
            let mut splitter = Splitter::default();
            for chunk in text.chunks(size) {
                splitter.push(chunk);
                while splitter.next_object().is_some() {}
            }
        }

        #[test]
        fn every_object_comes_out(texts in proptest::collection::vec("\\PC{0,10}", 0..6), size in 1usize..9) {
            let objects: Vec<Object> = texts.iter().map(|text| json!({"type": text, "o": [{text.clone(): text}]})).collect();
            let wire: String = objects.iter().map(|object| format!("{object}\n")).collect();
            let chunks: Vec<&[u8]> = wire.as_bytes().chunks(size).collect();
            prop_assert_eq!(split(&chunks), (objects, false));
        }
    }
}
