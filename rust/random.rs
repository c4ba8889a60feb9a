//! Random bits for nonces, fetched from the operating system for many nonces at a time.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicU64, Ordering},
};

use getrandom::Error;

/// The random bits of a nonce.
pub type Bits = [u8; 16];

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
pub fn draw() -> Result<Bits, Error> {
    POOL.with_borrow_mut(|pool| pool.draw(FORKS.load(Ordering::Relaxed)))
}

/// To be called in a forked process, before it draws: what the parent holds is not handed out a second time.
pub fn forget() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

impl Pool {
    fn draw(&mut self, forks: u64) -> Result<Bits, Error> {
        if self.left == 0 || self.forks != forks {
            self.left = 0;
            getrandom::fill(&mut self.octets)?;
            (self.left, self.forks) = (SIZE, forks);
        }
        let mut bits = Bits::default();
        self.left -= bits.len();
        let drawn = &mut self.octets[self.left..][..bits.len()];
        bits.copy_from_slice(drawn);
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
        let drawn: HashSet<_> = thread::spawn(draws).join().unwrap().into_iter().chain(draws()).collect();
        assert_eq!(drawn.len(), 2000);
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
}
