//! Random bits for nonces, fetched from the operating system for many nonces at a time.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::error::Refusal;

/// The random bits of a nonce.
pub type Bits = u128;
/// The same in hexadecimal digits.
pub type Nonce = [u8; 32];

const SIZE: usize = 4096;

/// How many forks are behind this process.
static FORKS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { octets: [0; SIZE], left: 0, forks: 0 }) };
}

struct Pool {
    octets: [u8; SIZE],
    /// How many of them, from the first, were not handed out.
    left: usize,
    forks: u64,
}

/// Fresh random bits.
pub fn draw() -> Result<Bits, Refusal> {
    POOL.with_borrow_mut(|pool| pool.draw(FORKS.load(Ordering::Relaxed)))
}

/// To be called in a forked process, before it draws: what the parent holds is not handed out a second time.
pub fn forget() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// A nonce: 128 random bits as hexadecimal digits, those of the higher halves of their octets first.
pub fn nonce(bits: Bits) -> Nonce {
    const EACH: u128 = u128::from_ne_bytes([1; 16]);
    // Sixteen digits at once: to `0` is added what a half is, and what lies between `9` and `a` where it is above nine.
    let digits = |halves: u128| {
        let above_nine = (halves + EACH * (0x80 - 10)) >> 7 & EACH;
        halves + EACH * u128::from(b'0') + above_nine * u128::from(b'a' - b'9' - 1)
    };
    let mut nonce = [0; 32];
    let (high, low) = nonce.split_at_mut(16);
    high.copy_from_slice(&digits((bits >> 4) & (EACH * 15)).to_le_bytes());
    low.copy_from_slice(&digits(bits & (EACH * 15)).to_le_bytes());
    nonce
}

impl Pool {
    fn draw(&mut self, forks: u64) -> Result<Bits, Refusal> {
        if self.left == 0 || self.forks != forks {
            self.left = 0;
            getrandom::fill(&mut self.octets).map_err(Refusal::NoRandomBits)?;
            (self.left, self.forks) = (SIZE, forks);
        }
        self.left -= size_of::<Bits>();
        let (drawn, _) = self.octets[self.left..].split_first_chunk_mut().expect("the pool holds whole draws");
        let bits = Bits::from_le_bytes(*drawn);
        // Who reads this memory later learns no nonce of before.
        drawn.fill(0);
        Ok(bits)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    #[test]
    fn bits_differ_in_every_draw_and_thread() {
        let draws = || (0..1000).map(|_| draw().unwrap()).collect::<Vec<_>>();
        let all: HashSet<_> = thread::spawn(draws).join().unwrap().into_iter().chain(draws()).collect();
        assert_eq!(all.len(), 2000);
    }

    #[test]
    fn a_forked_pool_is_forgotten() {
        let mut pool = Pool { octets: [0; SIZE], left: 0, forks: 0 };
        pool.draw(0).unwrap();
        let (parent, left) = (pool.octets, pool.left);
        pool.draw(0).unwrap();
        assert_eq!(pool.octets[..pool.left], parent[..pool.left]);
        pool.draw(1).unwrap();
        assert_eq!(pool.left, left);
        assert_ne!(pool.octets[..left], parent[..left]);
    }

    #[test]
    fn what_was_drawn_is_wiped() {
        let mut pool = Pool { octets: [0; SIZE], left: 0, forks: 0 };
        for _ in 0..SIZE / size_of::<Bits>() {
            pool.draw(0).unwrap();
        }
        assert_eq!((pool.left, pool.octets), (0, [0; SIZE]));
    }

    #[test]
    fn a_nonce_is_its_bits_in_hexadecimal() {
        let bits = [0x0F, 0x1E, 0x2D, 0x3C, 0x4B, 0x5A, 0x69, 0x78, 0x87, 0x96, 0xA5, 0xB4, 0xC3, 0xD2, 0xE1, 0xF0];
        assert_eq!(&nonce(Bits::from_le_bytes(bits)), b"0123456789abcdeffedcba9876543210");
        assert_eq!(&nonce(Bits::MAX), &[b'f'; 32]);
    }
}
