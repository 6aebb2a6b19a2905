//! The durable side: one `redb` file.
//!
//! | table | row | use |
//! |---|---|---|
//! | `meta` | name → number | format, newest revision, oldest revision of the undo log |
//! | `current` | key → revision, place of the revision, JSON | the present |
//! | `undo` | revision → key, what was there before | the past: walking back from the present gives every event |
//! | `secrets` | name → bytes | keys and tokens of the server itself |
//!
//! The file has mode 0600; values, Secrets among them, are not encrypted in it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

use super::state::State;
use super::{Draft, Event, Key, Object, Revision};

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const CURRENT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("current");
const UNDO: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("undo");
const SECRETS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("secrets");

/// Version of the layout above.
pub(crate) const FORMAT: u32 = 1;

const FILE: &str = "objects.redb";

/// Pages kept in memory: the present is held by the store itself.
const CACHE_BYTES: usize = 16 << 20;

/// Undo rows dropped with one commit, so that none takes long.
const DROP_PER_COMMIT: u64 = 1024;

/// A file with so much more than its content is made smaller at the start.
const SLACK_BYTES: u64 = 64 << 20;

/// Why a folder cannot be used.
#[derive(Debug)]
pub(crate) enum OpenError {
    InUse,
    Format(String),
    Other(String),
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct DiskError(String);

type Result<T> = std::result::Result<T, DiskError>;

/// Any error of the engine, in words for people.
fn engine(error: impl Into<redb::Error>) -> DiskError {
    match error.into() {
        redb::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => DiskError(
            "no space left on the device that holds the state folder; free some space and try again"
                .to_owned(),
        ),
        redb::Error::Io(error) => DiskError(format!("the state folder cannot be written: {error}")),
        redb::Error::PreviousIo => {
            DiskError("the state folder could not be written before and was not recovered yet".into())
        }
        error => DiskError(error.to_string()),
    }
}

/// The open file.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    /// `None` after a failed write, until it could be opened again.
    database: Option<Database>,
    /// Undo rows up to here are gone.
    dropped: Revision,
}

impl Disk {
    /// Opens the file, makes it when it is not there, and fills `state` with what it holds.
    pub(super) fn open(dir: &Path, state: &mut State) -> std::result::Result<Self, OpenError> {
        let other = |error: DiskError| OpenError::Other(error.0);
        make_private_folder(dir).map_err(|error| OpenError::Other(error.to_string()))?;
        let path = dir.join(FILE);
        let mut database = open_file(&path)?;
        let (revision, compacted) = read_meta(&database)?;
        shrink(&mut database, &path).map_err(other)?;
        let mut disk = Self {
            path,
            database: None,
            dropped: compacted,
        };
        load(&database, state, revision, compacted).map_err(other)?;
        disk.database = Some(database);
        Ok(disk)
    }

    pub(super) fn needs_reopening(&self) -> bool {
        self.database.is_none()
    }

    /// Opens the file again after a failed write and returns what it holds beyond `present`: the
    /// failed write may have arrived in spite of the failure.
    pub(super) fn reopen(&mut self, present: &State) -> Result<Vec<Event>> {
        let database = open_file(&self.path).map_err(|error| match error {
            OpenError::InUse => DiskError("another process took the state folder".into()),
            OpenError::Format(text) | OpenError::Other(text) => DiskError(text),
        })?;
        let (revision, _) =
            read_meta(&database).map_err(|error| DiskError(format!("{error:?}")))?;
        let mut events = vec![];
        if revision > present.revision() {
            let transaction = database.begin_read().map_err(engine)?;
            let undo = transaction.open_table(UNDO).map_err(engine)?;
            let current = transaction.open_table(CURRENT).map_err(engine)?;
            events = past(&undo, present.revision(), &mut |key| {
                let row = current.get(key.encode().as_str()).map_err(engine)?;
                row.map(|row| object(key, row.value()).map(Arc::new))
                    .transpose()
            })?;
        }
        self.database = Some(database);
        Ok(events)
    }

    /// Writes `events` and `secrets` so that they survive, and drops undo rows up to `compacted`.
    pub(super) fn commit(
        &mut self,
        events: &[Event],
        secrets: &[(String, Vec<u8>)],
        compacted: Revision,
    ) -> Result<()> {
        let database = self
            .database
            .as_ref()
            .ok_or_else(|| engine(redb::Error::PreviousIo))?;
        let dropped = compacted.min(self.dropped + DROP_PER_COMMIT);
        match write(database, events, secrets, self.dropped, dropped) {
            Ok(()) => {
                self.dropped = dropped;
                Ok(())
            }
            Err(error) => {
                self.database = None;
                Err(error)
            }
        }
    }

