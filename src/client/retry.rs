//! When a request is sent again: a server that is busy says when, and a connection that broke before an
//! answer came is made anew for requests that change nothing (client-go's `with_retry.go`).

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use tokio::time::Instant;

use super::error::{is_end, is_timeout};
use super::log::Value;
use super::request::Call;
use super::transport::Body;
use super::{Client, ConnectionError, from_box};

/// As often as client-go.
const RETRIES: u64 = 10;
/// How long to wait after a connection broke.
const PAUSE: Duration = Duration::from_secs(1);

/// Seconds after which a busy server wants to be asked again.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// What is done where no answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It is an error.
    Told,
    /// What only reads is asked again while there is time.
    Again,
    /// It is asked again; that an answer does not come in time is a reason too.
    Watched,
}

impl Broken {
    fn mends(self, method: &Method, fault: &ConnectionError) -> bool {
        match self {
            Self::Told => false,
            Self::Again => fault.transient && method == Method::GET,
            Self::Watched => is_end(&fault.message) || is_timeout(&fault.message),
        }
    }
}

impl Client {
    /// Begins a watch. None where connections break, or nothing comes in time, again and again: for client-go that is a
    /// watch in which nothing happens.
    pub(super) async fn open_watch(&self, call: Call) -> anyhow::Result<Option<Response<Body>>> {
        match self.send_with(call, Broken::Watched).await {
            Ok(response) => Ok(Some(response)),
            Err(error) => match error.downcast_ref::<ConnectionError>() {
                Some(fault) if Broken::Watched.mends(&Method::GET, fault) => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Sends a request until there is an answer to give.
    pub(super) async fn persist(&self, request: Request<Bytes>, broken: Broken) -> anyhow::Result<Response<Body>> {
        // Watches have no time for all attempts, but each of them has.
        let timeout = self.timeout.filter(|_| broken != Broken::Watched);
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut attempt = 0;
        let mut before: Option<String> = None;
        loop {
            attempt += 1;
            let (answer, pause, why) = match self.transport.send(request.clone()).await.map_err(from_box) {
                Ok(response) => {
                    self.note_warnings(response.headers());
                    let status = response.status();
                    let busy = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
                    let pause = retry_after(response.headers()).filter(|_| busy).map(Duration::from_secs);
                    (Ok(response), pause, status.to_string())
                }
                Err(error) => {
                    let fault = error.downcast_ref::<ConnectionError>();
                    let pause = fault.is_some_and(|fault| broken.mends(request.method(), fault)).then_some(PAUSE);
                    let why = error.downcast_ref::<ConnectionError>().map(|fault| fault.message.clone());
                    (Err(error), pause, why.unwrap_or_default())
                }
            };
            let Some(pause) = pause.filter(|_| attempt <= RETRIES) else {
                // What failed before is said too, where that was something else.
                return answer.map_err(|error| match before {
                    Some(before)
                        if error.downcast_ref::<ConnectionError>().is_some_and(|own| own.message != before) =>
                    {
                        anyhow::anyhow!("{error} - error from a previous attempt: {before}")
                    }
                    _ => error,
                });
            };
            if let Some(deadline) = deadline
                && Instant::now() + pause > deadline
            {
                // It would not live to see the next.
                tokio::time::sleep_until(deadline).await;
                let asked = answer.err().and_then(|error| error.downcast::<ConnectionError>().ok());
                let asked = asked.map_or_else(String::new, |fault| format!("{}: ", fault.request));
                anyhow::bail!("{asked}context deadline exceeded - error from a previous attempt: {why}");
            }
            before = Some(why.clone());
            if let Some(log) = self.log.as_ref().filter(|log| log.level("with_retry") >= 4) {
                let delay = format!("{}s", pause.as_secs());
                let url = request.uri().to_string();
                log.say(
                    "with_retry.go:234",
                    "Got a Retry-After response",
                    &[
                        ("delay", Value::Text(&delay)),
                        ("attempt", Value::Number(attempt.into())),
                        ("url", Value::Text(&url)),
                    ],
                );
            }
            drop(answer);
            tokio::time::sleep(pause).await;
        }
    }
}
