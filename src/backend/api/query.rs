//! Query parameters.

use crate::object::Status;

/// A request's query, decoded. The first of several equal names counts.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`; `+` is a space. What is not properly encoded is passed over.
    pub fn parse(query: Option<&str>) -> Result<Self, Status> {
        let mut pairs = Vec::new();
        for pair in query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| super::route::decode(&text.replace('+', " ")).map(|text| text.into_owned());
            if let (Ok(key), Ok(value)) = (decode(key), decode(value)) {
                pairs.push((key, value));
            }
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter, `""` where it is absent.
    pub fn get(&self, key: &str) -> &str {
        self.0.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter says yes. Without a value it does.
    pub fn is_true(&self, key: &str) -> bool {
        self.0.iter().any(|(name, value)| name == key && !matches!(value.as_str(), "false" | "0"))
    }

    /// A number, or `None` where it is absent.
    pub fn number(&self, key: &str) -> Result<Option<i64>, Status> {
        match self.get(key) {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| Status::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))),
        }
    }

    /// Whether a write is to be tried only: `dryRun=All`.
    pub fn dry_run(&self) -> bool {
        self.all("dryRun").any(|value| value == "All")
    }
}
