//! Many requests at once, on several processors.
//!
//! The interpreter's thread makes parcels of requests and turns what comes back into text; workers sign meanwhile, and so
//! does that thread while they have enough to do. Octets stay where Python has them, so a parcel is only told of them.

use std::{
    mem,
    num::NonZero,
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use crate::{
    error::Refusal,
    processors::{self, Thread},
    scratch::Scratch,
    signer::Key,
};

/// Below this many requests a thread costs more than it brings, unless signing is slow.
const FEWEST_PER_THREAD: usize = 1024;
/// A parcel has so many requests: enough to be worth its way, few enough to stay near a processor.
const MOST_PER_PARCEL: usize = 64;
/// Each thread is meant to get so many parcels, so that all end at about the same time.
const PARCELS_PER_THREAD: usize = 8;
/// A worker has so many parcels, the one that it signs among them: with two it waited while headers were made.
const PARCELS_PER_WORKER: usize = 4;

/// So long the beginning of a worker is waited for, at most; it takes a twentieth of that.
const PATIENCE: Duration = Duration::from_millis(1);

/// How many threads sign so many requests; `most` of `None` is one a processor.
pub fn threads(key: &Key, requests: usize, most: Option<NonZero<usize>>) -> usize {
    let fewest = if key.is_slow() { 1 } else { FEWEST_PER_THREAD };
    let useful = requests.div_ceil(fewest).max(1);
    if useful == 1 {
        return 1;
    }
    most.map_or_else(processors::count, NonZero::get).min(useful)
}

/// How many requests a parcel has.
pub fn parcel_size(requests: usize, threads: usize) -> usize {
    (requests / (threads * PARCELS_PER_THREAD)).clamp(1, MOST_PER_PARCEL)
}

/// Headers, one after the other.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Headers {
    octets: Vec<u8>,
    ends: Vec<usize>,
}

impl Headers {
    /// Room for so many, each about as long as the first.
    pub fn of(count: usize) -> Self {
        Self { octets: Vec::new(), ends: Vec::with_capacity(count) }
    }

    /// Adds the header that `push` writes, unless it refuses.
    pub fn push(&mut self, push: impl FnOnce(&mut Vec<u8>) -> Result<(), Refusal>) -> Result<(), Refusal> {
        let start = self.octets.len();
        push(&mut self.octets).inspect_err(|_| self.octets.truncate(start))?;
        if self.ends.is_empty() {
            self.octets.reserve((self.octets.len() + 8) * self.ends.capacity());
        }
        self.ends.push(self.octets.len());
        Ok(())
    }

    /// Each header, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.iter().scan(0, |start, &end| Some(&self.octets[mem::replace(start, end)..end]))
    }
}

/// What signs a parcel.
type Sign<'a, Parcel, Outcome> = dyn Fn(Parcel, &mut Scratch) -> Outcome + Sync + 'a;

/// Workers who sign parcels.
pub struct Crew<'a, Parcel, Outcome> {
    /// `None` when no parcel will come any more: workers go with the last one then.
    jobs: Option<mpsc::Sender<(usize, Parcel)>>,
    waiting: &'a Mutex<mpsc::Receiver<(usize, Parcel)>>,
    outcomes: mpsc::Receiver<(usize, Outcome)>,
    /// Where each worker says that it has begun, and how long the next one is waited for.
    begun: mpsc::Receiver<Thread>,
    patience: Duration,
    sign: &'a Sign<'a, Parcel, Outcome>,
    scratch: &'a mut Scratch,
    /// How many parcels are with the crew.
    under_way: usize,
    workers: usize,
}

