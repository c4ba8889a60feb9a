//! Nonces, made of random bits for many at a time.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicU64, Ordering},
};

use chacha20::{
    ChaCha12Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::error::Refusal;

/// 128 random bits as hexadecimal digits.
pub type Nonce = [u8; 32];

/// How many are made at a time.
const MANY: usize = 128;

/// How many forks are behind this process.
static FORKS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { nonces: [[0; 32]; MANY], left: 0, forks: 0 }) };
}

struct Pool {
    nonces: [Nonce; MANY],
    /// How many of them, from the first, were not handed out.
    left: usize,
    forks: u64,
}

/// Writes a fresh nonce.
pub fn draw(nonce: &mut Nonce) -> Result<(), Refusal> {
    POOL.with_borrow_mut(|pool| pool.draw(nonce, FORKS.load(Ordering::Relaxed)))
}

/// To be called in a forked process, before it draws: what the parent holds is not handed out a second time.
pub fn forget() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

impl Pool {
    fn draw(&mut self, nonce: &mut Nonce, forks: u64) -> Result<(), Refusal> {
        if self.left == 0 || self.forks != forks {
            self.left = 0;
            self.fill()?;
            (self.left, self.forks) = (MANY, forks);
        }
        self.left -= 1;
        *nonce = self.nonces[self.left];
        Ok(())
    }

    /// Takes a seed from the system, from which a generator makes the bits of all nonces: the system itself would take
    /// four times as long for them.
    #[cold]
    fn fill(&mut self) -> Result<(), Refusal> {
        let (mut seed, mut bits) = ([0; 32], [0; MANY * size_of::<Nonce>() / 2]);
        getrandom::fill(&mut seed).map_err(Refusal::NoRandomBits)?;
        ChaCha12Rng::from_seed(seed).fill_bytes(&mut bits);
        for (digits, octet) in self.nonces.as_flattened_mut().chunks_exact_mut(2).zip(bits) {
            digits.copy_from_slice(&[digit(octet >> 4), digit(octet & 15)]);
        }
        Ok(())
    }
}

/// The hexadecimal digit of a value below 16.
fn digit(value: u8) -> u8 {
    value + if value < 10 { b'0' } else { b'a' - 10 }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    fn fresh() -> Nonce {
        let mut nonce = [0; 32];
        draw(&mut nonce).unwrap();
        nonce
    }

    fn empty() -> Pool {
        Pool { nonces: [[0; 32]; MANY], left: 0, forks: 0 }
    }

    #[test]
    fn nonces_differ_in_every_draw_and_thread() {
        let draws = || (0..1000).map(|_| fresh()).collect::<Vec<_>>();
        let all: HashSet<_> = thread::spawn(draws).join().unwrap().into_iter().chain(draws()).collect();
        assert_eq!(all.len(), 2000);
    }

    #[test]
    fn a_forked_pool_is_forgotten() {
        let (mut pool, nonce) = (empty(), &mut [0; 32]);
        pool.draw(nonce, 0).unwrap();
        let (parent, left) = (pool.nonces, pool.left);
        pool.draw(nonce, 0).unwrap();
        assert_eq!((*nonce, &pool.nonces[..pool.left]), (parent[left - 1], &parent[..pool.left]));
        pool.draw(nonce, 1).unwrap();
        assert_eq!(pool.left, left);
        assert!(pool.nonces[..left].iter().all(|nonce| !parent.contains(nonce)));
    }

    #[test]
    fn every_digit_stands_at_every_place() {
        assert_eq!((0..16).map(digit).collect::<Vec<_>>(), b"0123456789abcdef");
        let nonces: Vec<_> = (0..1000).map(|_| fresh()).collect();
        for place in 0..size_of::<Nonce>() {
            assert_eq!(nonces.iter().map(|nonce| nonce[place]).collect::<HashSet<_>>().len(), 16);
        }
    }
}
