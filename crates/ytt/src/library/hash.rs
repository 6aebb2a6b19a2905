//! `@ytt:md5` and `@ytt:sha256`.
//!
//! Source: ytt pkg/yttlibrary/md5.go, sha256.go.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};
use sha2::Sha256;

use super::arguments::{one, string};
use crate::star::{Args, Error, Native, Thread, Value};

/// The functions of `@ytt:md5`.
pub(super) static MD5: &[(&str, Native)] = &[("sum", Native::wrapping("md5.sum", md5_sum))];

/// The functions of `@ytt:sha256`.
pub(super) static SHA256: &[(&str, Native)] =
    &[("sum", Native::wrapping("sha256.sum", sha256_sum))];

fn md5_sum(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = string(one(args)?)?;
    thread.budget().work(text.len() / 8)?;
    Ok(Value::from(hex(&Md5::digest(text.as_bytes()))))
}

fn sha256_sum(thread: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = string(one(args)?)?;
    thread.budget().work(text.len() / 8)?;
    Ok(Value::from(hex(&Sha256::digest(text.as_bytes()))))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            write!(out, "{byte:02x}").expect("writing to a string cannot fail");
            out
        })
}
