//! The seam between the core and its shell: one pass over one object, request by request.
//!
//! Who does what. The **shell** watches, keeps the index, decides when a pass is due, builds
//! [`Observed`], loops `resume → perform → resume`, writes [`Outcome::status`], records
//! [`Outcome::events`], remembers [`Outcome::depends_on`] so that it wakes exactly the owners
//! concerned, and translates [`Outcome::next`]. The **core** decides everything else and touches
//! nothing.
//!
//! ```text
//! let mut pass = Realization::new(kind, observed);
//! let mut reply = None;
//! loop {
//!     match pass.resume(reply.take()) {
//!         Step::Do(request) => reply = Some(perform(request)), // and meanwhile: pass.meanwhile()
//!         Step::Done(outcome) => break outcome,
//!     }
//! }
//! ```
//!
//! A pass asks a bounded number of requests: at most nine per resource of the blueprint, one per
//! object to prune and [`MAX_DELETIONS`] of those.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::key::{BlueprintKind, Gvk, Mapping, ObjectKey, ServiceAccountKey, TemplateKind};
use crate::model::{Blueprint, RunTemplate, Template};
pub use crate::realization::Realization;
use crate::recall::Recall;
use crate::row::{Expressions, Live, Row, RowState};

/// The field manager of every write the core asks for.
pub const FIELD_MANAGER: &str = "carto";

/// The most deletions one pass asks for; what is left over waits for the next pass.
pub const MAX_DELETIONS: usize = 100;

/// What the shell's index answers while a pass runs.
///
/// Lookups only: they must not block on the network. Two calls in one pass may see different
/// states of the world; the core tolerates that.
pub trait Index: Send + Sync {
    /// Returns the blueprints of a kind, in any order; at least all that may select the owner of
    /// the pass, and the one its status names.
    fn blueprints(&self, kind: BlueprintKind) -> Vec<Arc<Blueprint>>;
    /// Returns a template of a blueprint, never a `ClusterRunTemplate`.
    fn template(&self, kind: TemplateKind, name: &str) -> Option<Arc<Template>>;
    /// Returns a `ClusterRunTemplate`.
    fn run_template(&self, name: &str) -> Option<Arc<RunTemplate>>;
    /// Returns one known object of a kind by key.
    fn row(&self, key: &ObjectKey) -> RowState;
    /// Returns every row whose controller owner has this uid, in any order.
    ///
    /// What is not in the index cannot be cleaned up: besides the kinds that owners ask for, the
    /// shell watches from its start those that templates name ([`crate::model::Body::kind`]), with
    /// the templates' expressions.
    fn rows_of(&self, owner_uid: &str) -> Vec<Arc<Row>>;
    /// Reports whether the service account exists.
    fn service_account_exists(&self, account: &ServiceAccountKey) -> bool;
    /// Returns how often, within the last ten minutes, the shell performed an apply of this
    /// object whose purpose was [`Purpose::Repair`].
    fn recent_repairs(&self, key: &ObjectKey) -> u32;
    /// Returns [`Outcome::recall`] of the last pass over the owner of this uid, or nothing.
    ///
    /// Without it, as after a restart, a pass looks at everything anew and comes to the same end.
    fn recall(&self, owner_uid: &str) -> Recall {
        let _ = owner_uid;
        Recall::default()
    }
}

/// What has to be done next, or the end of the pass.
#[derive(Debug)]
pub enum Step {
    /// Perform this and resume with the reply.
    Do(Request),
    /// The pass is over.
    Done(Box<Outcome>),
}

