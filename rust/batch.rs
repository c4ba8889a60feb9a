//! Many requests at once, on several processors.
//!
//! The interpreter's thread packs requests into parcels and unpacks their headers, one parcel after the other; workers
//! sign meanwhile. A parcel holds all its octets itself, so nothing of Python is touched by a worker.

use std::{
    mem,
    num::NonZero,
    sync::{Mutex, OnceLock, PoisonError, mpsc},
    thread,
};

use crate::{
    base_string::Url,
    error::Refusal,
    header::Variable,
    scratch::Scratch,
    signer::{Form, Request, Signer},
};

/// Below this many requests a thread costs more than it brings, unless signing is slow.
const FEWEST_PER_THREAD: usize = 1024;
/// A parcel has so many requests: enough to be worth its way, few enough to stay near a processor.
const MOST_PER_PARCEL: usize = 128;
/// Each thread is meant to get so many parcels, so that all end at about the same time.
const PARCELS_PER_THREAD: usize = 8;

/// How many threads sign so many requests; `most` of `None` is one a processor.
pub fn threads(signer: &Signer, requests: usize, most: Option<NonZero<usize>>) -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    let fewest = if signer.key.is_slow() { 1 } else { FEWEST_PER_THREAD };
    let useful = requests.div_ceil(fewest).max(1);
    if useful == 1 {
        return 1;
    }
    // The system tells it slowly.
    let processors = || *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get));
    most.map_or_else(processors, NonZero::get).min(useful)
}

/// How many requests a parcel has.
pub fn parcel_size(requests: usize, threads: usize) -> usize {
    (requests / (threads * PARCELS_PER_THREAD)).clamp(1, MOST_PER_PARCEL)
}

/// Requests that hold their octets themselves.
#[derive(Default)]
pub struct Parcel {
    octets: Vec<u8>,
    requests: Vec<Packed>,
}

/// A request whose texts stand one after the other in a parcel.
struct Packed {
    start: usize,
    /// Where each text ends: method, scheme, host, path, query, form, timestamp, body hash, nonce.
    ends: [usize; 9],
    /// With nothing for what is among those texts.
    rest: Request<'static>,
}

/// Headers, one after the other.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Headers {
    octets: Vec<u8>,
    ends: Vec<usize>,
}

/// The headers of a parcel, or the place of the first refusal in it.
pub type Outcome = Result<Headers, (usize, Refusal)>;

impl Parcel {
    /// Adds a request without further parameters.
    pub fn push(&mut self, request: &Request<'_>, nonce: &[u8]) {
        let Request { method, url, form, variable } = request;
        let start = self.octets.len();
        let texts = [
            method.unwrap_or_default(),
            url.scheme,
            url.host,
            url.path,
            url.query,
            form.octets(),
            variable.timestamp,
            variable.body_hash.unwrap_or_default(),
            nonce,
        ];
        let ends = texts.map(|text| {
            self.octets.extend_from_slice(text);
            self.octets.len()
        });
        let rest = Request {
            method: method.map(|_| &b""[..]),
            url: Url { a_label: url.a_label.clone(), scheme: b"", host: b"", path: b"", query: b"", ..*url },
            form: match form {
                Form::Octets(_) => Form::Octets(b""),
                Form::None => Form::None,
                Form::Unreadable => Form::Unreadable,
            },
            variable: Variable {
                timestamp: b"",
                is_fresh: variable.is_fresh,
                extra: &[],
                body_hash: variable.body_hash.map(|_| &b""[..]),
            },
        };
        self.requests.push(Packed { start, ends, rest });
    }

    /// Signs all requests, up to the first that is refused.
    pub fn sign(self, signer: &Signer, scratch: &mut Scratch) -> Outcome {
        let mut headers = Headers::default();
        for (place, Packed { start, ends, rest }) in self.requests.into_iter().enumerate() {
            let mut start = start;
            let [method, scheme, host, path, query, form, timestamp, body_hash, nonce] =
                ends.map(|end| &self.octets[mem::replace(&mut start, end)..end]);
            let request = Request {
                method: rest.method.map(|_| method),
                url: Url { scheme, host, path, query, ..rest.url },
                form: if let Form::Octets(_) = rest.form { Form::Octets(form) } else { rest.form },
                variable: Variable {
                    timestamp,
                    body_hash: rest.variable.body_hash.map(|_| body_hash),
                    ..rest.variable
                },
            };
            match signer.authorization(&request, nonce, scratch) {
                Ok(header) => headers.push(header),
                Err(refusal) => return Err((place, refusal)),
            }
        }
        Ok(headers)
    }
}

impl Headers {
    fn push(&mut self, header: &[u8]) {
        self.octets.extend_from_slice(header);
        self.ends.push(self.octets.len());
    }

    /// Each header, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.iter().scan(0, |start, &end| Some(&self.octets[mem::replace(start, end)..end]))
    }
}

/// Workers who sign parcels.
pub struct Crew<'a> {
    jobs: mpsc::Sender<(usize, Parcel)>,
    waiting: &'a Mutex<mpsc::Receiver<(usize, Parcel)>>,
    outcomes: mpsc::Receiver<(usize, Outcome)>,
    signer: &'a Signer,
    scratch: Scratch,
    /// How many parcels are with the crew.
    under_way: usize,
    workers: usize,
}

