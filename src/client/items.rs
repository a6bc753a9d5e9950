//! A list's items out of a stream, before the list is at its end: a long answer is handed on in parts, so
//! that memory does not grow with it.

use std::ops::Range;

/// Bytes of items in one part, about.
const PART: usize = 2 * 1024 * 1024;

/// Where in an answer the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the list itself, outside its items.
    Around,
    /// Among its items.
    Among,
}

/// Splits the text of a list (`items`, or a table's `rows`) into parts that are whole lists themselves.
#[derive(Debug)]
pub(super) struct Splitter {
    /// What came and was not handed on: everything around the items, and the items of the next part.
    text: Vec<u8>,
    /// How far it was read.
    read: usize,
    place: Place,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Where the last string at depth one begins and ends.
    last_string: Range<usize>,
    /// Whether that is a key, whose value comes next.
    key: bool,
    /// Where the items of the next part begin.
    begin: usize,
    /// Where the last whole item ends.
    end: usize,
    /// Whether the items before were handed on, but not the comma behind them.
    comma: bool,
}

impl Default for Splitter {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            read: 0,
            place: Place::Around,
            depth: 0,
            in_string: false,
            escaped: false,
            last_string: 0..0,
            key: false,
            begin: 0,
            end: 0,
            comma: false,
        }
    }
}

impl Splitter {
    /// Takes what came. Returns a part, once there is enough for one: the list as far as it is known,
    /// with the items of the part.
    pub(super) fn push(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        self.text.extend_from_slice(data);
        while let Some(&byte) = self.text.get(self.read) {
            self.step(byte);
            self.read += 1;
        }
        if self.place != Place::Among || self.end.saturating_sub(self.begin) < PART || !self.is_typed() {
            return None;
        }
        let mut part = self.text.get(..self.end)?.to_vec();
        part.extend_from_slice(b"]}");
        self.cut();
        Some(part)
    }

    /// The rest, at the end of the text, with everything around the items.
    pub(super) fn finish(self) -> Vec<u8> {
        self.text
    }

    /// Whether the kind is known, and a table's columns: lists name them first.
    fn is_typed(&self) -> bool {
        let before = self.text.get(..self.begin).unwrap_or_default();
        let says = |word: &[u8]| before.windows(word.len()).any(|part| part == word);
        says(b"\"kind\"") && (!says(b"\"rows\"") || says(b"\"columnDefinitions\""))
    }

    /// Takes out the items that were handed on, and the comma behind them.
    fn cut(&mut self) {
        let mut to = self.end;
        while self.text.get(to).is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b',') {
            to += 1;
        }
        let to = to.min(self.read);
        self.comma = !self.text.get(self.end..to).unwrap_or_default().contains(&b',');
        self.text.drain(self.begin..to);
        self.read -= to - self.begin;
        self.end = self.begin;
    }

    fn step(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    if self.depth == 1 && self.place == Place::Around {
                        self.last_string.end = self.read;
                    }
                }
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                if self.depth == 1 && self.place == Place::Around {
                    self.last_string = self.read + 1..self.read + 1;
                }
            }
            b':' if self.depth == 1 && self.place == Place::Around => self.key = true,
            b',' if self.depth == 1 && self.place == Place::Around => self.key = false,
            b'[' if self.depth == 1 && self.place == Place::Around && self.key && self.is_items() => {
                self.place = Place::Among;
                self.depth = 2;
                (self.begin, self.end) = (self.read + 1, self.read + 1);
            }
            b',' if self.comma && self.place == Place::Among && self.depth == 2 => {
                self.comma = false;
                if let Some(comma) = self.text.get_mut(self.read) {
                    *comma = b' ';
                }
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                match (self.place, self.depth) {
                    (Place::Among, 2) => self.end = self.read + 1,
                    (Place::Among, 1) => self.place = Place::Around,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn is_items(&self) -> bool {
        matches!(self.text.get(self.last_string.clone()), Some(b"items" | b"rows"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Object;
    use proptest::prelude::*;
    use serde_json::json;

    /// The items of all parts, and how many parts there were.
    fn split(text: &[u8], piece: usize) -> (Vec<Object>, usize) {
        let mut splitter = Splitter::default();
        let mut parts: Vec<Vec<u8>> = text.chunks(piece.max(1)).filter_map(|piece| splitter.push(piece)).collect();
        parts.push(splitter.finish());
        let mut items = Vec::new();
        for part in &parts {
            let list: Object = serde_json::from_slice(part).expect("a list");
            assert_eq!(list["kind"], "L");
            for field in ["items", "rows"] {
                items.extend(list[field].as_array().cloned().unwrap_or_default());
            }
        }
        (items, parts.len())
    }

    #[test]
    fn parts_are_lists() {
        let long = "\\\"]},{[ ".repeat(20_000);
        for field in ["items", "rows"] {
            let all: Vec<Object> = (0..60).map(|n| json!({"n": n, "text": long, "items": [[1], {}]})).collect();
            let list = json!({"kind": "L", "columnDefinitions": [{"name": "items"}], field: all, "metadata": {"x": 1}});
            // As servers do, not in order of the alphabet.
            let text = list.to_string();
            let (items, parts) = split(text.as_bytes(), 16 * 1024);
            assert_eq!(items, all);
            // What comes before its kind is kept until that is known.
            assert_eq!(parts > 1, field == "rows", "{parts}");
        }
        let mut text = String::from("{\"kind\":\"L\",\"apiVersion\":\"v1\",\"metadata\":{\"items\":[1]},\"items\":[");
        for n in 0..60 {
            text += &format!("{}\n {{\"n\": {n}, \"text\": {:?}}} ", if n == 0 { "" } else { "," }, long);
        }
        text += " ] , \"more\": [2] }";
        let (items, parts) = split(text.as_bytes(), 1000);
        assert_eq!((items.len(), parts > 3), (60, true));
        assert!(items.iter().enumerate().all(|(at, item)| item["n"] == at));
    }

    proptest! {
        #[test]
        fn small_texts_stay_as_they_are(text in "[\\[\\]{}\",:a\\\\ ]{0,60}", piece in 1_usize..9) {
            let mut splitter = Splitter::default();
            for piece in text.as_bytes().chunks(piece) {
                prop_assert!(splitter.push(piece).is_none());
            }
            prop_assert_eq!(splitter.finish(), text.as_bytes());
        }
    }
}
