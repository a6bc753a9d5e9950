//! Takes a list apart while it arrives: its elements one by one, and what is around them.

/// Fields of the top object whose elements are taken out.
const FIELDS: [&[u8]; 2] = [b"items", b"rows"];

/// Finds the elements of `items` and `rows` in JSON that comes in pieces. Only nesting and strings are
/// looked at; whether an element is good JSON shows when it is read.
#[derive(Debug, Default)]
pub struct Splitter {
    /// Everything but the elements.
    around: Vec<u8>,
    /// The element that has begun in an earlier piece.
    begun: Vec<u8>,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The field of the top object that is being read.
    key: Vec<u8>,
    /// Whether its value is.
    in_value: bool,
    in_elements: bool,
}

/// Where an element, or a list, ends: the depth of commas between elements.
const BETWEEN: usize = 2;

impl Splitter {
    /// Reads on. Each element that ends in this piece is handed to `take`, with what came before it.
    ///
    /// # Errors
    /// Those of `take`.
    pub fn feed<E>(&mut self, piece: &[u8], mut take: impl FnMut(&Self, &[u8]) -> Result<(), E>) -> Result<(), E> {
        // What of the piece is not given away yet begins here.
        let mut start = 0;
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            if self.in_string {
                at = self.string(piece, at);
                continue;
            }
            at += 1;
            match byte {
                b'"' => {
                    self.in_string = true;
                    if self.depth == 1 && !self.in_value {
                        self.key.clear();
                    }
                }
                b':' if self.depth == 1 => self.in_value = true,
                b'{' => self.depth += 1,
                b'[' => {
                    if self.depth == 1 && self.in_value && FIELDS.contains(&self.key.as_slice()) {
                        self.in_elements = true;
                        self.around.extend_from_slice(piece.get(start..at).unwrap_or_default());
                        start = at;
                    }
                    self.depth += 1;
                }
                b',' if self.in_elements && self.depth == BETWEEN => {
                    self.element(piece.get(start..at - 1).unwrap_or_default(), &mut take)?;
                    start = at;
                }
                b',' if self.depth == 1 => self.in_value = false,
                b'}' | b']' => {
                    if self.in_elements && self.depth == BETWEEN {
                        let last = piece.get(start..at - 1).unwrap_or_default();
                        if !(is_blank(last) && is_blank(&self.begun)) {
                            self.element(last, &mut take)?;
                        }
                        self.begun.clear();
                        self.in_elements = false;
                        start = at - 1;
                    }
                    self.depth = self.depth.saturating_sub(1);
                }
                _ => {}
            }
        }
        let rest = piece.get(start..).unwrap_or_default();
        if self.in_elements {
            self.begun.extend_from_slice(rest)
        } else {
            self.around.extend_from_slice(rest)
        }
        Ok(())
    }

    /// Goes through a string, to behind its end or the piece's.
    fn string(&mut self, piece: &[u8], from: usize) -> usize {
        let mut at = from;
        while let Some(&byte) = piece.get(at) {
            at += 1;
            if self.escaped {
                self.escaped = false;
            } else if byte == b'\\' {
                self.escaped = true;
            } else if byte == b'"' {
                self.in_string = false;
                break;
            }
        }
        if self.depth == 1 && !self.in_value {
            let end = if self.in_string { at } else { at - 1 };
            self.key.extend_from_slice(piece.get(from..end).unwrap_or_default());
        }
        at
    }

    fn element<E>(&mut self, end: &[u8], take: &mut impl FnMut(&Self, &[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.begun.is_empty() {
            return take(self, end);
        }
        let mut element = std::mem::take(&mut self.begun);
        element.extend_from_slice(end);
        let result = take(self, &element);
        element.clear();
        self.begun = element;
        result
    }

    /// What has come so far but the elements, made complete: while elements are coming, the fields
    /// before them and an empty list.
    pub fn around(&self) -> Vec<u8> {
        let mut around = self.around.clone();
        if self.in_elements {
            around.extend_from_slice(b"]}");
        }
        around
    }

    /// Everything but the elements. A text that broke off is left as it is, and no JSON.
    pub fn finish(mut self) -> Vec<u8> {
        self.around.append(&mut self.begun);
        self.around
    }
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn split(text: &[u8], size: usize) -> (Vec<String>, String) {
        let mut splitter = Splitter::default();
        let mut elements = Vec::new();
        for piece in text.chunks(size) {
            let taken: Result<(), ()> = splitter.feed(piece, |_, element| {
                elements.push(String::from_utf8_lossy(element).trim().to_owned());
                Ok(())
            });
            taken.unwrap();
        }
        (elements, String::from_utf8(splitter.finish()).unwrap())
    }

    #[test]
    fn takes_elements_out() {
        for (text, elements, around) in [
            (r#"{"kind":"L","items":[]}"#, vec![], r#"{"kind":"L","items":[]}"#),
            (r#"{"items":[ ] }"#, vec![], r#"{"items":[] }"#),
            (
                r#"{"items":[1, "a,]\"", [2,{"items":[3]}], {"items":[4]}],"z":[5]}"#,
                vec!["1", r#""a,]\"""#, r#"[2,{"items":[3]}]"#, r#"{"items":[4]}"#],
                r#"{"items":[],"z":[5]}"#,
            ),
            (
                r#"{"a":"items","b":["x"],"rows":[{}],"metadata":{"items":[1]}}"#,
                vec!["{}"],
                r#"{"a":"items","b":["x"],"rows":[],"metadata":{"items":[1]}}"#,
            ),
            (r#"{"items":null,"rows":{"items":[1]}}"#, vec![], r#"{"items":null,"rows":{"items":[1]}}"#),
            ("[1,2]", vec![], "[1,2]"),
            (r#"{"items":[1,{"a":"#, vec!["1"], r#"{"items":[{"a":"#),
            (r#"{"items":[1,]}"#, vec!["1"], r#"{"items":[]}"#),
        ] {
            for size in [1, 2, 3, 7, 1000] {
                let want = (elements.iter().map(|e| (*e).to_owned()).collect(), around.to_owned());
                assert_eq!(split(text.as_bytes(), size), want, "{size}");
            }
        }
    }

    #[test]
    fn knows_what_came_before() {
        let mut splitter = Splitter::default();
        let mut heads = Vec::new();
        let text = br#"{"kind":"PodList","items":[{"a":1},2],"metadata":{"x":1}}"#;
        let taken: Result<(), ()> = splitter.feed(text, |splitter, _| {
            heads.push(serde_json::from_slice::<Value>(&splitter.around()).unwrap());
            Ok(())
        });
        taken.unwrap();
        assert_eq!(heads, [json!({"kind": "PodList", "items": []}), json!({"kind": "PodList", "items": []})]);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![any::<i64>().prop_map(Value::from), "[a-z\\\\\"\\[\\]{},: é]{0,8}".prop_map(Value::from)];
        leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("items|rows|[a-c\"\\\\]{0,3}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn loses_nothing(value in values(), size in 1_usize..40, pretty: bool) {
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            let (elements, around) = split(text.as_bytes(), size);
            let mut around: Value = serde_json::from_str(&around).unwrap();
            let elements: Vec<Value> = elements.iter().map(|element| serde_json::from_str(element).unwrap()).collect();
            let mut rest = elements.into_iter();
            // `items` comes before `rows`, as keys are sorted.
            for field in ["items", "rows"] {
                if let (Some(was), Some(list)) = (value.get(field), around.get_mut(field).and_then(Value::as_array_mut)) {
                    list.extend(rest.by_ref().take(was.as_array().map_or(0, Vec::len)));
                }
            }
            prop_assert_eq!(rest.next(), None);
            prop_assert_eq!(around, value);
        }

        #[test]
        fn never_panics(text in "[\\[\\]{},:\"\\\\a1 ]{0,60}|(\\{\"items\":\\[[\\[\\]{},:\"\\\\a1 ]{0,40})", size in 1_usize..9) {
            let _ = split(text.as_bytes(), size);
        }
    }
}