/// Does `work` with a crew of so many workers, who go when it is done.
pub fn employ<Parcel: Send, Outcome: Send, T>(
    workers: usize,
    sign: &Sign<'_, Parcel, Outcome>,
    work: impl FnOnce(&mut Crew<'_, Parcel, Outcome>) -> T,
) -> T {
    let (jobs, waiting) = mpsc::channel();
    let (done, outcomes) = mpsc::channel();
    let (tell_begun, begun) = mpsc::channel();
    let waiting = Mutex::new(waiting);
    thread::scope(|scope| {
        // Where the system gives no further thread, fewer do the work.
        let started = (0..workers).take_while(|_| {
            let (waiting, done, tell_begun) = (&waiting, done.clone(), tell_begun.clone());
            let toil = move || {
                let _ = tell_begun.send(Thread::current());
                drop(tell_begun); // When all have done so, nobody is waited for any more.
                let mut scratch = Scratch::default();
                while let Some((number, parcel)) = next_job(waiting) {
                    if done.send((number, sign(parcel, &mut scratch))).is_err() {
                        return;
                    }
                }
            };
            thread::Builder::new().spawn_scoped(scope, toil).is_ok()
        });
        let workers = started.count();
        drop((done, tell_begun));
        Scratch::lend(|scratch| {
            work(&mut Crew {
                jobs: Some(jobs),
                waiting: &waiting,
                outcomes,
                begun,
                patience: PATIENCE,
                sign,
                scratch,
                under_way: 0,
                workers,
            })
        })
    })
}

fn next_job<Parcel>(waiting: &Mutex<mpsc::Receiver<(usize, Parcel)>>) -> Option<(usize, Parcel)> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

impl<Parcel, Outcome> Crew<'_, Parcel, Outcome> {
    /// Has a parcel signed; gives the outcome at once if all workers have enough to do, so that it was signed here.
    pub fn sign(&mut self, number: usize, parcel: Parcel) -> Option<(usize, Outcome)> {
        match &self.jobs {
            Some(jobs) if self.under_way < PARCELS_PER_WORKER * self.workers => {
                self.under_way += 1;
                // Workers stay while parcels may come.
                let _ = jobs.send((number, parcel));
                None
            }
            _ => {
                self.spread();
                Some((number, (self.sign)(parcel, self.scratch)))
            }
        }
    }

    /// Waits until the workers have begun, and has them run elsewhere than this thread.
    ///
    /// A system may put a new thread behind the one that made it, on the same processor, while another one has nothing to
    /// do, and leave it there for milliseconds, in which this thread would do all the work alone.
    fn spread(&mut self) {
        let patience = mem::take(&mut self.patience);
        while let Ok(worker) = self.begun.recv_timeout(patience) {
            worker.send_elsewhere();
        }
    }

    /// An outcome that is ready.
    pub fn ready(&mut self) -> Option<(usize, Outcome)> {
        let outcome = self.outcomes.try_recv().ok()?;
        self.under_way -= 1;
        Some(outcome)
    }

    /// The outcome of a parcel that is under way; if no worker has begun it, it is signed here. Workers get no other.
    ///
    /// Panics if there is none, which would be waited for without end.
    pub fn finish(&mut self) -> (usize, Outcome) {
        assert!(self.under_way > 0, "each parcel has one outcome");
        self.jobs = None;
        let job = self.waiting.try_lock().ok().and_then(|waiting| waiting.try_recv().ok());
        let outcome = match job {
            Some((number, parcel)) => (number, (self.sign)(parcel, self.scratch)),
            None => self.outcomes.recv().expect("workers go with the last parcel"),
        };
        self.under_way -= 1;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double_all(numbers: &[usize], workers: usize) -> Vec<usize> {
        let double = |parcel: Vec<usize>, scratch: &mut Scratch| {
            scratch.text.clear();
            parcel.into_iter().map(|number| 2 * number).collect::<Vec<_>>()
        };
        employ(workers, &double, |crew| {
            let parcels = numbers.chunks(parcel_size(numbers.len(), workers + 1)).map(<[usize]>::to_vec);
            let mut outcomes: Vec<_> =
                parcels.enumerate().filter_map(|(number, parcel)| crew.sign(number, parcel)).collect();
            outcomes.extend(crew.ready());
            while crew.under_way > 0 {
                outcomes.push(crew.finish());
            }
            outcomes.sort_unstable_by_key(|(number, _)| *number);
            outcomes.into_iter().flat_map(|(_, outcome)| outcome).collect()
        })
    }

    #[test]
    fn each_parcel_has_its_outcome_whatever_the_number_of_workers() {
        let numbers: Vec<_> = (0..1000).collect();
        let doubled: Vec<_> = numbers.iter().map(|number| 2 * number).collect();
        for workers in [0, 1, 3, 20] {
            assert_eq!(double_all(&numbers, workers), doubled);
        }
    }

    #[test]
    fn headers_come_out_as_they_went_in() {
        let texts = [&b"one"[..], b"", b"and a third"];
        let mut headers = Headers::of(2);
        let mut push = |text, outcome: Result<(), Refusal>| {
            headers.push(|out| {
                out.extend_from_slice(text);
                outcome
            })
        };
        for text in texts {
            push(text, Ok(())).unwrap();
            // Nothing is left of what was refused half-way.
            push(text, Err(Refusal::UnusableKey)).unwrap_err();
        }
        assert_eq!(headers.iter().collect::<Vec<_>>(), texts);
    }
}
