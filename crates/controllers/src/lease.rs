//! One leader among replicas, by a Lease.
//!
//! Every replica keeps its index warm; only the holder hands out work. A lease that was not renewed for its duration,
//! by this process's own clock, may be taken; each write carries the version that was read, so only one can take it.
//! Writes of a former leader that are still under way carry preconditions of their own and cannot win either.
//!
//! Source: client-go tools/leaderelection.

use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch::Sender;
use tokio::time::Instant;

use crate::metrics::Verb;
use crate::watch::random_below;
use crate::wire::{Call, Content, Failure, Path, Wire};

/// Who competes for what.
#[derive(Clone, Debug)]
pub struct LeaderElection {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// Name of this process, unique among the replicas.
    pub identity: String,
    /// How long a lease holds that is not renewed.
    pub duration: Duration,
}

impl LeaderElection {
    /// A lease that holds for 15 s without renewal.
    pub fn new(namespace: &str, name: &str, identity: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            duration: Duration::from_secs(15),
        }
    }

    /// After this time without a renewal the holder no longer believes itself.
    fn deadline(&self) -> Duration {
        self.duration * 2 / 3
    }

    fn period(&self) -> Duration {
        self.duration / 6
    }
}

/// The lease as it was last read or written by this process.
#[derive(Debug)]
struct Seen {
    object: Value,
    /// When it last changed, by our clock.
    at: Instant,
}

impl Seen {
    fn holder(&self) -> &str {
        self.object
            .pointer("/spec/holderIdentity")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn version(&self) -> Option<&Value> {
        self.object.pointer("/metadata/resourceVersion")
    }
}

/// Competes for the lease; `leading` tells whether this process holds it.
pub(crate) struct Elector {
    wire: Wire,
    election: LeaderElection,
    leading: Sender<bool>,
    seen: Option<Seen>,
    renewed: Instant,
}

impl Elector {
    pub(crate) fn new(wire: Wire, election: LeaderElection, leading: Sender<bool>) -> Self {
        Self {
            wire,
            election,
            leading,
            seen: None,
            renewed: Instant::now(),
        }
    }

    /// Runs until dropped. Call [`Elector::release`] afterwards to let another go on at once.
    pub(crate) async fn run(&mut self) {
        loop {
            let period = self.election.period();
            if self.is_leading() {
                let left = self
                    .election
                    .deadline()
                    .saturating_sub(self.renewed.elapsed());
                // A renewal that hangs must not outlive our own belief.
                let renewal = tokio::time::timeout(left, self.renew()).await;
                match renewal {
                    Ok(Ok(())) => {}
                    Ok(Err(failure)) if failure.is_conflict() => self.lose("somebody took it"),
                    _ if self.renewed.elapsed() >= self.election.deadline() => {
                        self.lose("it could not be renewed in time");
                    }
                    Ok(Err(failure)) => tracing::warn!(%failure, "cannot renew the lease"),
                    Err(_) => {}
                }
            } else if let Err(failure) = self.compete().await {
                tracing::warn!(%failure, "cannot compete for the lease");
            }
            let micros = u64::try_from(period.as_micros() / 5).unwrap_or(u64::MAX);
            tokio::time::sleep(period + Duration::from_micros(random_below(micros))).await;
        }
    }

    fn is_leading(&self) -> bool {
        *self.leading.borrow()
    }

    fn lose(&mut self, why: &str) {
        tracing::warn!(lease = self.election.name, why, "lost the lease");
        self.leading.send_replace(false);
    }

    fn win(&mut self, object: Value) {
        let now = Instant::now();
        self.seen = Some(Seen { object, at: now });
        self.renewed = now;
        if !self.leading.send_replace(true) {
            tracing::info!(
                lease = self.election.name,
                identity = self.election.identity,
                "leading"
            );
        }
    }

