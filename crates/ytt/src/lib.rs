//! ytt in process: templates and data values in, documents or an error with frames out.
//!
//! * [`inline`] evaluates one template many times, as a controller does.
//! * [`workspace`] does what the command `ytt` does: files, libraries, schemas, overlays.
//! * [`command`] is that command itself, from arguments to output.
//!
//! Nothing here reads files, clocks or the environment, and what an evaluation may cost is bounded
//! by [`Limits`]. The behaviour is that of ytt 0.52.1, <https://github.com/carvel-dev/ytt>.
#![deny(missing_docs)]

mod annotation;
mod bridge;
pub mod command;
mod error;
mod fragment;
#[doc(hidden)]
pub mod fuzzing;
pub mod inline;
mod library;
mod limits;
mod node;
mod overlay;
mod position;
mod print;
mod schema;
pub mod star;
mod template;
mod validation;
pub mod workspace;

pub use error::{Error, ErrorKind};
pub use limits::Limits;