/// One thing the shell does for the core.
///
/// Everything with an `account` is done as that service account (impersonation); the rest with
/// the controller's own rights.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Find out how a kind is served. Reply: [`Reply::Mapping`], or [`Reply::Failed`] with
    /// [`FailureKind::NoMatch`].
    Resolve {
        /// The kind.
        gvk: Gvk,
    },
    /// As `Resolve`, and see to it that the stamped objects of the kind (label selector
    /// `carto.run/…`, see [`WATCH_LABELS`]) are watched and in the index, their rows read with at
    /// least these expressions. Answers at once when that is so already. Reply:
    /// [`Reply::Observed`], or [`Reply::Failed`] with [`FailureKind::NoMatch`].
    Observe {
        /// The kind.
        gvk: Gvk,
        /// Added to what the rows of this kind are read with.
        expressions: Expressions,
    },
    /// Read one object. The shell also brings the object's row up to date, so that expressions that
    /// are new to its kind cost one read. Reply: [`Reply::Object`].
    Get {
        /// Which.
        key: ObjectKey,
        /// As whom.
        account: ServiceAccountKey,
    },
    /// List objects with all these labels; rows are brought up to date as for `Get`. Reply:
    /// [`Reply::Objects`].
    List {
        /// Of which kind.
        gvk: Gvk,
        /// In which namespace; `None` at cluster scope.
        namespace: Option<Arc<str>>,
        /// Equality requirements, all of which must hold.
        labels: Vec<(String, String)>,
        /// As whom.
        account: ServiceAccountKey,
    },
    /// Server-side apply with field manager [`FIELD_MANAGER`]. Reply: [`Reply::Applied`].
    Apply {
        /// Which.
        key: ObjectKey,
        /// The whole applied configuration.
        object: Arc<Value>,
        /// Whether conflicts with other managers are overridden; only on objects we own.
        force: bool,
        /// Why, for metrics and for the count of repairs.
        purpose: Purpose,
        /// As whom.
        account: ServiceAccountKey,
    },
    /// Create (POST) with field manager [`FIELD_MANAGER`]. Reply: [`Reply::Applied`].
    Create {
        /// Of which kind.
        gvk: Gvk,
        /// In which namespace; `None` at cluster scope.
        namespace: Option<Arc<str>>,
        /// The object; it has a name.
        object: Arc<Value>,
        /// As whom.
        account: ServiceAccountKey,
    },
    /// A JSON patch (RFC 6902); used once per object taken over from the original. Reply:
    /// [`Reply::Applied`].
    Patch {
        /// Which.
        key: ObjectKey,
        /// The list of operations; it tests `/metadata/resourceVersion` itself.
        patch: Value,
        /// As whom.
        account: ServiceAccountKey,
    },
    /// Delete with a uid precondition and background propagation. Reply: [`Reply::Deleted`].
    Delete {
        /// Which.
        key: ObjectKey,
        /// Precondition.
        uid: Arc<str>,
        /// As whom.
        account: ServiceAccountKey,
    },
}

/// Labels by which stamped objects are found; an object with any of them is ours to index.
pub const WATCH_LABELS: [&str; 3] = [
    "carto.run/workload-name",
    "carto.run/deliverable-name",
    "carto.run/runnable-name",
];

/// Why an object is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is not there.
    Create,
    /// Its stamp changed.
    Change,
    /// Its stamp is the same; somebody changed a value of ours.
    Repair,
    /// It is there and becomes ours.
    Adopt,
}

/// What the shell hands back.
#[derive(Clone, Debug)]
pub enum Reply {
    /// To [`Request::Resolve`].
    Mapping(Mapping),
    /// To [`Request::Observe`].
    Observed {
        /// How the kind is served.
        mapping: Mapping,
        /// Whether rows can be trusted to be there.
        watch: Watch,
    },
    /// To [`Request::Get`].
    Object(Value),
    /// To [`Request::List`].
    Objects(Vec<Value>),
    /// To [`Request::Apply`], [`Request::Create`] and [`Request::Patch`]: the object as the
    /// server returned it. The shell has put the row of it into its index before it resumes
    /// ([`Row::applied`]).
    Applied {
        /// The object.
        object: Live,
        /// Its row, where the shell read it for its index; saves reading it twice.
        row: Option<Arc<Row>>,
        /// Whether it did not exist before (HTTP 201).
        created: bool,
    },
    /// To [`Request::Delete`].
    Deleted {
        /// Whether the object is gone for certain: the server answered with a `Status`, not with
        /// the object that now waits for its finalizers.
        gone: bool,
    },
    /// Any request may fail.
    Failed(ApiFailure),
}

