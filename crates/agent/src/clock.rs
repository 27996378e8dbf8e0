//! The one place that reads the clock.

use pumasi_units::Timestamp;

/// Now, by the system's clock. A clock before 1970 reads as 1970.
#[must_use]
#[cfg(not(target_arch = "wasm32"))]
pub fn now() -> Timestamp {
    use std::time::{SystemTime, UNIX_EPOCH};
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Now, by the system's clock. A clock before 1970 reads as 1970.
#[must_use]
#[cfg(target_arch = "wasm32")]
pub fn now() -> Timestamp {
    // Whole milliseconds, far below 2^53; a negative number becomes 0.
    Timestamp(js_sys::Date::now() as u64)
}
