//! Templates that can be executed while a list is still arriving, item by item.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::Value;

use super::exec::Items;
use super::parse::{Node, Slice};
use super::{Error, JsonPath};

/// The parts of a template in which a list field of the top value occurs once: as `{range .items[*]}`
/// or as a single path, `{.items[*].metadata.name}`. What stands around is known from the start.
///
/// Executing the template gives the same as [`prefix`](Self::prefix), [`item`](Self::item) for each
/// item, and [`suffix`](Self::suffix), for a list of at least one item, if nothing of it fails.
#[derive(Clone, Debug)]
pub struct Split<'t> {
    path: &'t JsonPath,
    before: Vec<u8>,
    after: Vec<u8>,
    kind: Kind,
    /// How many results were printed.
    printed: usize,
    /// Nothing more is found, whatever comes.
    ended: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A range; the place of its first node.
    Range(usize),
    /// A path; the place of its action.
    Path(usize),
}

impl JsonPath {
    /// Takes the template apart. `around` is the top value without the field's items; what else the
    /// template prints is printed from it. None where the template looks at the items in another way.
    pub fn split(&self, field: &str, around: &Value) -> Option<Split<'_>> {
        if self.as_json || self.nodes.iter().any(has_inner_words) {
            return None;
        }
        let at = self.nodes.iter().position(|node| !is_apart(node, field))?;
        let Node::Action(steps) = self.nodes.get(at)? else { return None };
        let (kind, next) = match steps.as_slice() {
            [Node::Word(word), Node::Field(name), all] if word == "range" && name == field && is_all(all) => {
                (Kind::Range(at + 1), end_of_block(&self.nodes, at + 1)? + 1)
            }
            [Node::Field(name), all, rest @ ..] if name == field && is_all(all) => {
                let alone = |step: &Node| {
                    matches!(step, Node::Field(_) | Node::Slice(_) | Node::Wildcard | Node::Recursive | Node::Filter(_))
                };
                // Where a missing field is an error, it is one only if all items miss it.
                if !self.allow_missing_keys || !rest.iter().all(alone) {
                    return None;
                }
                (Kind::Path(at), at + 1)
            }
            _ => return None,
        };
        let after = self.nodes.get(next..)?;
        if !after.iter().all(|node| is_apart(node, field)) {
            return None;
        }
        let print = |nodes: &[Node]| {
            let mut out = Vec::new();
            for found in super::exec::find(nodes, around, self.allow_missing_keys).ok()? {
                self.print(&found, &mut out).ok()?;
            }
            Some(out)
        };
        let (before, after) = (print(self.nodes.get(..at)?)?, print(after)?);
        Some(Split { path: self, before, after, kind, printed: 0, ended: false })
    }
}

impl Split<'_> {
    /// Writes what comes before the items.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn prefix(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.before)
    }

    /// Writes what the template finds of one item.
    ///
    /// # Errors
    /// The outer error is that of the writer, the inner one that of the template.
    pub fn item(&mut self, item: &Value, out: &mut dyn Write) -> io::Result<Result<(), Error>> {
        if self.ended {
            return Ok(Ok(()));
        }
        let nodes = &self.path.nodes;
        let items = Items { nodes, allow_missing_keys: self.path.allow_missing_keys };
        match self.kind {
            Kind::Range(start) => match items.block(start, item) {
                Ok(results) => {
                    for found in &results {
                        self.path.print(found, out)?;
                    }
                }
                Err(error) => return Ok(Err(error)),
            },
            Kind::Path(at) => {
                let steps = match nodes.get(at) {
                    Some(Node::Action(steps)) => steps.get(2..).unwrap_or_default(),
                    _ => &[],
                };
                match items.steps(steps, Cow::Borrowed(item)) {
                    Ok((found, ended)) => {
                        if self.printed > 0 && !found.is_empty() {
                            out.write_all(b" ")?;
                        }
                        self.path.print(&found, out)?;
                        self.printed += found.len();
                        self.ended = ended;
                    }
                    Err(error) => return Ok(Err(error)),
                }
            }
        }
        Ok(Ok(()))
    }

    /// Writes what comes after the items.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn suffix(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.after)
    }
}

