//! The native signing engine: the mirror of `oauthreg/signing/_pure.py`.
#![forbid(unsafe_code)]

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _native {}