    pub(super) fn secret(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let database = self
            .database
            .as_ref()
            .ok_or_else(|| engine(redb::Error::PreviousIo))?;
        let transaction = database.begin_read().map_err(engine)?;
        let table = transaction.open_table(SECRETS).map_err(engine)?;
        Ok(table
            .get(name)
            .map_err(engine)?
            .map(|row| row.value().to_vec()))
    }
}

fn make_private_folder(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}

fn open_file(path: &Path) -> std::result::Result<Database, OpenError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| OpenError::Other(error.to_string()))?;
    create(path, file).map_err(|error| match error {
        redb::DatabaseError::DatabaseAlreadyOpen => OpenError::InUse,
        redb::DatabaseError::UpgradeRequired(version) => {
            OpenError::Format(format!("of redb file version {version}"))
        }
        error => OpenError::Other(engine(error).0),
    })
}

fn create(path: &Path, file: fs::File) -> std::result::Result<Database, redb::DatabaseError> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    #[cfg(test)]
    return builder.create_with_backend(super::faulty::Backend::new(path, file)?);
    #[cfg(not(test))]
    {
        let _ = path;
        builder.create_file(file)
    }
}

/// Newest and oldest revision; prepares a new file.
fn read_meta(database: &Database) -> std::result::Result<(Revision, Revision), OpenError> {
    let other = |error: DiskError| OpenError::Other(error.0);
    let prepare = || -> Result<(u64, Revision, Revision)> {
        let transaction = database.begin_write().map_err(engine)?;
        let found;
        {
            let mut meta = transaction.open_table(META).map_err(engine)?;
            transaction.open_table(CURRENT).map_err(engine)?;
            transaction.open_table(UNDO).map_err(engine)?;
            transaction.open_table(SECRETS).map_err(engine)?;
            let number = |name| -> Result<Option<u64>> {
                Ok(meta.get(name).map_err(engine)?.map(|row| row.value()))
            };
            let format = number("format")?;
            found = (
                format.unwrap_or(u64::from(FORMAT)),
                number("revision")?.unwrap_or(0),
                number("compacted")?.unwrap_or(0),
            );
            if format.is_none() {
                meta.insert("format", u64::from(FORMAT)).map_err(engine)?;
            }
        }
        transaction.commit().map_err(engine)?;
        Ok(found)
    };
    let (format, revision, compacted) = prepare().map_err(other)?;
    if format != u64::from(FORMAT) {
        return Err(OpenError::Format(format.to_string()));
    }
    Ok((revision, compacted))
}

/// Gives back the space of a file that is much larger than what it holds.
fn shrink(database: &mut Database, path: &Path) -> Result<()> {
    let size = fs::metadata(path).map_or(0, |meta| meta.len());
    if size < SLACK_BYTES {
        return Ok(());
    }
    let transaction = database.begin_write().map_err(engine)?;
    let stats = transaction.stats().map_err(engine)?;
    transaction.abort().map_err(engine)?;
    let live = stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
    if size > live * 2 + SLACK_BYTES {
        database.compact().map_err(engine)?;
    }
    Ok(())
}

fn write(
    database: &Database,
    events: &[Event],
    secrets: &[(String, Vec<u8>)],
    dropped_before: Revision,
    dropped: Revision,
) -> Result<()> {
    let mut transaction = database.begin_write().map_err(engine)?;
    transaction
        .set_durability(Durability::Immediate)
        .map_err(engine)?;
    {
        let mut meta = transaction.open_table(META).map_err(engine)?;
        let mut current = transaction.open_table(CURRENT).map_err(engine)?;
        let mut undo = transaction.open_table(UNDO).map_err(engine)?;
        for event in events {
            let key = event.key.encode();
            undo.insert(
                event.revision,
                undo_row(&key, event.prev.as_deref()).as_slice(),
            )
            .map_err(engine)?;
            if event.deleted {
                current.remove(key.as_str()).map_err(engine)?;
            } else {
                current
                    .insert(key.as_str(), row(&event.object).as_slice())
                    .map_err(engine)?;
            }
        }
        if let Some(newest) = events.last() {
            meta.insert("revision", newest.revision).map_err(engine)?;
        }
        if dropped > dropped_before {
            meta.insert("compacted", dropped).map_err(engine)?;
            for revision in dropped_before + 1..=dropped {
                undo.remove(revision).map_err(engine)?;
            }
        }
        let mut table = transaction.open_table(SECRETS).map_err(engine)?;
        for (name, value) in secrets {
            table
                .insert(name.as_str(), value.as_slice())
                .map_err(engine)?;
        }
    }
    transaction.commit().map_err(engine)
}