/// Every element of a list.
fn is_all(node: &Node) -> bool {
    const ALL: Slice = Slice { from: None, to: None, step: None, index: false };
    matches!(node, Node::Wildcard) || *node == Node::Slice(ALL)
}

/// Whether a part of the template never looks at the field: text, literals, and paths that begin
/// with another field.
fn is_apart(node: &Node, field: &str) -> bool {
    let Node::Action(steps) = node else { return matches!(node, Node::Text(_)) };
    match steps.first() {
        Some(Node::Field(name)) => name != field && !steps.iter().any(|step| matches!(step, Node::Word(_))),
        Some(Node::Text(_)) => steps.len() == 1,
        _ => false,
    }
}

/// The place of the `end` that belongs to the block whose nodes begin at `start`.
fn end_of_block(nodes: &[Node], start: usize) -> Option<usize> {
    let mut open = 1_usize;
    for (at, node) in nodes.iter().enumerate().skip(start) {
        match word(node) {
            Some("range") => open += 1,
            Some(_) => open -= 1,
            None => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}

/// The word that an action begins with.
fn word(node: &Node) -> Option<&str> {
    match node {
        Node::Action(steps) => match steps.first() {
            Some(Node::Word(word)) => Some(word),
            _ => None,
        },
        _ => None,
    }
}

/// Whether words stand where they are not expected: behind other steps, with steps behind `end`, or in
/// filters and unions; or are none that is known.
fn has_inner_words(node: &Node) -> bool {
    let Node::Action(steps) = node else { return false };
    let rest = match steps.split_first() {
        Some((Node::Word(word), rest)) => {
            if !(word == "range" || word == "end" && rest.is_empty()) {
                return true;
            }
            rest
        }
        _ => steps,
    };
    rest.iter().any(mentions_word)
}

fn mentions_word(node: &Node) -> bool {
    match node {
        Node::Word(_) => true,
        Node::Action(nodes) => nodes.iter().any(mentions_word),
        Node::Filter(filter) => filter.left.iter().chain(&filter.right).any(mentions_word),
        Node::Union(parts) => parts.iter().flatten().any(mentions_word),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// What a template prints item by item; none where it cannot, or where it fails.
    fn streamed(path: &JsonPath, items: &[Value]) -> Option<String> {
        let around = list(&[]);
        let mut split = path.split("items", &around)?;
        let mut out = Vec::new();
        split.prefix(&mut out).unwrap();
        for item in items {
            split.item(item, &mut out).unwrap().ok()?;
        }
        split.suffix(&mut out).unwrap();
        Some(String::from_utf8(out).unwrap())
    }

    fn whole(path: &JsonPath, items: &[Value]) -> Option<String> {
        let mut out = Vec::new();
        path.execute(&list(items), &mut out).unwrap().ok()?;
        Some(String::from_utf8(out).unwrap())
    }

    fn list(items: &[Value]) -> Value {
        json!({"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": ""}})
    }

    #[test]
    fn knows_what_it_can_split() {
        let around = list(&[]);
        for (template, can) in [
            ("{range .items[*]}{.a}{\"\\n\"}{end}", true),
            ("{.kind}: {range .items[*]}{range .c[*]}{.d}{end},{end} {.metadata.resourceVersion}", true),
            ("{.items[*].metadata.name}", true),
            ("{.items[*]}", true),
            ("{.items.*.a}", true),
            ("{$.items[:].a}", true),
            ("{.items[*].c[?(@.d==1)].e}", true),
            ("{.items[0].a}", false),
            ("{.items[?(@.a)].b}", false),
            ("{range .items[*]}{.a}{end}{range .items[*]}{.b}{end}", false),
            ("{.items[*]['a','b']}", false),
            ("{..a}", false),
            ("{range .items[*]}{.a}", false),
            ("{range .items[*]}{.a}{end}{end}", false),
            ("{.kind}", false),
            ("{@}", false),
            ("{.nosuch}{.items[*].a}", true),
        ] {
            let path = JsonPath::parse(template).unwrap().allow_missing_keys(true);
            assert_eq!(path.split("items", &around).is_some(), can, "{template}");
        }
        let strict = JsonPath::parse("{.nosuch}{range .items[*]}{.a}{end}").unwrap();
        assert!(strict.split("items", &around).is_none());
    }

    #[test]
    fn an_empty_slice_ends_the_search_as_in_kubectl() {
        let items = [json!({"c": [1, 2]}), json!({"c": []}), json!({"c": [3]})];
        let path = JsonPath::parse("{.items[*].c[*]}").unwrap().allow_missing_keys(true);
        assert_eq!(streamed(&path, &items).as_deref(), Some("1 2"));
        assert_eq!(whole(&path, &items).as_deref(), Some("1 2"));
    }

    fn templates() -> impl Strategy<Value = String> {
        let step = "\\.a|\\.b|\\.c|\\[\\*\\]|\\[0\\]|\\[-1\\]|\\[1:\\]|\\[0:2\\]|\\[::2\\]|\\.\\*|\\.\\.|\\[\\?\\(@\\.a==1\\)\\]|\\[\\?\\(@\\.b\\)\\]|\\['a','b'\\]";
        let path = proptest::collection::vec(step, 0..4).prop_map(|steps| steps.concat());
        let part = prop_oneof![
            path.clone().prop_map(|path| format!("{{{path}}}")),
            Just("{\"x\\n\"}".to_owned()),
            Just("t ".to_owned()),
            Just("{.kind}".to_owned()),
            Just("{.none}".to_owned()),
            (path.clone(), path.clone()).prop_map(|(over, path)| format!("{{range {over}}}{{{path}}};{{end}}")),
        ];
        let parts = proptest::collection::vec(part, 0..3).prop_map(|parts| parts.concat());
        let outer = "t |\\{\\.kind\\}|\\{\\.metadata\\.x\\}|\\{\"y\"\\}|";
        prop_oneof![
            (outer, parts.clone(), outer).prop_map(|(a, body, z)| format!("{a}{{range .items[*]}}{body}{{end}}{z}")),
            (outer, path, outer).prop_map(|(a, path, z)| format!("{a}{{.items[*]{path}}}{z}")),
            (parts.clone(), parts).prop_map(|(a, b)| format!("{a}{{range .items[*]}}{a}{{end}}{b}")),
        ]
    }

    fn items() -> impl Strategy<Value = Vec<Value>> {
        let leaf = prop_oneof![Just(json!(1)), Just(json!(2)), Just(json!("s")), Just(json!(null)), Just(json!([]))];
        let value = leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[abc]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        });
        proptest::collection::vec(value, 1..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn streamed_equals_whole(template in templates(), items in items(), strict: bool) {
            let Ok(path) = JsonPath::parse(&template) else { return Ok(()) };
            let path = path.allow_missing_keys(!strict);
            let around = list(&[]);
            if path.split("items", &around).is_none() {
                return Ok(());
            }
            // An error in one is one in the other, unless an empty slice ended the search before it.
            match (streamed(&path, &items), whole(&path, &items)) {
                (Some(streamed), Some(whole)) => prop_assert_eq!(streamed, whole),
                (None, Some(_)) => prop_assert!(false, "only the streamed one fails"),
                (Some(_), None) => prop_assert!(template.contains(':') || template.contains('*'), "only the whole one fails"),
                (None, None) => {}
            }
        }

        #[test]
        fn what_is_not_wanted_does_not_matter(template in templates(), items in items()) {
            let Ok(path) = JsonPath::parse(&template) else { return Ok(()) };
            let path = path.allow_missing_keys(true);
            let Some(wanted) = path.wanted() else { return Ok(()) };
            let full = list(&items);
            let mask = crate::object::mask::Mask::of(&wanted);
            let part = mask.read(full.to_string().as_bytes()).unwrap();
            let print = |value: &Value| {
                let mut out = Vec::new();
                path.execute(value, &mut out).unwrap().ok().map(|()| out)
            };
            prop_assert_eq!(print(&part), print(&full));
        }
    }
}
