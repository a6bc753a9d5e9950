//! The table of stages: how long a pod or container stays in a state, and what is said at its end.
//! `data/stages.yaml` holds it; its head describes the fields.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use serde::Deserialize;

use super::chance;

/// One row of the table.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    stage: String,
    #[serde(default)]
    delay: u64,
    #[serde(default)]
    jitter: u64,
    /// The reason of a container's waiting state from then on.
    #[serde(default)]
    pub reason: String,
    /// The message of that state, a template.
    #[serde(default)]
    pub message: String,
    /// What is reported, in this order.
    #[serde(default)]
    pub events: Vec<EventRule>,
}

/// An event of a stage.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRule {
    /// Whether it is a warning.
    pub r#type: EventType,
    /// One word for machines.
    pub reason: String,
    /// For people, a template.
    pub message: String,
}

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum EventType {
    /// Nothing to worry about.
    Normal,
    /// Something to look at.
    Warning,
}

impl EventType {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

impl Stage {
    /// How long the state lasts for the pod with this UID.
    pub fn delay(&self, uid: &str) -> Duration {
        let jitter = if self.jitter == 0 { 0 } else { chance::below(self.jitter, &[uid, &self.stage]) };
        Duration::from_millis(self.delay + jitter)
    }
}

/// The whole table.
pub struct Stages(HashMap<String, Stage>);

impl Stages {
    /// The table that comes with the program.
    pub fn bundled() -> &'static Self {
        static STAGES: OnceLock<Stages> = OnceLock::new();
        STAGES.get_or_init(|| Self::parse(include_str!("data/stages.yaml")).unwrap_or_else(|_| Self(HashMap::new())))
    }

    /// Reads a table in the form of `data/stages.yaml`.
    ///
    /// # Errors
    /// YAML that does not fit.
    pub fn parse(yaml: &str) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Table {
            stages: Vec<Stage>,
        }
        let table: Table = serde_yaml::from_str(yaml)?;
        Ok(Self(table.stages.into_iter().map(|stage| (stage.stage.clone(), stage)).collect()))
    }

    /// The row of a stage; an empty one (at once, nothing said) if the table has none.
    pub fn get(&self, stage: &str) -> &Stage {
        static NOTHING: OnceLock<Stage> = OnceLock::new();
        self.0.get(stage).unwrap_or_else(|| NOTHING.get_or_init(Stage::default))
    }
}

/// Fills `{name}` in a template. A name that is not given stays as it is.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        out.push_str(before);
        let value = from.find('}').and_then(|close| {
            let name = from.get(1..close)?;
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, from.get(close + 1..)?))
        });
        match value {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => {
                out.push('{');
                rest = from.get(1..).unwrap_or("");
            }
        }
    }
    out.push_str(rest);
    out
}

/// A duration as Go prints it: `1.234s`, `350ms`, `1m20s`, `5m0s`.
pub fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let millis = duration.subsec_millis();
    if seconds == 0 {
        return if millis == 0 { "0s".into() } else { format!("{millis}ms") };
    }
    let mut out = String::new();
    if seconds >= 3600 {
        let _ = write!(out, "{}h", seconds / 3600);
    }
    if seconds >= 60 {
        let _ = write!(out, "{}m", seconds / 60 % 60);
    }
    let _ = write!(out, "{}", seconds % 60);
    if millis > 0 {
        let fraction = format!("{millis:03}");
        let _ = write!(out, ".{}", fraction.trim_end_matches('0'));
    }
    out + "s"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_table_parses() {
        let stages = Stages::parse(include_str!("data/stages.yaml")).expect("a table");
        assert_eq!(stages.get("started").events.len(), 2);
        assert!(stages.get("no such").events.is_empty());
        let delay = stages.get("accepted").delay("u");
        assert_eq!(delay, stages.get("accepted").delay("u"));
        assert!((300..600).contains(&delay.as_millis()));
    }

    #[test]
    fn fills_templates() {
        assert_eq!(fill("a {b} {c} {", &[("b", "x{c}"), ("d", "")]), "a x{c} {c} {");
        assert_eq!(fill("{ä}{b", &[("b", "x")]), "{ä}{b");
    }

    #[test]
    fn durations_like_go() {
        for (millis, text) in [
            (0, "0s"),
            (350, "350ms"),
            (1200, "1.2s"),
            (10_000, "10s"),
            (300_000, "5m0s"),
            (81_050, "1m21.05s"),
            (3_600_000, "1h0m0s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }
}
