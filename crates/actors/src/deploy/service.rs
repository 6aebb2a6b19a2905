//! One loopback address for each port of a Service, and who answers behind it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use carto_artifacts::listen::Ports;
use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, watch},
};
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::names::URL;

/// Connections that one port passes on at a time; more wait.
const MAX_CONNECTIONS: usize = 1024;
/// How long a connection waits for a backend.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause after a backend that refused a connection.
const RETRY: Duration = Duration::from_millis(20);

/// Where a ready pod answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Endpoint {
    namespace: String,
    pod: String,
    labels: BTreeMap<String, String>,
    /// Declared ports: number, name, and where they really are.
    declared: Vec<(i32, Option<String>, u16)>,
    /// Where its first container listens.
    first: Option<u16>,
}

impl Endpoint {
    /// The endpoint of a pod; `ports` are where the first port of each of its containers really is.
    pub(super) fn of(pod: &Pod, ports: &[Option<u16>]) -> Self {
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        let mut declared = Vec::new();
        for (container, real) in containers.zip(ports) {
            for (position, port) in container.ports.iter().flatten().enumerate() {
                let moved = real.filter(|_port| position == 0);
                let own = u16::try_from(port.container_port).ok();
                declared.extend(
                    moved
                        .or(own)
                        .map(|real| (port.container_port, port.name.clone(), real)),
                );
            }
        }
        Self {
            namespace: pod.namespace().unwrap_or_default(),
            pod: pod.name_any(),
            labels: pod.labels().clone(),
            declared,
            first: ports.iter().flatten().next().copied(),
        }
    }

    fn serves(&self, namespace: &str, selector: &BTreeMap<String, String>) -> bool {
        self.namespace == namespace
            && selector
                .iter()
                .all(|(key, value)| self.labels.get(key) == Some(value))
    }

    /// Where a connection to `port` of a Service goes.
    fn target(&self, port: &ServicePort) -> Option<u16> {
        if self.declared.is_empty() {
            return self.first;
        }
        let asked = port
            .target_port
            .clone()
            .unwrap_or(IntOrString::Int(port.port));
        let found = self.declared.iter().find(|(number, name, _)| match &asked {
            IntOrString::Int(asked) => asked == number,
            IntOrString::String(asked) => name.as_deref() == Some(asked.as_str()),
        });
        match (found, asked) {
            (Some((_, _, real)), _) => Some(*real),
            (None, IntOrString::Int(asked)) => u16::try_from(asked).ok(),
            (None, IntOrString::String(_)) => None,
        }
    }
}

/// All ready pods.
#[derive(Debug, Default)]
pub(super) struct Backends {
    endpoints: Mutex<Vec<Endpoint>>,
    changed: Notify,
    turn: AtomicUsize,
}

impl Backends {
    /// A pod is ready.
    pub(super) fn add(&self, endpoint: Endpoint) {
        let mut endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if endpoints.contains(&endpoint) {
            return;
        }
        endpoints
            .retain(|there| there.namespace != endpoint.namespace || there.pod != endpoint.pod);
        endpoints.push(endpoint);
        drop(endpoints);
        self.changed.notify_waiters();
    }

    /// A pod is not ready any more.
    pub(super) fn remove(&self, namespace: &str, pod: &str) {
        let mut endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        endpoints.retain(|endpoint| endpoint.namespace != namespace || endpoint.pod != pod);
    }

    /// The next port in turn behind a port of a Service.
    fn pick(
        &self,
        namespace: &str,
        selector: &BTreeMap<String, String>,
        port: &ServicePort,
    ) -> Option<u16> {
        let endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let targets: Vec<u16> = endpoints
            .iter()
            .filter(|endpoint| endpoint.serves(namespace, selector))
            .filter_map(|endpoint| endpoint.target(port))
            .collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        (!targets.is_empty()).then(|| targets[turn % targets.len()])
    }

    async fn wait(
        &self,
        namespace: &str,
        selector: &BTreeMap<String, String>,
        port: &ServicePort,
    ) -> u16 {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(target) = self.pick(namespace, selector, port) {
                return target;
            }
            changed.await;
        }
    }
}

/// Serves one Service until it is gone.
pub(super) async fn follow(shared: Arc<Shared>, mut latest: watch::Receiver<Arc<Service>>) {
    let mut serving: Option<(Value, CancellationToken)> = None;
    loop {
        let service = Arc::clone(&latest.borrow_and_update());
        let wanted = essence(&service);
        if serving
            .as_ref()
            .is_none_or(|(essence, _stop)| *essence != wanted)
        {
            if let Some((_essence, stop)) = serving.take() {
                stop.cancel();
            }
            let stop = CancellationToken::new();
            let addresses = open(&shared, &service, &stop).await;
            announce(&shared, &service, &addresses).await;
            serving = Some((wanted, stop));
        }
        if latest.changed().await.is_err() {
            break;
        }
    }
    if let Some((_essence, stop)) = serving {
        stop.cancel();
    }
}

/// What decides how a Service is served.
fn essence(service: &Service) -> Value {
    let spec = service.spec.clone().unwrap_or_default();
    json!({"ports": spec.ports, "selector": spec.selector})
}

