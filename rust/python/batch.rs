//! Batches: requests as Python gives them, and the headers that it gets.

use std::{borrow::Cow, cell::OnceCell, num::NonZero};

use pyo3::{
    prelude::*,
    types::{PyList, PyString, PyTuple},
};

use super::{
    arguments::{self, UrlSource},
    refusals,
    signer::{Given, Prepared, Signer},
};
use crate::{
    base_string::Address,
    batch::{self, Headers},
    clock,
    error::Refusal,
    header::Variable,
    random,
    scratch::Scratch,
    signer::{self, Form, Request},
};

/// The requests of a batch: how many there are, and each, read when it is its turn.
pub struct Requests<'py> {
    count: usize,
    rows: Box<dyn Iterator<Item = PyResult<Row<'py>>> + 'py>,
}

/// One request of a batch.
struct Row<'py> {
    method: Bound<'py, PyAny>,
    url: Bound<'py, PyAny>,
    body: Option<Bound<'py, PyAny>>,
    content_type: Option<Bound<'py, PyAny>>,
}

/// Some requests that a worker signs, all at the same second if their own time is not given.
struct Parcel<'a> {
    now: clock::Timestamp,
    parts: Vec<Part<'a>>,
}

/// A request, small where it can be: what one processor has written, another waits for.
enum Part<'a> {
    Usual { method: &'a [u8], url: &'a [u8], form: Option<&'a [u8]> },
    Any(Box<Prepared<'a>>),
}

/// The headers of a parcel before the first request of it that was refused.
struct Signed<'a> {
    headers: Headers,
    refusal: Option<Refusal>,
    /// It may hold objects, which are let go where the interpreter is.
    _parcel: Parcel<'a>,
}

/// The headers of a batch, on so many threads at most.
pub fn sign<'py>(
    py: Python<'py>,
    signer: &Signer,
    requests: Requests<'py>,
    threads: Option<NonZero<usize>>,
) -> PyResult<Vec<Bound<'py, PyString>>> {
    let Requests { count, mut rows } = requests;
    let threads = batch::threads(&signer.core.key, count, threads);
    let size = batch::parcel_size(count, threads);
    // They are read when a parcel is made of them, while others are signed.
    let read: Vec<OnceCell<Vec<Row<'py>>>> = (0..count.div_ceil(size)).map(|_| OnceCell::new()).collect();
    let mut unpacked = read.iter().enumerate();
    let mut outcomes: Vec<Option<Signed<'_>>> = read.iter().map(|_| None).collect();
    let mut headers = Vec::with_capacity(count);
    let mut fault = None;
    let core = &signer.core;
    batch::employ(threads - 1, &|parcel, scratch| Signed::of(core, parcel, scratch), |crew| {
        for turn in 0..outcomes.len() {
            while outcomes[turn].is_none() {
                let outcome = match crew.ready() {
                    None if fault.is_none() => match unpacked.next() {
                        Some((number, place)) => {
                            let next = rows.by_ref().take(size).collect::<PyResult<_>>()?;
                            let parcel = Parcel::of(signer, place.get_or_init(|| next), &mut fault);
                            py.detach(|| crew.sign(number, parcel))
                        }
                        None => Some(py.detach(|| crew.finish())),
                    },
                    None => Some(py.detach(|| crew.finish())),
                    ready => ready,
                };
                if let Some((number, outcome)) = outcome {
                    outcomes[number] = Some(outcome);
                }
            }
            let (Some(outcome), Some(read)) = (outcomes[turn].take(), read[turn].get()) else { continue };
            let start = headers.len();
            for header in outcome.headers.iter() {
                headers.push(PyString::from_bytes(py, header)?);
            }
            let refused = match (outcome.refusal, read.get(headers.len() - start)) {
                (Some(refusal), Some(row)) => Some(refusals::of_request(refusal, &row.method, row.body.as_ref())),
                // A parcel that has a fault ends before it, and none was packed after it.
                (None, Some(_)) => fault.take(),
                (_, None) => None,
            };
            if let Some(error) = refused {
                // What is no request at all is told first, wherever it stands.
                return Err(rows.find_map(Result::err).unwrap_or_else(|| in_batch(py, headers.len(), error)));
            }
        }
        Ok(headers)
    })
}

