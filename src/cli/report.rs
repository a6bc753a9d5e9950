//! Errors become words and exit codes, here and nowhere else. The words are kubectl's.

use std::io;

use crate::client::ConnectionError;
use crate::client::config::{ConfigInvalid, Problem};
use crate::error::{Exit, Many, UsageError};
use crate::object::Status;
use crate::object::status::StatusDetails;

/// What is said at the end, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Lines for standard error, each ended; empty where nothing is to be said.
    pub text: String,
    /// The exit code.
    pub code: u8,
}

/// The exit code of a program that a broken pipe ended, as a shell shows it.
const BROKEN_PIPE: u8 = 141;

/// Words an error. `program` is the name that messages use, `failure` the exit code of the command's
/// errors.
pub fn report(error: &anyhow::Error, program: &str, failure: u8) -> Report {
    if let Some(Exit(code)) = error.downcast_ref::<Exit>() {
        return Report { text: String::new(), code: *code };
    }
    if is_broken_pipe(error) {
        return Report { text: String::new(), code: BROKEN_PIPE };
    }
    let mut text = words(error, program);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    Report { text, code: failure }
}

/// Whether the reader of an output went away, which is no error of ours.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

/// The outermost error as a type. An error that was wrapped in words of a command is no longer what
/// it was: `failed to create configmap: …` is said as it stands.
fn outermost<T: std::error::Error + 'static>(error: &anyhow::Error) -> Option<&T> {
    error.chain().next()?.downcast_ref()
}

fn words(error: &anyhow::Error, program: &str) -> String {
    if let Some(Many(errors)) = outermost::<Many>(error) {
        return match errors.as_slice() {
            // An aggregate within an aggregate is taken out of one of them only.
            [only] if outermost::<ConfigInvalid>(only).is_some() => unusable(outermost(only)),
            [only] => match outermost::<Many>(only) {
                Some(Many(inner)) => lines(inner),
                None => words(only, program),
            },
            errors => lines(errors),
        };
    }
    if let Some(status) = outermost::<Status>(error) {
        return if status.reason == "Invalid" { invalid(status) } else { refusal(status) };
    }
    if let Some(connection) = outermost::<ConnectionError>(error) {
        return connection.to_string();
    }
    if let Some(config) = outermost::<ConfigInvalid>(error) {
        return match config.0.as_slice() {
            [Problem::Other(problem)] => prefixed(problem),
            _ => unusable(Some(config)),
        };
    }
    if let Some(usage) = outermost::<UsageError>(error) {
        let path = [program, &usage.command].join(" ");
        let see = format!("See '{}' for help and examples", format_args!("{} -h", path.trim_end()));
        return format!("{}\n{see}", prefixed(&usage.message));
    }
    prefixed(&format!("{error:#}"))
}

/// Several errors, a line each.
fn lines(errors: &[anyhow::Error]) -> String {
    errors.iter().map(|error| format!("{}\n", plain(error))).collect()
}

/// A configuration that cannot be used, with all that is wrong with it.
fn unusable(config: Option<&ConfigInvalid>) -> String {
    const HEADING: &str = "Error in configuration: ";
    match config.map(|config| config.0.as_slice()).unwrap_or_default() {
        [problem] => format!("{HEADING}{problem}"),
        problems => problems.iter().fold(format!("{HEADING}\n"), |text, problem| text + &format!("* {problem}\n")),
    }
}

/// `error: MESSAGE`, unless the message says so itself.
fn prefixed(message: &str) -> String {
    if message.starts_with("error: ") { message.to_owned() } else { format!("error: {message}") }
}

/// One of several errors: no prefix, but the server's refusals in full.
fn plain(error: &anyhow::Error) -> String {
    if let Some(connection) = outermost::<ConnectionError>(error) {
        return connection.to_string();
    }
    outermost::<Status>(error).map_or_else(|| format!("{error:#}"), refusal)
}

fn refusal(status: &Status) -> String {
    match status.reason.as_str() {
        "Unauthorized" => format!("error: You must be logged in to the server ({})", status.message),
        "" => format!("Error from server: {}", status.message),
        reason => format!("Error from server ({reason}): {}", status.message),
    }
}

