//! Processors, and which thread runs where.

use std::{num::NonZero, sync::OnceLock, thread};

#[cfg(target_os = "linux")]
use rustix::thread::{Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// How many processors this process may use.
pub fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    // The system tells it slowly.
    *COUNT.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

/// A thread, as Linux knows it; other systems choose its processor by themselves.
pub struct Thread(#[cfg(target_os = "linux")] Pid);

impl Thread {
    /// The one that asks.
    pub fn current() -> Self {
        Self(
            #[cfg(target_os = "linux")]
            gettid(),
        )
    }

    /// Has this thread run on other processors than that of the one that asks, from now on, if it may use others.
    pub fn send_elsewhere(self) {
        #[cfg(target_os = "linux")]
        if let Ok(mut others) = sched_getaffinity(None) {
            others.unset(sched_getcpu());
            if others.count() > 0 {
                // Where that is forbidden, the system goes on deciding by itself.
                let _ = sched_setaffinity(Some(self.0), &others);
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
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
