//! Objects that nobody looks at, as text: one that is like another is kept as what differs.
//!
//! The pods of one controller differ in names, times and addresses, some hundred bytes of thousands. Texts are cut
//! at quotes; where two have as many pieces, piece is held against piece.

use std::sync::Arc;

/// A text, as a list of what to take over from another one, what to leave out of it, and what to put there.
#[derive(Debug)]
pub struct Packed {
    base: Arc<[u8]>,
    steps: Box<[u8]>,
}

impl Packed {
    /// A text as it differs from `base`; `None` where they are not alike.
    pub fn new(text: &[u8], base: &Arc<[u8]>) -> Option<Self> {
        let (mut own, mut others) = (pieces(text), pieces(base));
        let mut steps = Vec::new();
        let (mut same, mut left_out, mut put) = (0, 0, Vec::new());
        loop {
            match (own.next(), others.next()) {
                (Some(piece), Some(other)) if piece == other => {
                    if left_out > 0 {
                        step(&mut steps, same, left_out, &put);
                        (same, left_out) = (0, 0);
                        put.clear();
                    }
                    same += piece.len();
                }
                (Some(piece), Some(other)) => {
                    left_out += other.len();
                    put.extend_from_slice(piece);
                }
                (None, None) => break,
                _ => return None,
            }
        }
        step(&mut steps, same, left_out, &put);
        (steps.len() < text.len()).then(|| Self { base: Arc::clone(base), steps: steps.into() })
    }

    /// The text.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.base.len() + self.steps.len());
        let (mut steps, mut base) = (&*self.steps, &*self.base);
        while !steps.is_empty() {
            let [same, left_out, put] = [(); 3].map(|()| number(&mut steps));
            text.extend_from_slice(cut(&mut base, same));
            cut(&mut base, left_out);
            text.extend_from_slice(cut(&mut steps, put));
        }
        text
    }
}

fn pieces(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'"')
}

fn step(steps: &mut Vec<u8>, same: usize, left_out: usize, put: &[u8]) {
    for mut number in [same, left_out, put.len()] {
        // Seven bits a byte, the lowest first.
        while number >= 0x80 {
            steps.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        steps.push(number as u8);
    }
    steps.extend_from_slice(put);
}

fn number(steps: &mut &[u8]) -> usize {
    let mut number = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let [byte] = *cut(steps, 1) else { break };
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}

/// Takes that many bytes off the start, or all that are left.
fn cut<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(count.min(bytes.len()));
    *bytes = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_what_differs() {
        let pod = |name: &str, time: u32| {
            format!(
                r#"{{"metadata":{{"name":"web-{name}","time":{time}}},"spec":{{"containers":[{{"name":"web"}}]}}}}"#
            )
        };
        let base: Arc<[u8]> = pod("a", 1).into_bytes().into();
        let text = pod("bcd", 200);
        let packed = Packed::new(text.as_bytes(), &base).expect("alike");
        assert_eq!(packed.text(), text.as_bytes());
        assert!(packed.steps.len() < 40, "{}", packed.steps.len());
        assert_eq!(Packed::new(&base, &base).expect("alike").text(), *base);
        assert!(Packed::new(b"{}", &base).is_none());
        assert!(Packed::new(br#"{"a":"b"}"#, &base).is_none());
    }

    proptest! {
        #[test]
        fn comes_back_as_it_was(text in "[ab\"\\\\]{0,400}", base in "[ab\"\\\\]{0,400}", edits in prop::collection::vec((any::<prop::sample::Index>(), "[abc]{0,3}"), 0..5)) {
            let shared: Arc<[u8]> = base.as_bytes().into();
            let mut edited = base.clone();
            for (at, with) in edits {
                let at = at.index(edited.len() + 1);
                edited.insert_str(at, &with);
            }
            for text in [&text, &edited] {
                if let Some(packed) = Packed::new(text.as_bytes(), &shared) {
                    prop_assert_eq!(packed.text(), text.as_bytes());
                }
            }
        }
    }
}