/// Revision, place of the revision in the JSON, JSON without its digits.
fn row(object: &Object) -> Vec<u8> {
    let mut row = Vec::with_capacity(object.size_bytes() + 12);
    row.extend_from_slice(&object.revision.to_le_bytes());
    let at = u32::try_from(object.head().len()).expect("objects are far smaller than 4 GiB");
    row.extend_from_slice(&at.to_le_bytes());
    row.extend_from_slice(object.head());
    row.extend_from_slice(object.tail());
    row
}

fn undo_row(key: &str, prev: Option<&Object>) -> Vec<u8> {
    let length = u16::try_from(key.len()).expect("names are at most 253 bytes each");
    let mut out = Vec::with_capacity(2 + key.len() + prev.map_or(0, |p| p.size_bytes() + 12));
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(key.as_bytes());
    if let Some(prev) = prev {
        out.extend_from_slice(&row(prev));
    }
    out
}

fn damaged(what: &str) -> DiskError {
    DiskError(format!(
        "the file {FILE} is damaged: {what}; restore a copy or remove the folder"
    ))
}

fn object(key: &Key, row: &[u8]) -> Result<Object> {
    let short = || damaged("a row is too short");
    let (revision, rest) = row.split_first_chunk::<8>().ok_or_else(short)?;
    let (at, json) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let at = u32::from_le_bytes(*at);
    if at as usize > json.len() {
        return Err(short());
    }
    let draft = Draft::restore(key.clone(), json.to_vec(), at)
        .map_err(|error| damaged(&format!("{key}: {error}")))?;
    Ok(draft.commit(Revision::from_le_bytes(*revision)))
}

fn load(
    database: &Database,
    state: &mut State,
    revision: Revision,
    compacted: Revision,
) -> Result<()> {
    let transaction = database.begin_read().map_err(engine)?;
    let current = transaction.open_table(CURRENT).map_err(engine)?;
    let mut names = Names::default();
    for entry in current.iter().map_err(engine)? {
        let (key, row) = entry.map_err(engine)?;
        let key = Key::decode(key.value()).ok_or_else(|| damaged("a key has not four parts"))?;
        state.restore(object(&names.share(key), row.value())?);
    }
    let undo = transaction.open_table(UNDO).map_err(engine)?;
    let events = past(&undo, compacted, &mut |key| Ok(state.get(key).cloned()))?;
    state.restore_past(revision, compacted, events);
    Ok(())
}

/// Reconstructs the events after `after`, walking back from the present.
fn past(
    undo: &impl ReadableTable<u64, &'static [u8]>,
    after: Revision,
    present: &mut dyn FnMut(&Key) -> Result<Option<Arc<Object>>>,
) -> Result<Vec<Event>> {
    let mut now: HashMap<Key, Option<Arc<Object>>> = HashMap::new();
    let mut events = vec![];
    for entry in undo.range(after + 1..).map_err(engine)?.rev() {
        let (revision, row) = entry.map_err(engine)?;
        let (revision, row) = (revision.value(), row.value());
        let (length, rest) = row
            .split_first_chunk::<2>()
            .ok_or_else(|| damaged("an undo row is too short"))?;
        let length = usize::from(u16::from_le_bytes(*length));
        let (key, prev) = rest
            .split_at_checked(length)
            .ok_or_else(|| damaged("an undo row is too short"))?;
        let key = std::str::from_utf8(key)
            .ok()
            .and_then(Key::decode)
            .ok_or_else(|| damaged("an undo row has no key"))?;
        let prev = if prev.is_empty() {
            None
        } else {
            Some(Arc::new(object(&key, prev)?))
        };
        let new = match now.remove(&key) {
            Some(new) => new,
            None => present(&key)?,
        };
        now.insert(key.clone(), prev.clone());
        let (object, deleted) = match (new, &prev) {
            (Some(new), _) => (new, false),
            (None, Some(prev)) => (Arc::new(prev.at(revision)), true),
            (None, None) => return Err(damaged("the undo log ends in nothing")),
        };
        events.push(Event {
            revision,
            key,
            prev,
            object,
            deleted,
        });
    }
    events.reverse();
    Ok(events)
}

/// Shares the strings that many keys have in common.
#[derive(Default)]
struct Names(HashMap<Arc<str>, Arc<str>>);

impl Names {
    fn share(&mut self, key: Key) -> Key {
        let resource = self
            .0
            .entry(key.resource.clone())
            .or_insert(key.resource)
            .clone();
        let namespace = self
            .0
            .entry(key.namespace.clone())
            .or_insert(key.namespace)
            .clone();
        Key {
            resource,
            namespace,
            name: key.name,
        }
    }
}
