//! What a reader of logs may ask for.

use crate::backend::kubelet::access::query;
use crate::object::{Status, Timestamp};

/// What a reader of logs asks for (`v1.PodLogOptions`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogOptions {
    /// Empty for the only container.
    pub container: String,
    /// Goes on until the container ends.
    pub follow: bool,
    /// The run before this one.
    pub previous: bool,
    /// No line older than so many seconds.
    pub since_seconds: Option<i64>,
    /// No line older than this.
    pub since_time: Option<Timestamp>,
    /// Each line with its time.
    pub timestamps: bool,
    /// Only so many last lines.
    pub tail_lines: Option<usize>,
    /// Ends after so many bytes.
    pub limit_bytes: Option<usize>,
}

impl LogOptions {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// 400 for what is no number or time.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let mut options = Self::default();
        let bad = |name: &str, value: &str| Status::bad_request(format!("invalid value {value:?} for {name}"));
        for (name, value) in query(text) {
            let flag = !matches!(value.as_str(), "false" | "0");
            let number = || value.parse::<i64>().ok().filter(|number| *number >= 0).ok_or_else(|| bad(&name, &value));
            match name.as_str() {
                "container" => options.container = value,
                "follow" => options.follow = flag,
                "previous" => options.previous = flag,
                "timestamps" => options.timestamps = flag,
                "sinceSeconds" => options.since_seconds = Some(number()?),
                "sinceTime" => options.since_time = Some(value.parse().map_err(|_| bad(&name, &value))?),
                "tailLines" => options.tail_lines = usize::try_from(number()?).ok(),
                "limitBytes" => options.limit_bytes = usize::try_from(number()?).ok(),
                _ => {}
            }
        }
        Ok(options)
    }
}