/// A refused object: `The Pod "x" is invalid: ` and the faults, a line each where there are several.
fn invalid(status: &Status) -> String {
    let Some(details) = &status.details else {
        return match status.message.as_str() {
            "" => "The request is invalid".to_owned(),
            message => format!("The request is invalid: {message}"),
        };
    };
    let subject = match &**details {
        StatusDetails { kind, name, .. } if !kind.is_empty() || !name.is_empty() => {
            format!("The {kind} {} is invalid", crate::go::quote::quote(name))
        }
        StatusDetails { causes, .. } if causes.is_empty() && !status.message.is_empty() => {
            format!("The request is invalid: {}", status.message)
        }
        _ => "The request is invalid".to_owned(),
    };
    let mut faults: Vec<String> = Vec::new();
    for cause in &details.causes {
        let fault = format!("{}: {}", cause.field, cause.message);
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    match faults.as_slice() {
        [] => subject,
        [fault] => format!("{subject}: {fault}\n"),
        faults => {
            let lines: String = faults.iter().map(|fault| format!("* {fault}\n")).collect();
            format!("{subject}: \n{lines}")
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;
    use crate::object::status::StatusCause;

    fn said(error: anyhow::Error) -> (String, u8) {
        let report = report(&error, "kubectl", 1);
        (report.text, report.code)
    }

    fn refused(causes: &[(&str, &str)]) -> Status {
        let mut status = Status::failure(422, "Invalid", "Pod \"x\" is invalid: …");
        status.details = Some(Box::new(StatusDetails {
            name: "x".into(),
            kind: "Pod".into(),
            causes: causes
                .iter()
                .map(|(field, message)| StatusCause {
                    field: (*field).into(),
                    message: (*message).into(),
                    reason: "FieldValueInvalid".into(),
                })
                .collect(),
            ..StatusDetails::default()
        }));
        status
    }

    #[test]
    fn words_errors_as_kubectl_does() {
        let not_found = || Status::not_found("pods", "x");
        let mut unauthorized = not_found();
        unauthorized.reason = "Unauthorized".into();
        unauthorized.message = "Unauthorized".into();
        let mut reasonless = not_found();
        reasonless.reason = String::new();
        let mut bare = Status::failure(422, "Invalid", "no");
        for (error, want, code) in [
            (anyhow!("no such thing"), "error: no such thing\n", 1),
            (anyhow!("error: said already"), "error: said already\n", 1),
            (anyhow!("inner").context("outer"), "error: outer: inner\n", 1),
            (not_found().into(), "Error from server (NotFound): pods \"x\" not found\n", 1),
            (
                anyhow::Error::new(not_found()).context("failed to create pod"),
                "error: failed to create pod: pods \"x\" not found\n",
                1,
            ),
            (unauthorized.into(), "error: You must be logged in to the server (Unauthorized)\n", 1),
            (reasonless.into(), "Error from server: pods \"x\" not found\n", 1),
            (bare.clone().into(), "The request is invalid: no\n", 1),
            (refused(&[]).into(), "The Pod \"x\" is invalid\n", 1),
            (refused(&[("spec.a", "no"), ("spec.a", "no")]).into(), "The Pod \"x\" is invalid: spec.a: no\n", 1),
            (
                refused(&[("spec.a", "no"), ("spec.b", "no")]).into(),
                "The Pod \"x\" is invalid: \n* spec.a: no\n* spec.b: no\n",
                1,
            ),
            (
                Many(vec![not_found().into(), anyhow!("second")]).into(),
                "Error from server (NotFound): pods \"x\" not found\nsecond\n",
                1,
            ),
            (Many(vec![anyhow!("only")]).into(), "error: only\n", 1),
            (
                UsageError { command: "rollout status".into(), message: "no".into() }.into(),
                "error: no\nSee 'kubectl rollout status -h' for help and examples\n",
                1,
            ),
            (
                ConfigInvalid(vec![Problem::ContextNotFound("x".into())]).into(),
                "Error in configuration: context was not found for specified context: x\n",
                1,
            ),
            (ConfigInvalid(vec![Problem::Other("no server".into())]).into(), "error: no server\n", 1),
            (
                Many(vec![ConfigInvalid(vec![Problem::Other("no user".into())]).into()]).into(),
                "Error in configuration: no user\n",
                1,
            ),
            (
                ConfigInvalid(vec![Problem::Other("a".into()), Problem::Other("b".into())]).into(),
                "Error in configuration: \n* a\n* b\n",
                1,
            ),
            (
                ConnectionError { refused: true, ..ConnectionError::says("h:1", "") }.into(),
                "The connection to the server h:1 was refused - did you specify the right host or port?\n",
                1,
            ),
            (Exit(7).into(), "", 7),
            (Err::<(), _>(io::Error::from(io::ErrorKind::BrokenPipe)).context("writing").unwrap_err(), "", BROKEN_PIPE),
        ] {
            assert_eq!(said(error), (want.to_owned(), code));
        }
        bare.message.clear();
        assert_eq!(said(bare.into()).0, "The request is invalid\n");
        assert_eq!(report(&anyhow!("x"), "kubectl", 2).code, 2);
    }
}
