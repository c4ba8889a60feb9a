//! Many requests at once, on several processors.

use std::{num::NonZero, panic, sync::OnceLock, thread};

use crate::{
    error::Refusal,
    random::{self, nonce},
    scratch::Scratch,
    signer::{Request, Signer},
};

/// Below this many requests a thread costs more than it brings, unless signing is slow.
const FEWEST_PER_THREAD: usize = 128;

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

/// The headers of `requests`, in order, with the nonces made of `random`; or the first refusal and its place.
///
/// `threads` is the most threads to use; `None` is one a processor.
pub fn authorizations(
    signer: &Signer,
    requests: &[Request<'_>],
    random: &[random::Bits],
    threads: Option<NonZero<usize>>,
) -> Result<Vec<Vec<u8>>, (usize, Refusal)> {
    let size = requests.len().div_ceil(self::threads(signer, requests.len(), threads)).max(1);
    let mut chunks = requests.chunks(size).zip(random.chunks(size));
    let first = chunks.next();
    let parts = thread::scope(|scope| {
        let workers: Vec<_> =
            chunks.map(|(requests, random)| scope.spawn(move || sign_all(signer, requests, random))).collect();
        let mut parts = Vec::with_capacity(workers.len() + 1);
        parts.extend(first.map(|(requests, random)| sign_all(signer, requests, random)));
        parts.extend(
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| panic::resume_unwind(panic))),
        );
        parts
    });
    let mut headers = Vec::with_capacity(requests.len());
    for part in parts {
        headers.append(&mut part.map_err(|(place, refusal)| (headers.len() + place, refusal))?);
    }
    Ok(headers)
}

fn sign_all(
    signer: &Signer,
    requests: &[Request<'_>],
    random: &[random::Bits],
) -> Result<Vec<Vec<u8>>, (usize, Refusal)> {
    let scratch = &mut Scratch::default();
    let sign = |(place, (request, bits)): (usize, (&Request<'_>, &random::Bits))| {
        let header = signer.authorization(request, &nonce(*bits), scratch);
        header.map(<[u8]>::to_vec).map_err(|refusal| (place, refusal))
    };
    requests.iter().zip(random).enumerate().map(sign).collect()
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

    #[test]
    fn headers_come_in_order_whatever_the_number_of_threads() {
        let urls: Vec<String> = (0..1000).map(|number| format!("https://a/{number}")).collect();
        let requests: Vec<_> = urls.iter().map(|url| request(url)).collect();
        let random: Vec<_> = (0..1000).map(u128::to_be_bytes).collect();
        let (signer, scratch) = (signer(), &mut Scratch::default());
        let expected: Vec<_> = requests
            .iter()
            .zip(&random)
            .map(|(request, bits)| signer.authorization(request, &nonce(*bits), scratch).unwrap().to_vec())
            .collect();
        for threads in [None, NonZero::new(1), NonZero::new(3), NonZero::new(5000)] {
            assert_eq!(authorizations(&signer, &requests, &random, threads).unwrap(), expected);
        }
    }

    #[test]
    fn the_first_refusal_is_told_with_its_place() {
        let mut urls = vec!["https://a/"; 600];
        urls[400] = "ftp://first/";
        urls[599] = "ftp://second/";
        let requests: Vec<_> = urls.into_iter().map(request).collect();
        let (place, refusal) = authorizations(&signer(), &requests, &[[0; 16]; 600], NonZero::new(4)).unwrap_err();
        assert_eq!(place, 400);
        assert!(matches!(refusal, Refusal::InvalidUrl { url, .. } if url == b"ftp://first"));
    }

    #[test]
    fn no_requests_give_no_headers() {
        assert!(authorizations(&signer(), &[], &[], None).unwrap().is_empty());
    }
}
