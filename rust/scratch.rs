//! The memory in which a request is signed, kept for the next one of the same thread.

use std::cell::Cell;

use crate::{base_string::Target, params::Parameters, received::FormerHeader};

/// What holds more than this is given back to the system.
const MOST_KEPT: usize = 1 << 16;

thread_local! {
    static SPARE: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Buffers that grow to what requests need.
#[derive(Default)]
pub struct Scratch {
    pub parameters: Parameters,
    pub target: Target,
    pub header: FormerHeader,
    pub base_string: Vec<u8>,
    /// The header, or the signature alone.
    pub text: Vec<u8>,
}

impl Scratch {
    /// Does `work` with this thread's buffers, or with new ones if it works with them already.
    pub fn lend<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        // A thread that ends has no store any more.
        let mut scratch = SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default();
        let outcome = work(&mut scratch);
        if scratch.capacity() <= MOST_KEPT {
            let _ = SPARE.try_with(|spare| spare.set(Some(scratch)));
        }
        outcome
    }

    fn capacity(&self) -> usize {
        self.parameters
            .capacity()
            .max(self.target.capacity())
            .max(self.header.capacity())
            .max(self.base_string.capacity())
            .max(self.text.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_kept_unless_they_are_large() {
        for (size, kept) in [(MOST_KEPT, true), (MOST_KEPT + 1, false)] {
            Scratch::lend(|scratch| scratch.text = Vec::with_capacity(size));
            assert_eq!(Scratch::lend(|scratch| scratch.text.capacity()) == size, kept);
        }
    }

    #[test]
    fn work_within_work_has_buffers_of_its_own() {
        Scratch::lend(|outer| {
            outer.text.extend_from_slice(b"outer");
            Scratch::lend(|inner| inner.text.clear());
            assert_eq!(outer.text, b"outer");
        });
    }
}
