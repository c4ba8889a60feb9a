//! Processors, and which thread runs where.

use std::{num::NonZero, sync::OnceLock, thread};

/// How many processors this process may use.
pub fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    // The system tells it slowly.
    *COUNT.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

#[cfg(target_os = "linux")]
pub use linux::Thread;

#[cfg(target_os = "linux")]
mod linux {
    use rustix::thread::{Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

    /// A thread, as the system knows it.
    pub struct Thread(Pid);

    impl Thread {
        /// The one that asks.
        pub fn current() -> Self {
            Self(gettid())
        }

        /// Has this thread run on other processors than that of the one that asks, from now on, if it may use others.
        pub fn send_elsewhere(self) {
            let Ok(mut others) = sched_getaffinity(None) else { return };
            others.unset(sched_getcpu());
            if others.count() > 0 {
                // Where the system forbids it, it goes on deciding by itself.
                let _ = sched_setaffinity(Some(self.0), &others);
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use std::{sync::mpsc, thread};

        use super::*;

        #[test]
        fn a_thread_leaves_the_processor_of_the_one_that_asks() {
            let allowed = sched_getaffinity(None).unwrap();
            let ((tell_begun, begun), (sent, go_on)) = (mpsc::channel(), mpsc::channel::<()>());
            let worker = thread::spawn(move || {
                tell_begun.send(Thread::current()).unwrap();
                go_on.recv().unwrap();
                sched_getaffinity(None).unwrap()
            });
            begun.recv().unwrap().send_elsewhere();
            sent.send(()).unwrap();
            let left = worker.join().unwrap();
            let expected = if allowed.count() > 1 { allowed.count() - 1 } else { 1 };
            assert_eq!(left.count(), expected);
            assert_eq!(sched_getaffinity(None).unwrap(), allowed);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub use others::Thread;

#[cfg(not(target_os = "linux"))]
mod others {
    /// A thread, whose processor the system chooses.
    pub struct Thread;

    impl Thread {
        /// The one that asks.
        pub fn current() -> Self {
            Self
        }

        /// Nothing to do.
        pub fn send_elsewhere(self) {}
    }
}