/// Whether a kind's stamped objects are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Watched with whole objects and in sync.
    Synced,
    /// Watched by metadata only (Secrets): rows have no results but those of a read.
    MetadataOnly,
    /// The controller itself may not list or watch it; the text is the server's.
    Denied(String),
}

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiFailure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The message of the API's `Status`, or of the transport.
    pub message: String,
    /// HTTP status; 0 when there was no answer.
    pub code: u16,
}

/// Kinds of failure that the core tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// 404 for an object.
    NotFound,
    /// 403.
    Forbidden,
    /// 409 `Conflict`: another manager, a stale version or another uid.
    Conflict,
    /// 409 `AlreadyExists`.
    AlreadyExists,
    /// 422, 400.
    Invalid,
    /// The kind is not served.
    NoMatch {
        /// Whether the group and version are served, without that kind.
        group_known: bool,
    },
    /// No answer in time, connection refused or reset: it may or may not have happened.
    Timeout,
    /// 429 and 5xx.
    Unavailable,
    /// Anything else.
    Other,
}

/// The result of a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The whole new `status`; `None` when the current one is equal, transition times included.
    /// Written with the controller's rights, with the resourceVersion of the observed owner.
    pub status: Option<Value>,
    /// To be recorded on the owner.
    pub events: Vec<EventRecord>,
    /// Whatever this outcome depends on; replaces what the previous pass of this owner said.
    pub depends_on: BTreeSet<Dependency>,
    /// The kinds whose watch this owner needs; a kind that no owner names may be stopped.
    pub watched: BTreeSet<Gvk>,
    /// When to look again.
    pub next: Next,
    /// What spares the next pass work; to be kept as long as the owner, and given back by [`Index::recall`].
    pub recall: Recall,
}

/// One event, of type `Normal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Reason, such as `StampedObjectApplied`.
    pub reason: &'static str,
    /// Text.
    pub message: String,
    /// `source.component`.
    pub component: &'static str,
}

/// Something whose change must wake the owner.
///
/// The owner's own change, and changes of rows whose controller is the owner, always do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependency {
    /// A template, whether it exists or not.
    Template {
        /// Kind.
        kind: TemplateKind,
        /// Name.
        name: Arc<str>,
    },
    /// Every blueprint of the kind: selection looks at all of them. A blueprint concerns the owner
    /// when its old or new version may select it, or when it is the one in the owner's status.
    Blueprints(BlueprintKind),
    /// A service account, whether it exists or not.
    ServiceAccount(ServiceAccountKey),
    /// Roles and bindings of a service account: something was forbidden.
    Permissions(ServiceAccountKey),
    /// The object that another owner holds, or that could not be stamped over.
    Object(ObjectKey),
    /// Objects a Runnable selects. The shell watches them (metadata suffices) by these labels.
    Selected {
        /// Kind.
        gvk: Gvk,
        /// Namespace; `None` at cluster scope.
        namespace: Option<Arc<str>>,
        /// Equality requirements.
        labels: Vec<(String, String)>,
    },
}

/// When a pass is due again, if nothing happens before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Not before something it depends on changes.
    AwaitChange,
    /// With exponential back-off: something failed that may pass.
    RetryWithBackoff,
    /// At once, through the queue: there was more to do than one pass may.
    Again,
    /// After a minute or so: what it depends on cannot be watched, or a fight goes on.
    Later,
}

/// Everything a pass depends on.
pub struct Observed {
    /// The object, as the API returned it.
    pub owner: Arc<Value>,
    /// The moment of the pass; becomes transition times.
    pub now: Timestamp,
    /// The rest of the world.
    pub index: Arc<dyn Index>,
}
