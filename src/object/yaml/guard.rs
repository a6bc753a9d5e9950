//! The scanner below us panics on a few broken texts (an escape or a tag cut off by the end). Such a
//! panic is caught and becomes an ordinary mistake of the text.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// What `parse` returns, or `None` where it panicked. Nothing is printed.
pub(super) fn guard<T>(parse: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                loud(info);
            }
        }));
    });
    GUARDED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(parse));
    GUARDED.set(false);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_a_panic_into_nothing() {
        assert_eq!(guard(|| 1), Some(1));
        assert_eq!(guard(|| -> i32 { panic!("cut off") }), None);
    }
}