impl<'a> Parcel<'a> {
    /// The rows before the first that is at fault.
    fn of(signer: &Signer, rows: &'a [Row<'_>], fault: &mut Option<PyErr>) -> Self {
        let now = clock::now();
        let mut parts = Vec::with_capacity(rows.len());
        for row in rows {
            match signer.prepare(&row.given(), || now) {
                Ok(prepared) => parts.push(Part::of(prepared)),
                Err(error) => {
                    *fault = Some(error);
                    break;
                }
            }
        }
        Self { now, parts }
    }
}

impl<'a> Part<'a> {
    fn of(prepared: Prepared<'a>) -> Self {
        match prepared {
            Prepared {
                method: Some(Cow::Borrowed(method)),
                source: UrlSource::Ascii(url),
                form: form @ (None | Some(Cow::Borrowed(_))),
                is_form,
                timestamp: None,
                now: _,
                nonce: None,
                body_hash: None,
                extra,
            } if is_form == form.is_some() && extra.is_empty() => {
                let form = if let Some(Cow::Borrowed(octets)) = form { Some(octets) } else { None };
                Self::Usual { method, url, form }
            }
            prepared => Self::Any(Box::new(prepared)),
        }
    }

    fn request<'s>(&'s self, now: &'s clock::Timestamp) -> Result<Request<'s>, Refusal> {
        match self {
            Self::Usual { method, url, form } => Ok(Request {
                method: Some(method),
                address: Address::Text(url),
                form: form.map_or(Form::None, Form::Octets),
                variable: Variable { timestamp: now, is_fresh: true, ..Variable::default() },
            }),
            Self::Any(prepared) => prepared.request(),
        }
    }
}

impl<'a> Signed<'a> {
    fn of(signer: &signer::Signer, parcel: Parcel<'a>, scratch: &mut Scratch) -> Self {
        let mut headers = Headers::of(parcel.parts.len());
        let mut nonce = random::Nonce::default();
        let mut sign = |part: &Part<'_>| {
            let request = part.request(&parcel.now)?;
            // No row of a batch says its nonce.
            random::draw(&mut nonce)?;
            headers.push(|out| signer.push_authorization(&request, &nonce, scratch, out))
        };
        let refusal = parcel.parts.iter().try_for_each(&mut sign).err();
        Self { headers, refusal, _parcel: parcel }
    }
}

impl<'py> Requests<'py> {
    /// Refuses what is no batch.
    pub fn of(requests: &Bound<'py, PyAny>) -> PyResult<Self> {
        if !arguments::is_iterable(requests)? {
            return Err(refusals::wrong_type("requests", "an iterable", requests));
        }
        let read = |(place, request): (usize, PyResult<Bound<'py, PyAny>>)| Row::read(place, &request?);
        // What holds the requests may change while some are signed.
        let constant = match requests.cast_exact::<PyList>() {
            Ok(list) => Some(list.to_tuple()),
            Err(_) => requests.cast_exact::<PyTuple>().ok().cloned(),
        };
        if let Some(requests) = constant {
            return Ok(Self { count: requests.len(), rows: Box::new(requests.try_iter()?.enumerate().map(read)) });
        }
        let rows = requests.try_iter()?.enumerate().map(read).collect::<PyResult<Vec<_>>>()?;
        Ok(Self { count: rows.len(), rows: Box::new(rows.into_iter().map(Ok)) })
    }
}

impl<'py> Row<'py> {
    fn read(place: usize, request: &Bound<'py, PyAny>) -> PyResult<Self> {
        let optional = |item: Option<Bound<'py, PyAny>>| item.filter(|item| !item.is_none());
        if let Some([Some(method), Some(url), body, content_type]) = arguments::row(request) {
            return Ok(Self { method, url, body: optional(body), content_type: optional(content_type) });
        }
        let refusal = refusals::wrong_type("requests", "(method, url, body, content_type)", request);
        Err(in_batch(request.py(), place, refusal))
    }

    fn given(&self) -> Given<'_, 'py> {
        Given {
            method: &self.method,
            url: &self.url,
            body: self.body.as_ref(),
            content_type: self.content_type.as_ref(),
            parameters: None,
            nonce: None,
            timestamp: None,
        }
    }
}

fn in_batch(py: Python<'_>, place: usize, error: PyErr) -> PyErr {
    match refusals::is_ours(py, &error) {
        Ok(true) => refusals::build(py, "in_batch", (place, error.value(py))),
        Ok(false) => error,
        Err(error) => error,
    }
}
