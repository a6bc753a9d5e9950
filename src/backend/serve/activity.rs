//! Whether anybody still uses a server, for one that ends when nobody does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Response;
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use crate::backend::kubelet::access::Body;

/// The requests of a server. Clones count together.
#[derive(Clone)]
pub(super) struct Activity(Arc<State>);

struct State {
    in_use: AtomicUsize,
    last: Mutex<Instant>,
}

/// A request that is not answered to its end.
pub(super) struct InUse(Activity);

impl Activity {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        Self(Arc::new(State { in_use: AtomicUsize::new(0), last: Mutex::new(Instant::now()) }))
    }

    /// A request begins.
    pub fn begin(&self) -> InUse {
        self.0.in_use.fetch_add(1, Ordering::Relaxed);
        InUse(self.clone())
    }

    /// Ends once nobody has asked for so long, and no answer goes on; never without a time.
    pub async fn rests(&self, timeout: Option<Duration>) {
        let Some(timeout) = timeout else { return std::future::pending().await };
        loop {
            let passed = self.0.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            let in_use = self.0.in_use.load(Ordering::Relaxed) > 0;
            match timeout.checked_sub(passed).filter(|left| !left.is_zero()) {
                Some(left) if !in_use => tokio::time::sleep(left).await,
                None if !in_use => return,
                // The time counts from the end of what goes on.
                _ => tokio::time::sleep(timeout.min(Duration::from_millis(500))).await,
            }
        }
    }
}

impl InUse {
    /// Another one beside it.
    pub fn again(&self) -> Self {
        self.0.begin()
    }

    /// Lasts as long as the answer's body.
    pub fn with(self, response: Response<Body>) -> Response<Body> {
        response.map(|body| {
            let held = body.map_frame(move |frame| {
                let _ = &self;
                frame
            });
            held.boxed_unsync()
        })
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        *self.0.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.0.in_use.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rests_after_the_last_answer() {
        let (activity, begun) = (Activity::new(), Instant::now());
        let request = activity.begin();
        let used = activity.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(25)).await;
            drop(request);
        });
        used.rests(Some(Duration::from_secs(10))).await;
        let after = begun.elapsed();
        assert!(after >= Duration::from_secs(35) && after < Duration::from_secs(36), "{after:?}");
    }
}