/// A port of a Service: where it is, or why it is not.
struct Address {
    name: Option<String>,
    number: i32,
    place: Result<u16, String>,
}

async fn open(shared: &Arc<Shared>, service: &Service, stop: &CancellationToken) -> Vec<Address> {
    let spec = service.spec.clone().unwrap_or_default();
    let selector = spec.selector.unwrap_or_default();
    let mut addresses = Vec::new();
    if selector.is_empty() {
        return addresses;
    }
    let (namespace, name) = (service.namespace().unwrap_or_default(), service.name_any());
    for port in spec.ports.unwrap_or_default() {
        let note = note(&namespace, &name, port.port);
        let place = match listen(&shared.ports, &note).await {
            Ok((listener, number)) => {
                let route = Route {
                    shared: Arc::clone(shared),
                    namespace: namespace.clone(),
                    selector: selector.clone(),
                    port: port.clone(),
                };
                let stop = stop.clone();
                tokio::spawn(async move {
                    stop.run_until_cancelled(accept(listener, Arc::new(route)))
                        .await;
                });
                Ok(number)
            }
            Err(reason) => Err(reason),
        };
        addresses.push(Address {
            name: port.name.clone(),
            number: port.port,
            place,
        });
    }
    addresses
}

/// Under which name the port of a Service is kept.
pub(super) fn note(namespace: &str, service: &str, port: i32) -> String {
    format!("service/{namespace}/{service}/{port}")
}

async fn listen(ports: &Ports, note: &str) -> Result<(TcpListener, u16), String> {
    let listener = ports
        .listen(note)
        .await
        .map_err(|error| error.to_string())?;
    let number = listener
        .local_addr()
        .map_err(|error| error.to_string())?
        .port();
    Ok((listener, number))
}

/// Where the connections of one port go.
struct Route {
    shared: Arc<Shared>,
    namespace: String,
    selector: BTreeMap<String, String>,
    port: ServicePort,
}

async fn accept(listener: TcpListener, route: Arc<Route>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((incoming, _from)) = listener.accept().await else {
            // Out of descriptors, mostly: give the connections under way a chance to end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let route = Arc::clone(&route);
        tokio::spawn(async move {
            pass_on(incoming, &route).await;
            drop(place);
        });
    }
}

async fn pass_on(mut incoming: TcpStream, route: &Route) {
    let backends = &route.shared.backends;
    let connected = async {
        loop {
            let target = backends.wait(&route.namespace, &route.selector, &route.port);
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", target.await)).await {
                return stream;
            }
            // It ended a moment ago; the next one in turn may answer.
            tokio::time::sleep(RETRY).await;
        }
    };
    let Ok(mut outgoing) = tokio::time::timeout(PATIENCE, connected).await else {
        return;
    };
    // Either side may hang up at any time.
    drop(tokio::io::copy_bidirectional(&mut incoming, &mut outgoing).await);
}

/// Says in the Service's status where it is reached.
async fn announce(shared: &Shared, service: &Service, addresses: &[Address]) {
    let Some(first) = addresses.first() else {
        return;
    };
    let namespace = service.namespace().unwrap_or_default();
    let api = Api::<Service>::namespaced(shared.client.clone(), &namespace);
    let (word, reason, message) = match &first.place {
        Ok(port) => ("True", "Listening", format!("http://127.0.0.1:{port}")),
        Err(trouble) => ("False", "PortUnavailable", trouble.clone()),
    };
    let reached: Vec<Value> = addresses
        .iter()
        .filter_map(|address| Some((address, address.place.as_ref().ok()?)))
        .map(|(_address, port)| json!({"port": port, "protocol": "TCP"}))
        .collect();
    let all: Vec<String> = addresses
        .iter()
        .map(|address| {
            let name = address
                .name
                .clone()
                .unwrap_or_else(|| address.number.to_string());
            match &address.place {
                Ok(port) => format!("{name} is 127.0.0.1:{port}"),
                Err(trouble) => format!("{name}: {trouble}"),
            }
        })
        .collect();
    let message = if addresses.len() > 1 {
        all.join("; ")
    } else {
        message
    };
    let status = json!({"status": {
        "loadBalancer": {"ingress": [{"ip": "127.0.0.1", "ports": reached}]},
        "conditions": [{
            "type": "Reachable", "status": word, "reason": reason, "message": message,
            "lastTransitionTime": format!("{:.0}", jiff::Timestamp::now())
        }]
    }});
    let name = service.name_any();
    let parameters = PatchParams::default();
    if let Err(error) = api
        .patch_status(&name, &parameters, &Patch::Merge(status))
        .await
    {
        tracing::warn!(%error, service = name, "cannot write a service's status");
    }
    let url = first
        .place
        .as_ref()
        .ok()
        .map(|port| format!("http://127.0.0.1:{port}"));
    let known = service.annotations().get(URL).cloned();
    if url != known {
        let patch = json!({"metadata": {"annotations": {URL: url}}});
        if let Err(error) = api.patch(&name, &parameters, &Patch::Merge(patch)).await {
            tracing::warn!(%error, service = name, "cannot note a service's address");
        }
    }
}
