//! How a process ended, as the last message of its connection says.

use std::fmt;

use crate::object::{Meta, Object};

/// The process ended with a code other than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed(pub u8);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command terminated with exit code {}", self.0)
    }
}

impl std::error::Error for Failed {}

/// Reads the final status.
///
/// # Errors
/// [`Failed`]; why the process could not be run; or what is wrong with the message.
pub(super) fn read(message: &[u8]) -> anyhow::Result<()> {
    let wrong = |what: String| anyhow::anyhow!("error stream protocol error: {what}");
    let status: Object = serde_json::from_slice(message)
        .map_err(|error| wrong(format!("{error} in {:?}", String::from_utf8_lossy(message))))?;
    match status.str_at(&["status"]) {
        "Success" => return Ok(()),
        "Failure" => {}
        other => return Err(wrong(format!("unknown status {other:?}"))),
    }
    if status.str_at(&["reason"]) != "NonZeroExitCode" {
        anyhow::bail!("{}", status.str_at(&["message"]));
    }
    if status.at(&["details"]).is_none() {
        return Err(wrong("details must be set".to_owned()));
    }
    let causes = status.list_at(&["details", "causes"]);
    let cause = causes.iter().find(|cause| cause.str_at(&["reason"]) == "ExitCode");
    let code = cause.ok_or_else(|| wrong("no ExitCode cause given".to_owned()))?.str_at(&["message"]);
    let code: u8 = code.parse().map_err(|_| wrong(format!("invalid exit code value {code:?}")))?;
    Err(Failed(code).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_how_it_ended() {
        for (message, want) in [
            (r#"{"metadata":{},"status":"Success"}"#, ""),
            (
                r#"{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}"#,
                "command terminated with exit code 3",
            ),
            (r#"{"status":"Failure","reason":"InternalError","message":"no such thing"}"#, "no such thing"),
            (r#"{"status":"Failure","reason":"NonZeroExitCode"}"#, "error stream protocol error: details must be set"),
            (
                r#"{"status":"Failure","reason":"NonZeroExitCode","details":{}}"#,
                "error stream protocol error: no ExitCode cause given",
            ),
            (
                r#"{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"x"}]}}"#,
                "error stream protocol error: invalid exit code value \"x\"",
            ),
            ("{}", "error stream protocol error: unknown status \"\""),
        ] {
            let said = read(message.as_bytes()).err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(said, want, "{message}");
        }
        let code = read(br#"{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"137"}]}}"#);
        assert_eq!(code.expect_err("failed").downcast_ref(), Some(&Failed(137)));
    }

    proptest! {
        #[test]
        fn never_panics(message in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&message);
        }
    }
}
