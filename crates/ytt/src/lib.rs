//! ytt in process: templates and data values in, documents or an error with frames out.
//!
//! * [`inline`] evaluates one template many times, as a controller does.
//! * [`workspace`] does what the command `ytt` does: files, libraries, schemas, overlays.
//! * [`command`] is that command itself, from arguments to output.
//!
//! Nothing here reads files, clocks or the environment, and what an evaluation may cost is bounded
//! by [`Limits`]. The behaviour is that of ytt 0.52.1, <https://github.com/carvel-dev/ytt>; what
//! differs on purpose is listed in `docs/ytt.md` of the repository.
//!
//! ```
//! use carto_ytt::Limits;
//! use carto_ytt::inline::{Program, Values};
//!
//! let template = "\
//! #@ load(\"@ytt:data\", \"data\")
//! ---
//! kind: ConfigMap
//! data:
//!   #@ for name in data.values.names:
//!   #@yaml/text-templated-strings
//!   (@= name @): #@ len(name)
//!   #@ end
//! ";
//! // Parsed once, shared between threads, evaluated any number of times.
//! let program = Program::compile("config.yml", template)?;
//! let mut values = Values::new();
//! values.insert("names", serde_json::json!(["a", "bcd"]));
//! let output = program.eval(&values, &Limits::INLINE)?;
//! assert_eq!(output.text, "kind: ConfigMap\ndata:\n  a: 1\n  bcd: 3\n");
//!
//! // What fails says where, in ytt's own words.
//! let error = program.eval(&Values::new(), &Limits::INLINE).unwrap_err();
//! assert!(error.message().contains("config.yml:5 |"), "{error}");
//! # Ok::<(), carto_ytt::Error>(())
//! ```
//!
//! Files, libraries and overlays take a [`workspace::run`]:
//!
//! ```
//! use carto_ytt::workspace::{self, File, NoHost, Options};
//!
//! let files = vec![
//!     File::new("config.yml", "replicas: 1\n"),
//!     File::new(
//!         "overlay.yml",
//!         "#@ load(\"@ytt:overlay\", \"overlay\")\n#@overlay/match by=overlay.all\n---\nreplicas: 3\n",
//!     ),
//! ];
//! let output = workspace::run(files, &Options::default(), &NoHost)?;
//! assert_eq!(output.text, "replicas: 3\n");
//! # Ok::<(), carto_ytt::Error>(())
//! ```
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