    async fn compete(&mut self) -> Result<(), Failure> {
        let path = self.collection().object(&self.election.name).done();
        match self.send(Call::get(Verb::Lease, path)).await {
            Ok(object) => self.note(object),
            Err(failure) if failure.is_not_found() => {
                let body = self.body(None, &self.election.identity);
                let uri = self.collection().done();
                let call = Call::with_body(Verb::Lease, Method::POST, uri, Content::Json, &body);
                return match self.send(call).await {
                    Ok(object) => {
                        self.win(object);
                        Ok(())
                    }
                    Err(failure) if failure.is_conflict() => Ok(()),
                    Err(failure) => Err(failure),
                };
            }
            Err(failure) => return Err(failure),
        }
        let free = self.seen.as_ref().is_some_and(|seen| {
            seen.holder().is_empty()
                || seen.holder() == self.election.identity
                || seen.at.elapsed() >= self.election.duration
        });
        if free {
            let started = Instant::now();
            match self.put(&self.election.identity.clone()).await {
                Ok(object) => {
                    self.win(object);
                    self.renewed = started;
                }
                Err(failure) if failure.is_conflict() => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    async fn renew(&mut self) -> Result<(), Failure> {
        let started = Instant::now();
        let object = self.put(&self.election.identity.clone()).await?;
        self.seen = Some(Seen {
            object,
            at: started,
        });
        self.renewed = started;
        Ok(())
    }

    /// Lets go of the lease.
    pub(crate) async fn release(&mut self) {
        if self.is_leading() {
            self.leading.send_replace(false);
            if let Err(failure) = self.put("").await {
                tracing::debug!(%failure, "the lease was not released and will run out");
            }
        }
    }

    /// Remembers when the lease last changed.
    fn note(&mut self, object: Value) {
        let changed = self
            .seen
            .as_ref()
            .is_none_or(|seen| seen.version() != object.pointer("/metadata/resourceVersion"));
        if changed {
            self.seen = Some(Seen {
                object,
                at: Instant::now(),
            });
        }
    }

    async fn put(&mut self, holder: &str) -> Result<Value, Failure> {
        let body = self.body(self.seen.as_ref(), holder);
        let uri = self.collection().object(&self.election.name).done();
        self.send(Call::with_body(
            Verb::Lease,
            Method::PUT,
            uri,
            Content::Json,
            &body,
        ))
        .await
    }

    fn collection(&self) -> Path {
        Path::collection(
            "coordination.k8s.io",
            "v1",
            "leases",
            Some(&self.election.namespace),
        )
    }

    async fn send(&self, call: Call) -> Result<Value, Failure> {
        let body = self.wire.call(call).await?;
        serde_json::from_slice(&body).map_err(|error| Failure::lost(&error))
    }

    fn body(&self, seen: Option<&Seen>, holder: &str) -> Value {
        let now = Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
            .to_string();
        let spec = seen.and_then(|seen| seen.object.get("spec"));
        let changes_hands = seen.is_none_or(|seen| seen.holder() != holder);
        let transitions = spec
            .and_then(|spec| spec["leaseTransitions"].as_i64())
            .unwrap_or(0);
        let taken = seen.is_some() && changes_hands && !holder.is_empty();
        let acquired = spec
            .and_then(|spec| spec.get("acquireTime"))
            .filter(|_| !changes_hands);
        let mut metadata =
            json!({"namespace": self.election.namespace, "name": self.election.name});
        if let Some(version) = seen.and_then(Seen::version) {
            metadata["resourceVersion"] = version.clone();
        }
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": self.election.duration.as_secs().max(1),
                "acquireTime": acquired.cloned().unwrap_or_else(|| json!(now)),
                "renewTime": now,
                "leaseTransitions": transitions + i64::from(taken),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinHandle;

    use super::*;
    use crate::fake::{self, Fake};
    use crate::metrics::Metrics;

    const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/carto/leases";

    fn start() -> (Fake, Sender<bool>, JoinHandle<()>) {
        let (client, fake) = fake::client();
        let wire = Wire::new(client, Arc::new(Metrics::default()), Duration::from_mins(1));
        let leading = Sender::new(false);
        let election = LeaderElection::new("carto", "controllers", "me");
        let mut elector = Elector::new(wire, election, leading.clone());
        let task = tokio::spawn(async move { elector.run().await });
        (fake, leading, task)
    }

    fn lease(holder: &str, version: &str) -> Value {
        json!({"metadata": {"resourceVersion": version},
            "spec": {"holderIdentity": holder, "leaseTransitions": 4}})
    }

    async fn becomes(leading: &Sender<bool>, expect: bool) {
        let mut leading = leading.subscribe();
        let wait = leading.wait_for(|leading| *leading == expect);
        tokio::time::timeout(Duration::from_mins(1), wait)
            .await
            .unwrap()
            .unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_creates_the_lease_and_renews_it() {
        let (mut fake, leading, _task) = start();
        fake.expect(Method::GET, LEASE)
            .await
            .fail(404, "NotFound", "no");
        let create = fake.expect(Method::POST, LEASE).await;
        assert_eq!(create.body["spec"]["holderIdentity"], "me");
        create.json(&lease("me", "5"));
        becomes(&leading, true).await;
        let renewal = fake.expect(Method::PUT, LEASE).await;
        assert_eq!(renewal.body["metadata"]["resourceVersion"], "5");
        assert_eq!(renewal.body["spec"]["leaseTransitions"], 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_renewed_is_not_taken() {
        let (mut fake, leading, _task) = start();
        for version in 0..20 {
            let get = fake.expect(Method::GET, LEASE).await;
            get.json(&lease("other", &version.to_string()));
        }
        assert!(!*leading.borrow());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_ran_out_is_taken() {
        let (mut fake, leading, _task) = start();
        let taken = loop {
            let exchange = fake.next().await;
            if exchange.method == Method::PUT {
                break exchange;
            }
            exchange.json(&lease("other", "9"));
        };
        assert_eq!(taken.body["metadata"]["resourceVersion"], "9");
        assert_eq!(taken.body["spec"]["leaseTransitions"], 5);
        taken.json(&lease("me", "10"));
        becomes(&leading, true).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_cannot_renew_steps_down_before_its_lease_runs_out() {
        let (mut fake, leading, _task) = start();
        fake.next().await.json(&lease("", "9"));
        fake.expect(Method::PUT, LEASE)
            .await
            .json(&lease("me", "10"));
        becomes(&leading, true).await;
        let held = Instant::now();
        let hangs = fake.expect(Method::PUT, LEASE).await;
        becomes(&leading, false).await;
        assert!(
            held.elapsed() < Duration::from_secs(15),
            "{:?}",
            held.elapsed()
        );
        drop(hangs);
    }
}
