//! The merge proper: comparing, conflicting, pruning across versions.
//!
//! Source: structured-merge-diff merge/update.go, v6.3.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use super::{Conflicts, Versions};
use crate::{
    fieldpath::{Filter, Set},
    managed::{Manager, Owned},
    order,
    schema::Schema,
    typed::{self, Comparison, Duplicates},
};

type Fields = BTreeMap<Manager, Owned>;

pub(super) struct Updater<'a> {
    pub(super) versions: &'a dyn Versions,
    pub(super) filter: &'a Filter,
}

pub(super) enum Failure {
    Conflicts(Conflicts),
    Other(String),
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Other(reason)
    }
}

/// An object in one version together with the schema of it.
struct Typed<'v> {
    object: Cow<'v, Value>,
    schema: &'v Schema,
}

impl Updater<'_> {
    /// Returns the object in a version, or `None` when that version is gone.
    fn convert<'v>(
        &'v self,
        object: &'v Value,
        version: &str,
    ) -> Result<Option<Typed<'v>>, String> {
        let Some(schema) = self.versions.schema(version) else {
            return Ok(None);
        };
        let current = object.get("apiVersion").and_then(Value::as_str);
        let object = if current == Some(version) {
            Cow::Borrowed(object)
        } else {
            let converted = self.versions.convert(object, version)?;
            typed::validate(schema, &converted, Duplicates::Refused).map_err(|e| e.to_string())?;
            Cow::Owned(converted)
        };
        Ok(Some(Typed { object, schema }))
    }

    /// Compares in one version. The filter of the endpoint speaks of the version of the request only.
    fn compare(
        schema: &Schema,
        old: &Value,
        new: &Value,
        filter: &Filter,
    ) -> Result<Comparison, String> {
        typed::compare(schema, old, new)
            .map(|comparison| comparison.filtered(filter))
            .map_err(|e| format!("failed to compare objects: {e}"))
    }

    /// Records the difference between two objects under [`Manager::current`].
    pub(super) fn update(
        &self,
        live: &Value,
        new: &Value,
        version: &str,
        fields: Fields,
    ) -> Result<Fields, String> {
        let current = Manager::current();
        let fields = self.reconcile(live, fields)?;
        let (mut fields, changes) = self
            .take_changes(live, new, version, fields, &current, true)
            .map_err(|failure| match failure {
                Failure::Other(reason) => reason,
                Failure::Conflicts(conflicts) => conflicts.to_string(),
            })?;
        let before = fields
            .remove(&current)
            .map(|owned| owned.set)
            .unwrap_or_default();
        let set = before
            .difference(&changes.removed)
            .union(&changes.modified)
            .union(&changes.added);
        let set = self.filter.filter(&set);
        if !set.is_empty() {
            fields.insert(
                current,
                Owned {
                    set,
                    api_version: version.to_owned(),
                    applied: false,
                },
            );
        }
        Ok(fields)
    }

    /// Merges `applied` into `live`; the object is `None` when nothing changed.
    pub(super) fn apply(
        &self,
        live: &Value,
        applied: &Value,
        version: &str,
        fields: Fields,
        manager: &Manager,
        force: bool,
    ) -> Result<(Option<Value>, Fields), Failure> {
        let schema = self
            .versions
            .schema(version)
            .ok_or_else(|| format!("no corresponding type for {version}"))?;
        let mut fields = self.reconcile(live, fields)?;
        let merged = typed::merge(schema, live, applied)
            .map_err(|e| format!("failed to merge config: {e}"))?;
        let set = self.filter.filter(&typed::field_set(schema, applied));
        let owned = Owned {
            set,
            api_version: version.to_owned(),
            applied: true,
        };
        let last = fields.insert(manager.clone(), owned);
        let new = self
            .prune(merged, &fields, manager, last.as_ref())
            .map_err(|e| format!("failed to prune fields: {e}"))?;
        let (fields, _) = self.take_changes(live, &new, version, fields, manager, force)?;
        let unchanged = order::equal(live, &new);
        Ok(((!unchanged).then_some(new), fields))
    }

    /// Takes what changed from every manager but the writer, or reports it as conflicts.
    fn take_changes(
        &self,
        old: &Value,
        new: &Value,
        version: &str,
        mut fields: Fields,
        writer: &Manager,
        force: bool,
    ) -> Result<(Fields, Comparison), Failure> {
        let schema = self
            .versions
            .schema(version)
            .ok_or_else(|| format!("no corresponding type for {version}"))?;
        let changes = Self::compare(schema, old, new, self.filter)?;
        let mut by_version = BTreeMap::from([(version.to_owned(), changes.clone())]);
        let mut conflicts: BTreeMap<Manager, Set> = BTreeMap::new();
        let mut removed: BTreeMap<Manager, Set> = BTreeMap::new();
        let mut obsolete = Vec::new();
        for (manager, owned) in &fields {
            if manager == writer {
                continue;
            }
            if !by_version.contains_key(&owned.api_version) {
                let old = self
                    .convert(old, &owned.api_version)
                    .map_err(|e| format!("failed to convert old object: {e}"))?;
                let new = self
                    .convert(new, &owned.api_version)
                    .map_err(|e| format!("failed to convert new object: {e}"))?;
                let (Some(old), Some(new)) = (old, new) else {
                    obsolete.push(manager.clone());
                    continue;
                };
                let changes =
                    Self::compare(old.schema, &old.object, &new.object, &Filter::Everything)?;
                by_version.insert(owned.api_version.clone(), changes);
            }
            let changes = &by_version[&owned.api_version];
            let touched = owned
                .set
                .intersection(&changes.modified.union(&changes.added));
            if !touched.is_empty() {
                conflicts.insert(manager.clone(), touched);
            }
            if !changes.removed.is_empty() {
                removed.insert(manager.clone(), changes.removed.clone());
            }
        }
        for manager in obsolete {
            fields.remove(&manager);
        }
        if !force && !conflicts.is_empty() {
            return Err(Failure::Conflicts(Conflicts::new(&conflicts)));
        }
        for (manager, set) in conflicts.into_iter().chain(removed) {
            if let Some(owned) = fields.get_mut(&manager) {
                owned.set = owned.set.difference(&set);
            }
        }
        fields.retain(|_, owned| !owned.set.is_empty());
        Ok((fields, changes))
    }

    /// Removes what the manager applied last time, does not apply now, and nobody else owns.
    fn prune(
        &self,
        merged: Value,
        fields: &Fields,
        manager: &Manager,
        last: Option<&Owned>,
    ) -> Result<Value, String> {
        let Some(last) = last.filter(|last| !last.set.is_empty()) else {
            return Ok(merged);
        };
        let version = &last.api_version;
        let Some(converted) = self
            .convert(&merged, version)
            .map_err(|e| format!("failed to convert merged object to last applied version: {e}"))?
        else {
            return Ok(merged);
        };
        let schema = converted.schema;
        let named = last.set.with_named_fields(schema, Some(schema.root()));
        let pruned = typed::remove(schema, &converted.object, &named);
        let pruned = self
            .add_back_owned(&converted.object, pruned, version, fields)
            .map_err(|e| format!("failed add back owned items: {e}"))?;
        let pruned = self
            .add_back_dangling(&converted, &pruned, last)
            .map_err(|e| format!("failed add back dangling items: {e}"))?;
        let target = fields
            .get(manager)
            .map_or(version, |owned| &owned.api_version);
        let Some(back) = self.convert(&pruned, target)? else {
            return Err(format!("no corresponding type for {target}"));
        };
        Ok(back.object.into_owned())
    }

    /// Puts back everything that some manager still owns, the pruned version first.
    fn add_back_owned(
        &self,
        merged: &Value,
        pruned: Value,
        pruned_version: &str,
        fields: &Fields,
    ) -> Result<Value, String> {
        let mut owned_at: BTreeMap<&str, Set> = BTreeMap::new();
        for owned in fields.values() {
            owned_at
                .entry(&owned.api_version)
                .or_default()
                .extend(&owned.set);
        }
        let mut pruned = pruned;
        if let Some(owned) = owned_at.remove(pruned_version) {
            pruned = self.add_back_at(merged, pruned, pruned_version, &owned)?;
        }
        for (version, owned) in owned_at {
            pruned = self.add_back_at(merged, pruned, version, &owned)?;
        }
        Ok(pruned)
    }

    fn add_back_at(
        &self,
        merged: &Value,
        pruned: Value,
        version: &str,
        owned: &Set,
    ) -> Result<Value, String> {
        let Some(merged) = self
            .convert(merged, version)
            .map_err(|e| format!("failed to convert merged object at version {version}: {e}"))?
        else {
            return Ok(pruned);
        };
        let Some(converted) = self
            .convert(&pruned, version)
            .map_err(|e| format!("failed to convert pruned object at version {version}: {e}"))?
        else {
            return Ok(pruned);
        };
        let schema = merged.schema;
        let root = Some(schema.root());
        let named = |set: &Set| set.with_named_fields(schema, root);
        let merged_set = named(&typed::field_set(schema, &merged.object));
        let pruned_set = named(&typed::field_set(schema, &converted.object));
        let unwanted = merged_set.difference(&pruned_set.union(&named(owned)));
        Ok(typed::remove(schema, &merged.object, &unwanted))
    }

    /// Puts back what came with the pruned fields but was never applied by this manager.
    fn add_back_dangling(
        &self,
        merged: &Typed<'_>,
        pruned: &Value,
        last: &Owned,
    ) -> Result<Value, String> {
        let Some(converted) = self
            .convert(pruned, &last.api_version)
            .map_err(|e| format!("failed to convert pruned object to last applied version: {e}"))?
        else {
            return Ok(merged.object.clone().into_owned());
        };
        let schema = merged.schema;
        let named = |set: &Set| set.with_named_fields(schema, Some(schema.root()));
        let pruned_set = named(&typed::field_set(converted.schema, &converted.object));
        let merged_set = named(&typed::field_set(schema, &merged.object));
        let unwanted = merged_set
            .difference(&pruned_set)
            .intersection(&named(&last.set));
        Ok(typed::remove(schema, &merged.object, &unwanted))
    }

    /// Adjusts recorded fields to schemas that changed since.
    fn reconcile(&self, live: &Value, fields: Fields) -> Result<Fields, String> {
        let mut kept = Fields::new();
        for (manager, mut owned) in fields {
            // Entries of versions that are gone are dropped.
            let Some(live) = self.convert(live, &owned.api_version)? else {
                continue;
            };
            if let Some(set) = typed::reconcile(live.schema, &owned.set) {
                owned.set = set;
            }
            kept.insert(manager, owned);
        }
        Ok(kept)
    }
}
