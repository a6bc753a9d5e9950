//! Field selectors: `--field-selector`, `fieldSelector=`. Source: `apimachinery/pkg/fields`.

use std::fmt;

/// One comparison of a field with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The field: `metadata.name`, `status.phase`.
    pub field: String,
    /// The value.
    pub value: String,
    /// Whether the field must have the value (`=`), or must not (`!=`).
    pub equal: bool,
}

/// All terms must hold.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FieldSelector(pub Vec<Term>);

/// Why a text is not a field selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSelectorError(String);

impl fmt::Display for FieldSelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FieldSelectorError {}

impl FieldSelector {
    /// Reads `a=b,c!=d`; `\`, `,` and `=` in values are escaped with a backslash.
    pub fn parse(text: &str) -> Result<Self, FieldSelectorError> {
        let mut parts = split_terms(text);
        parts.sort_unstable();
        let mut terms = Vec::new();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let operator = part.char_indices().find_map(|(at, _)| {
                let rest = part.get(at..)?;
                ["!=", "==", "="].into_iter().find(|operator| rest.starts_with(operator)).map(|operator| (at, operator))
            });
            let Some((at, operator)) = operator else {
                return Err(FieldSelectorError(format!("invalid selector: '{text}'; can't understand '{part}'")));
            };
            let value = unescape(part.get(at + operator.len()..).unwrap_or(""))?;
            let field = part.get(..at).unwrap_or("").to_owned();
            terms.push(Term { field, value, equal: operator != "!=" });
        }
        Ok(Self(terms))
    }

    /// Whether everything matches.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether fields, given as a lookup (absent ones as `""`), match.
    pub fn matches<'a>(&self, lookup: impl Fn(&str) -> std::borrow::Cow<'a, str>) -> bool {
        self.0.iter().all(|term| (lookup(&term.field) == term.value.as_str()) == term.equal)
    }

    /// The value that a field must have, where the selector pins it: a list by `metadata.name` is a get.
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|term| term.equal && term.field == field).map(|term| term.value.as_str())
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let operator = if term.equal { "=" } else { "!=" };
            write!(f, "{comma}{}{operator}{}", term.field, escape(&term.value))?;
        }
        Ok(())
    }
}

/// A value with what has a meaning in selectors escaped.
pub fn escape(value: &str) -> String {
    value.replace('\\', r"\\").replace(',', r"\,").replace('=', r"\=")
}

fn split_terms(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(move |c| {
        let separator = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        separator
    })
    .collect()
}

fn unescape(text: &str) -> Result<String, FieldSelectorError> {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    let bad =
        |sequence: &str| FieldSelectorError(format!("invalid field selector: invalid escape sequence: {sequence}"));
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => value.push(c),
                Some(c) => return Err(bad(&format!("\\{c}"))),
                None => return Err(bad("\\")),
            },
            // The code point is what the original prints.
            ',' | '=' => {
                return Err(FieldSelectorError(format!(
                    "invalid field selector: unescaped character in value: {}",
                    u32::from(c)
                )));
            }
            c => value.push(c),
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_matches_and_writes() {
        let selector = FieldSelector::parse(r"b!=2,a==1,,c=x\,y").expect("a selector");
        assert_eq!(selector.to_string(), r"a=1,b!=2,c=x\,y");
        assert_eq!(selector.exact("c"), Some("x,y"));
        let with = |b: &'static str| {
            selector.matches(move |field| match field {
                "a" => "1".into(),
                "b" => b.into(),
                _ => "x,y".into(),
            })
        };
        assert!(with("3"));
        assert!(!with("2"));
    }

    #[test]
    fn refuses_in_the_known_words() {
        for (text, want) in [
            ("a", "invalid selector: 'a'; can't understand 'a'"),
            ("a=b=c", "invalid field selector: unescaped character in value: 61"),
            (r"a=\b", r"invalid field selector: invalid escape sequence: \b"),
        ] {
            assert_eq!(FieldSelector::parse(text).expect_err(text).to_string(), want);
        }
    }

    proptest! {
        #[test]
        fn escaping_round_trips(value in "\\PC{0,12}") {
            let selector = FieldSelector(vec![Term { field: "a".into(), value, equal: true }]);
            prop_assert_eq!(FieldSelector::parse(&selector.to_string()), Ok(selector));
        }
    }
}