/// Does `work` with a crew of so many workers, who go when it is done.
pub fn employ<T>(signer: &Signer, workers: usize, work: impl FnOnce(&mut Crew<'_>) -> T) -> T {
    let (jobs, waiting) = mpsc::channel();
    let (done, outcomes) = mpsc::channel();
    let waiting = Mutex::new(waiting);
    thread::scope(|scope| {
        for _ in 0..workers {
            let (waiting, done) = (&waiting, done.clone());
            scope.spawn(move || {
                let mut scratch = Scratch::default();
                while let Some((number, parcel)) = next_job(waiting) {
                    if done.send((number, parcel.sign(signer, &mut scratch))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        work(&mut Crew {
            jobs,
            waiting: &waiting,
            outcomes,
            signer,
            scratch: Scratch::default(),
            under_way: 0,
            workers,
        })
    })
}

fn next_job(waiting: &Mutex<mpsc::Receiver<(usize, Parcel)>>) -> Option<(usize, Parcel)> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

impl Crew<'_> {
    /// Has a parcel signed; gives the outcome at once if all workers have enough to do, so that it was signed here.
    pub fn sign(&mut self, number: usize, parcel: Parcel) -> Option<(usize, Outcome)> {
        if self.under_way < 2 * self.workers {
            self.under_way += 1;
            // Workers go only when the crew is dropped.
            let _ = self.jobs.send((number, parcel));
            return None;
        }
        Some((number, parcel.sign(self.signer, &mut self.scratch)))
    }

    /// An outcome that is ready.
    pub fn ready(&mut self) -> Option<(usize, Outcome)> {
        let outcome = self.outcomes.try_recv().ok()?;
        self.under_way -= 1;
        Some(outcome)
    }

    /// The outcome of a parcel that is under way; if no worker has begun it, it is signed here.
    ///
    /// Panics if there is none, which would be waited for without end.
    pub fn finish(&mut self) -> (usize, Outcome) {
        assert!(self.under_way > 0, "each parcel has one outcome");
        let job = self.waiting.try_lock().ok().and_then(|waiting| waiting.try_recv().ok());
        let outcome = match job {
            Some((number, parcel)) => (number, parcel.sign(self.signer, &mut self.scratch)),
            None => self.outcomes.recv().expect("workers stay until the crew is dropped"),
        };
        self.under_way -= 1;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base_string::Url,
        header::{Protocol, Variable},
        mac::{Hash, Mac},
        signer::{Form, Key},
    };

    fn signer() -> Signer {
        let protocol = Protocol::new(None, b"ck", None, b"HMAC-SHA1", None);
        Signer { protocol, key: Key::Mac(Mac::new(Hash::Sha1, b"&")) }
    }

    fn request(url: &str) -> Request<'_> {
        let variable = Variable { timestamp: b"1", ..Variable::default() };
        Request { method: Some(b"GET"), url: Url::parse(url.as_bytes(), true).unwrap(), form: Form::None, variable }
    }

    fn sign_all(signer: &Signer, urls: &[String], workers: usize) -> Vec<Outcome> {
        let parcels = urls.chunks(parcel_size(urls.len(), workers + 1)).map(|urls| {
            let mut parcel = Parcel::default();
            for url in urls {
                parcel.push(&request(url), url.as_bytes());
            }
            parcel
        });
        employ(signer, workers, |crew| {
            let mut outcomes: Vec<_> =
                parcels.enumerate().filter_map(|(number, parcel)| crew.sign(number, parcel)).collect();
            outcomes.extend(crew.ready());
            while crew.under_way > 0 {
                outcomes.push(crew.finish());
            }
            outcomes.sort_unstable_by_key(|(number, _)| *number);
            outcomes.into_iter().map(|(_, outcome)| outcome).collect()
        })
    }

    #[test]
    fn headers_are_those_of_the_requests_whatever_the_number_of_workers() {
        let urls: Vec<_> = (0..1000).map(|number| format!("https://a/{number}?b=c")).collect();
        let (signer, scratch) = (signer(), &mut Scratch::default());
        for workers in [0, 1, 3, 20] {
            let outcomes = sign_all(&signer, &urls, workers);
            let mut headers = outcomes.iter().flat_map(|outcome| outcome.as_ref().unwrap().iter());
            for url in &urls {
                let expected = signer.authorization(&request(url), url.as_bytes(), scratch).unwrap();
                assert_eq!(headers.next(), Some(expected));
            }
            assert_eq!(headers.next(), None);
        }
    }

    #[test]
    fn a_packed_request_is_the_request() {
        let variable = Variable { timestamp: b"1", body_hash: Some(b"h="), ..Variable::default() };
        let mut request = Request { form: Form::Octets(b"x=y"), variable, ..request("http://A:8080/p?q=r") };
        request.url.a_label = Some("b".to_owned());
        let mut parcel = Parcel::default();
        parcel.push(&request, b"n");
        let headers = parcel.sign(&signer(), &mut Scratch::default()).unwrap();
        let header = signer().authorization(&request, b"n", &mut Scratch::default()).unwrap().to_vec();
        assert_eq!(headers.iter().collect::<Vec<_>>(), [&header[..]]);
    }

    #[test]
    fn what_is_refused_alone_is_refused_in_a_parcel() {
        for (change, refusal) in [
            (Request { method: None, ..request("http://a/") }, Refusal::MethodIsNotText),
            (Request { form: Form::Unreadable, ..request("http://a/") }, Refusal::UnreadableBody),
        ] {
            let mut parcel = Parcel::default();
            parcel.push(&request("http://a/"), b"n");
            parcel.push(&change, b"n");
            assert_eq!(parcel.sign(&signer(), &mut Scratch::default()), Err((1, refusal)));
        }
    }
}
