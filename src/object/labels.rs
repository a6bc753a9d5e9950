//! Label selectors: what `-l`, `labelSelector=` and `LabelSelector` objects say, and what they match.

mod parse;

use crate::go::quote::quote;
use std::fmt;

use super::{Meta, Object, names};

/// How a requirement compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `key=value`
    Equals,
    /// `key==value`
    DoubleEquals,
    /// `key!=value`: also where the key is absent.
    NotEquals,
    /// `key in (a,b)`
    In,
    /// `key notin (a,b)`: also where the key is absent.
    NotIn,
    /// `key`
    Exists,
    /// `!key`
    DoesNotExist,
    /// `key>1`: both sides integers.
    GreaterThan,
    /// `key<1`: both sides integers.
    LessThan,
}

/// One condition of a selector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Requirement {
    key: String,
    operator: Operator,
    /// Sorted, without doubles.
    values: Vec<String>,
}

/// All requirements must hold; or, for [`Selector::nothing`], nothing ever matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Selector {
    requirements: Vec<Requirement>,
    nothing: bool,
}

/// Why a text or an object is not a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorError(pub(super) String);

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SelectorError {}

impl Requirement {
    /// A requirement with its key and values checked; complaints are worded as by apimachinery's
    /// `NewRequirement`.
    pub fn new(key: &str, operator: Operator, values: Vec<String>) -> Result<Self, SelectorError> {
        let mut faults = Vec::new();
        faults.extend(key_fault("key", key));
        let list = || format!("[{}]", values.iter().map(|value| quote(value)).collect::<Vec<_>>().join(","));
        match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                faults.push(format!(
                    "values: Invalid value: {}: for 'in', 'notin' operators, values set can't be empty",
                    list()
                ));
            }
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
                faults.push(format!(
                    "values: Invalid value: {}: exact-match compatibility requires one single value",
                    list()
                ));
            }
            Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                faults.push(format!(
                    "values: Invalid value: {}: values set must be empty for exists and does not exist",
                    list()
                ));
            }
            Operator::GreaterThan | Operator::LessThan => {
                if values.len() != 1 {
                    faults.push(format!(
                        "values: Invalid value: {}: for 'Gt', 'Lt' operators, exactly one value is required",
                        list()
                    ));
                }
                for (index, value) in values.iter().enumerate().filter(|(_, value)| value.parse::<i64>().is_err()) {
                    faults.push(format!(
                        "values[{index}]: Invalid value: {}: for 'Gt', 'Lt' operators, the value must be an integer",
                        quote(value)
                    ));
                }
            }
            _ => {}
        }
        for (index, value) in values.iter().enumerate() {
            let complaints = names::label_value(value);
            if !complaints.is_empty() {
                faults.push(format!(
                    "values[{index}][{key}]: Invalid value: {}: {}",
                    quote(value),
                    complaints.join("; ")
                ));
            }
        }
        match faults.as_slice() {
            [] => {
                let mut values = values;
                values.sort_unstable();
                values.dedup();
                Ok(Self { key: key.to_owned(), operator, values })
            }
            [only] => Err(SelectorError(only.clone())),
            _ => Err(SelectorError(format!("[{}]", faults.join(", ")))),
        }
    }

    /// The label's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How it compares.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// What it compares with, sorted.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether labels, given as a lookup, meet the requirement.
    fn matches<'a>(&self, lookup: &impl Fn(&str) -> Option<&'a str>) -> bool {
        let has = |value: &str| self.values.iter().any(|wanted| wanted == value);
        let value = lookup(&self.key);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => value.is_some_and(has),
            Operator::NotIn | Operator::NotEquals => !value.is_some_and(has),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan | Operator::LessThan => {
                let left = value.and_then(|value| value.parse::<i64>().ok());
                let right = self.values.first().and_then(|value| value.parse::<i64>().ok());
                let (Some(left), Some(right)) = (left, right) else { return false };
                if self.operator == Operator::GreaterThan { left > right } else { left < right }
            }
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let values = self.values.join(",");
        match self.operator {
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

impl Selector {
    /// Matches everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Matches nothing.
    pub fn nothing() -> Self {
        Self { requirements: Vec::new(), nothing: true }
    }

    /// All of these requirements.
    pub fn of(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self { requirements, nothing: false }
    }

    /// Reads the text form: `app=web,tier in (a,b),!old`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        parse::parse(text).map(Self::of)
    }

    /// Equality with every entry of a map, unchecked: the selector of a Service or ReplicationController.
    pub fn from_map<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let equal = |(key, value): (&str, &str)| Requirement {
            key: key.to_owned(),
            operator: Operator::Equals,
            values: vec![value.to_owned()],
        };
        Self::of(labels.into_iter().map(equal).collect())
    }

    /// Reads a `LabelSelector` object. Absent (or null) selects nothing, an empty one everything.
    pub fn from_object(selector: Option<&Object>) -> Result<Self, SelectorError> {
        let Some(selector) = selector.filter(|selector| !selector.is_null()) else { return Ok(Self::nothing()) };
        let mut requirements = Vec::new();
        for (key, value) in selector.map_at(&["matchLabels"]) {
            requirements.push(Requirement::new(key, Operator::Equals, vec![value.to_owned()])?);
        }
        for expression in selector.list_at(&["matchExpressions"]) {
            let operator = match expression.str_at(&["operator"]) {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => {
                    return Err(SelectorError(format!("{} is not a valid label selector operator", quote(other))));
                }
            };
            let values = expression.list_at(&["values"]).iter().filter_map(Object::as_str).map(str::to_owned).collect();
            requirements.push(Requirement::new(expression.str_at(&["key"]), operator, values)?);
        }
        Ok(Self::of(requirements))
    }

    /// The `LabelSelector` object that says the same (`metav1.ParseToLabelSelector`).
    pub fn to_object(&self) -> Result<Object, SelectorError> {
        let mut labels = serde_json::Map::new();
        let mut expressions = Vec::new();
        for requirement in &self.requirements {
            let operator = match requirement.operator {
                Operator::Equals | Operator::DoubleEquals => {
                    let value = requirement.values.first().cloned().unwrap_or_default();
                    labels.insert(requirement.key.clone(), value.into());
                    continue;
                }
                Operator::In => "In",
                Operator::NotIn => "NotIn",
                Operator::Exists => "Exists",
                Operator::DoesNotExist => "DoesNotExist",
                Operator::NotEquals => return Err(unsupported("!=")),
                Operator::GreaterThan => return Err(unsupported("gt")),
                Operator::LessThan => return Err(unsupported("lt")),
            };
            let mut expression = serde_json::json!({"key": requirement.key, "operator": operator});
            if !requirement.values.is_empty() {
                expression["values"] = requirement.values.clone().into();
            }
            expressions.push(expression);
        }
        let mut object = serde_json::Map::new();
        if !labels.is_empty() {
            object.insert("matchLabels".into(), labels.into());
        }
        if !expressions.is_empty() {
            object.insert("matchExpressions".into(), expressions.into());
        }
        Ok(object.into())
    }

    /// Whether everything matches.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// Whether nothing matches.
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// The requirements, sorted by key.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether an object's labels match.
    pub fn matches(&self, object: &Object) -> bool {
        self.matches_labels(object.at(&["metadata", "labels"]))
    }

    /// Whether a map of labels matches; no map is an empty one.
    pub fn matches_labels(&self, labels: Option<&Object>) -> bool {
        let labels = labels.and_then(Object::as_object);
        self.matches_with(|key| labels?.get(key)?.as_str())
    }

    /// Whether labels, given as a lookup, match.
    pub fn matches_with<'a>(&self, lookup: impl Fn(&str) -> Option<&'a str>) -> bool {
        !self.nothing && self.requirements.iter().all(|requirement| requirement.matches(&lookup))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// A `LabelSelector` object for people, as tables and `describe` show it (`metav1.FormatLabelSelector`).
pub fn format_selector(selector: Option<&Object>) -> String {
    match Selector::from_object(selector) {
        Ok(selector) if selector.to_string().is_empty() => "<none>".to_owned(),
        Ok(selector) => selector.to_string(),
        Err(_) => "<error>".to_owned(),
    }
}

fn unsupported(operator: &str) -> SelectorError {
    SelectorError(format!("{} is not a valid label selector operator", quote(operator)))
}

/// The fault of a key at a path of the requirement; the path is `<nil>` while a text is parsed.
fn key_fault(path: &str, key: &str) -> Option<String> {
    let complaints = names::qualified_name(key);
    (!complaints.is_empty()).then(|| format!("{path}: Invalid value: {}: {}", quote(key), complaints.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn reads_and_writes() {
        for (text, want) in [
            ("", ""),
            ("x=a,y=b,z=c", "x=a,y=b,z=c"),
            ("z=c , x = a", "x=a,z=c"),
            ("x!=a", "x!=a"),
            ("x==a", "x==a"),
            ("x=", "x="),
            ("x= ,z= ", "x=,z="),
            ("!x", "!x"),
            ("x", "x"),
            ("x>1", "x>1"),
            ("x>1,z<5", "x>1,z<5"),
            ("x in (b,a,b)", "x in (a,b)"),
            ("x in (b,,a)", "x in (,a,b)"),
            ("x in ()", "x in ()"),
            ("x notin (in,notin)", "x notin (in,notin)"),
            ("in in (in)", "in in (in)"),
            ("a.io/k notin (x)", "a.io/k notin (x)"),
        ] {
            assert_eq!(Selector::parse(text).map(|s| s.to_string()), Ok(want.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn refuses_in_the_known_words() {
        for (text, want) in [
            (",", "found ',', expected: !, identifier, or 'end of string'"),
            ("x=a||y=b", "unable to parse requirement: values[0][x]: Invalid value: \"a||y\": a valid label must be"),
            ("!x=a", "found '=', expected: ',' or 'end of string'"),
            ("x,", "found '', expected: identifier after ','"),
            ("x in", "unable to parse requirement: found '' expected: '('"),
            ("x in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            (
                "x>a",
                "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer",
            ),
            ("-x", "unable to parse requirement: <nil>: Invalid value: \"-x\": name part must consist of"),
            ("x=a=b", "found '=', expected: ',' or 'end of string'"),
        ] {
            let error = Selector::parse(text).map(|s| s.to_string()).expect_err(text).to_string();
            assert!(error.starts_with(want), "{text:?}: {error}");
        }
    }

    #[test]
    fn matches_labels() {
        let pod = json!({"metadata": {"labels": {"app": "web", "n": "5"}}});
        for (text, want) in [
            ("", true),
            ("app=web", true),
            ("app==api", false),
            ("app!=api", true),
            ("none!=api", true),
            ("app in (api,web)", true),
            ("app notin (web)", false),
            ("none notin (web)", true),
            ("app,!none", true),
            ("!app", false),
            ("n>4,n<6", true),
            ("n>5", false),
            ("app>1", false),
        ] {
            assert_eq!(Selector::parse(text).expect(text).matches(&pod), want, "{text}");
        }
        assert!(!Selector::nothing().matches(&pod));
    }

    #[test]
    fn reads_selector_objects() {
        let object = json!({"matchLabels": {"a": "b"}, "matchExpressions": [
            {"key": "c", "operator": "In", "values": ["y", "x"]}, {"key": "d", "operator": "DoesNotExist"}]});
        let selector = Selector::from_object(Some(&object)).expect("a selector");
        assert_eq!(selector.to_string(), "a=b,c in (x,y),!d");
        let back = selector.to_object().expect("an object");
        assert_eq!(Selector::from_object(Some(&back)), Ok(selector));
        assert_eq!(format_selector(None), "<none>");
        assert_eq!(format_selector(Some(&json!({"matchExpressions": [{"key": "a", "operator": "No"}]}))), "<error>");
        assert!(Selector::from_object(None).expect("nothing").is_nothing());
        assert!(Selector::from_object(Some(&json!({}))).expect("everything").is_everything());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-z!=<>(), ]{0,24}|\\PC{0,16}") {
            if let Ok(selector) = Selector::parse(&text) {
                let again = Selector::parse(&selector.to_string());
                prop_assert_eq!(again.map(|s| s.to_string()), Ok(selector.to_string()));
            }
        }
    }
}
