//! The modules that programs load as `@ytt:name`.
//!
//! Here are those that need nothing of the program around them; the others (`data`, `library`,
//! `overlay`, `template`) are made with [`make_module`] where their state is. Source: ytt
//! pkg/yttlibrary/all.go.

mod arguments;
pub(crate) mod assert;
mod base64;
mod hash;
mod ip;
pub(crate) mod json;
mod math;
mod module;
mod regexp;
mod structs;
mod toml;
mod tree;
mod url;
mod version;
mod yaml;

use crate::star::{Error, Exports, Native, Str, Value};
use module::Module;

pub(crate) use version::YTT_VERSION;

/// A module of values.
pub(crate) fn make_module(name: &'static str, members: Vec<(&'static str, Value)>) -> Value {
    let members = members
        .into_iter()
        .map(|(name, value)| (Str::from(name), value))
        .collect();
    Module::new(name, &[], members).into_value()
}

/// The module of this name, which must be one that needs nothing of the program around it.
///
/// # Errors
/// When there is none.
pub(crate) fn load(name: &str) -> Result<Exports, Error> {
    load_as(name, YTT_VERSION)
}

/// As [`load`], with another version of ytt for `@ytt:version`.
///
/// # Errors
/// When there is no such module.
pub(crate) fn load_as(name: &str, release: &'static str) -> Result<Exports, Error> {
    let natives: &'static [(&str, Native)] = match name {
        "assert" => assert::MEMBERS,
        "base64" => base64::MEMBERS,
        "ip" => ip::MEMBERS,
        "json" => json::MEMBERS,
        "math" => {
            let module = Module::new("math", math::MEMBERS, math::constants());
            return Ok(Exports::one("math", module.into_value()));
        }
        "md5" => hash::MD5,
        "module" => module::MEMBERS,
        "regexp" => regexp::MEMBERS,
        "sha256" => hash::SHA256,
        "struct" => structs::MEMBERS,
        "toml" => toml::MEMBERS,
        "url" => url::MEMBERS,
        "version" => return Ok(Exports::one("version", version::module(release))),
        "yaml" => yaml::MEMBERS,
        other => {
            return Err(Error::new(format!(
                "builtin ytt library does not have module '{other}' \
                 (hint: is it available in newer version of ytt?)"
            )));
        }
    };
    Ok(Exports::one(
        name,
        Module::of_natives(name, natives).into_value(),
    ))
}
