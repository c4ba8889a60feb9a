//! The time as requests tell it.

use std::cell::Cell;

/// Seconds since 1970 in decimal digits, which are ten from 2001 to 2286.
pub type Timestamp = [u8; 10];

thread_local! {
    /// A second and its digits, which serve all requests of that second.
    static LAST: Cell<(u64, Timestamp)> = const { Cell::new((0, [b'0'; 10])) };
}

/// The time now.
pub fn now() -> Timestamp {
    digits_of(second())
}

/// The clock that the system sets a few hundred times a second, which is told without asking the processor's counter.
#[cfg(target_os = "linux")]
fn second() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::RealtimeCoarse).tv_sec.try_into().unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
fn second() -> u64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn digits_of(second: u64) -> Timestamp {
    let (last, digits) = LAST.get();
    if last == second {
        return digits;
    }
    let mut digits = [b'0'; 10];
    let mut rest = second;
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789"[(rest % 10) as usize];
        rest /= 10;
    }
    LAST.set((second, digits));
    digits
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_time_is_that_of_the_standard_library() {
        let system = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let (before, told, after) = (system(), second(), system());
        // A coarse clock is late by less than a second.
        assert!((before - 1..=after).contains(&told));
    }

    #[test]
    fn a_second_is_told_by_its_digits() {
        for second in [0, 1_764_076_751, 1_764_076_751, 1_764_076_752, 9_999_999_999] {
            assert_eq!(digits_of(second), *format!("{second:010}").as_bytes());
        }
    }
}
