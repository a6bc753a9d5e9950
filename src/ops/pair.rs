//! Values of flags of the form `KEY=VALUE`.

use std::convert::Infallible;
use std::str::FromStr;

/// One pair. What has no `=` is a key without a value; the command line lets none through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// What stands before the first `=`.
    pub key: String,
    /// What stands behind it.
    pub value: String,
}

impl FromStr for Pair {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

/// The pairs, each key once: the last of a key counts, in the place of the first.
pub fn unique(pairs: &[Pair]) -> Vec<&Pair> {
    let mut unique: Vec<&Pair> = Vec::new();
    for pair in pairs {
        match unique.iter_mut().find(|known| known.key == pair.key) {
            Some(known) => *known = pair,
            None => unique.push(pair),
        }
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_key_counts() {
        let pairs = ["a=1", "b=2=3", "a=4", "c"].map(|text| text.parse::<Pair>().expect("a pair"));
        let texts: Vec<String> = unique(&pairs).iter().map(|pair| format!("{}:{}", pair.key, pair.value)).collect();
        assert_eq!(texts, ["a:4", "b:2=3", "c:"]);
    }
}
