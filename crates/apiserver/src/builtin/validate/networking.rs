//! Ingresses, network policies, endpoints.
//!
//! Source: kubernetes `pkg/apis/networking/validation/validation.go`, `pkg/apis/discovery/validation/validation.go`,
//! `pkg/apis/core/validation/validation.go` (`ValidateEndpoints`), v1.36.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::at::At;
use super::problems::Problems;
use super::{labels, numbers};
use crate::names;

const ENDPOINTS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;
const PORTS_MAX: usize = 20_000;

pub(super) fn ingress(new: &At<'_>, problems: &mut Problems) {
    let spec = new.get("spec");
    let (rules, backend) = (spec.get("rules"), spec.get("defaultBackend"));
    if rules.is_empty() && !backend.is_set() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        problems.invalid_as(&spec, rules.value.clone(), detail);
    }
    if backend.is_set() {
        self::backend(&backend, problems);
    }
    for rule in rules.items() {
        ingress_rule(&rule, problems);
    }
    for tls in spec.get("tls").items() {
        for host in tls.get("hosts").items() {
            host_name(&host, problems);
        }
        let secret = tls.get("secretName");
        if !secret.is_empty() {
            problems.subdomain(&secret);
        }
    }
    let class = spec.get("ingressClassName");
    if class.is_set() {
        problems.subdomain(&class);
    }
}

fn host_name(at: &At<'_>, problems: &mut Problems) {
    let problems_of = if at.text().contains('*') {
        names::wildcard_subdomain
    } else {
        names::dns1123_subdomain
    };
    problems.all(at, problems_of(at.text()));
}

fn ingress_rule(at: &At<'_>, problems: &mut Problems) {
    let host = at.get("host");
    if !host.is_empty() {
        if host.text().parse::<IpAddr>().is_ok() {
            problems.invalid(&host, "must be a DNS name, not an IP address");
        }
        host_name(&host, problems);
    }
    let http = at.get("http");
    if !http.is_set() {
        return;
    }
    if http.get("paths").is_empty() {
        problems.required(&http.get("paths"), "");
    }
    for path in http.get("paths").items() {
        ingress_path(&path, problems);
    }
}

fn ingress_path(at: &At<'_>, problems: &mut Problems) {
    let (path, kind) = (at.get("path"), at.get("pathType"));
    if !kind.is_set() {
        return problems.required(&kind, "pathType must be specified");
    }
    let text = path.text();
    match kind.text() {
        "Exact" | "Prefix" => {
            if !text.starts_with('/') {
                problems.invalid_as(&path, text, "must be an absolute path");
            }
            for sequence in ["//", "/./", "/../", "%2f", "%2F"] {
                if text.contains(sequence) {
                    problems.invalid(&path, format!("must not contain '{sequence}'"));
                }
            }
            for suffix in ["/..", "/."] {
                if text.ends_with(suffix) {
                    problems.invalid(&path, format!("cannot end with '{suffix}'"));
                }
            }
        }
        "ImplementationSpecific" => {
            if !text.is_empty() && !text.starts_with('/') {
                problems.invalid(&path, "must be an absolute path");
            }
        }
        _ => problems.not_supported(&kind, &["Exact", "ImplementationSpecific", "Prefix"]),
    }
    backend(&at.get("backend"), problems);
}

fn backend(at: &At<'_>, problems: &mut Problems) {
    let (resource, service) = (at.get("resource"), at.get("service"));
    match (resource.is_set(), service.is_set()) {
        (true, true) => {
            problems.invalid_as(at, "", "cannot set both resource and service backends");
        }
        (true, false) => {
            if resource.get("apiGroup").is_set() {
                problems.subdomain(&resource.get("apiGroup"));
            }
            for field in ["kind", "name"] {
                let text = resource.get(field);
                if text.is_empty() {
                    problems.required(&text, "");
                } else {
                    problems.all(&text, names::path_segment(text.text()));
                }
            }
        }
        (false, true) => {
            let (name, port) = (service.get("name"), service.get("port"));
            if name.is_empty() {
                problems.required(&name, "");
            } else {
                problems.label(&name);
            }
            let (port_name, number) = (port.get("name"), port.get("number"));
            match (!port_name.is_empty(), number.number() != 0) {
                (true, true) => {
                    problems.invalid_as(at, "", "cannot set both port name & port number");
                }
                (true, false) => problems.all(&port_name, names::port_name(port_name.text())),
                (false, true) => numbers::port(&number, problems),
                (false, false) => problems.required(at, "port name or number is required"),
            }
        }
        (false, false) => problems.invalid_as(at, "", "resource or service backend is required"),
    }
}

pub(super) fn policy(new: &At<'_>, problems: &mut Problems) {
    let spec = new.get("spec");
    labels::selector(&spec.get("podSelector"), problems);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.get(direction).items() {
            for port in rule.get("ports").items() {
                policy_port(&port, problems);
            }
            for peer in rule.get(peers).items() {
                policy_peer(&peer, problems);
            }
        }
    }
    let types = spec.get("policyTypes");
    if types.len() > 2 {
        return problems.invalid(&types, "may not specify more than two policyTypes");
    }
    for kind in types.items() {
        problems.known(&kind, &["Ingress", "Egress"]);
    }
}

fn policy_port(at: &At<'_>, problems: &mut Problems) {
    let (protocol, port, end) = (at.get("protocol"), at.get("port"), at.get("endPort"));
    if protocol.is_set() {
        problems.known(&protocol, &["TCP", "UDP", "SCTP"]);
    }
    match port.value {
        Value::Null => {
            if end.is_set() {
                problems.invalid(&end, "may not be specified when `port` is not specified");
            }
        }
        Value::String(name) => {
            if end.is_set() {
                problems.invalid(&end, "may not be specified when `port` is non-numeric");
            }
            problems.all(&port, names::port_name(name));
        }
        _ => {
            numbers::port(&port, problems);
            if end.is_set() {
                if end.number() < port.number() {
                    let detail = "must be greater than or equal to `port`";
                    problems.invalid_as(&end, port.number(), detail);
                }
                numbers::port(&end, problems);
            }
        }
    }
}

fn policy_peer(at: &At<'_>, problems: &mut Problems) {
    let mut peers = 0;
    for field in ["podSelector", "namespaceSelector"] {
        let selector = at.get(field);
        if selector.is_set() {
            peers += 1;
            labels::selector(&selector, problems);
        }
    }
    let block = at.get("ipBlock");
    if block.is_set() {
        if block.get("cidr").is_empty() {
            problems.required(&block.get("cidr"), "");
        } else {
            numbers::network(&block.get("cidr"), problems);
            for except in block.get("except").items() {
                numbers::network(&except, problems);
            }
        }
        if peers > 0 {
            problems.forbidden(at, "may not specify both ipBlock and another peer");
        }
    } else if peers == 0 {
        problems.required(at, "must specify a peer");
    }
}

pub(super) fn endpoints(new: &At<'_>, problems: &mut Problems) {
    for subset in new.get("subsets").items() {
        let (addresses, waiting) = (subset.get("addresses"), subset.get("notReadyAddresses"));
        if addresses.is_empty() && waiting.is_empty() {
            let detail = "must specify `addresses` or `notReadyAddresses`";
            problems.required(&subset, detail);
        }
        for address in addresses.items().chain(waiting.items()) {
            let ip = address.get("ip");
            if numbers::address(&ip, problems).is_some() {
                numbers::reachable_address(&ip, problems);
            }
            if !address.get("hostname").is_empty() {
                problems.label(&address.get("hostname"));
            }
            if address.get("nodeName").is_set() {
                problems.subdomain(&address.get("nodeName"));
            }
        }
        let ports = subset.get("ports");
        for port in ports.items() {
            endpoint_port(&port, ports.len() > 1, problems);
        }
    }
}

fn endpoint_port(at: &At<'_>, name_required: bool, problems: &mut Problems) {
    let name = at.get("name");
    if !name.is_empty() {
        problems.label(&name);
    } else if name_required {
        problems.required(&name, "");
    }
    numbers::port(&at.get("port"), problems);
    problems.one_of(&at.get("protocol"), numbers::PROTOCOLS);
    if at.get("appProtocol").is_set() {
        problems.qualified_name(&at.get("appProtocol"));
    }
}

pub(super) fn slice(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let kind = new.get("addressType");
    problems.one_of(&kind, &["FQDN", "IPv4", "IPv6"]);
    let endpoints = new.get("endpoints");
    if endpoints.len() > ENDPOINTS_MAX {
        return problems.too_many(&endpoints, ENDPOINTS_MAX);
    }
    for endpoint in endpoints.items() {
        slice_endpoint(&endpoint, kind.text(), problems);
    }
    let ports = new.get("ports");
    if ports.len() > PORTS_MAX {
        return problems.too_many(&ports, PORTS_MAX);
    }
    let mut seen = BTreeSet::new();
    for port in ports.items() {
        let name = port.get("name");
        if !name.is_empty() {
            problems.label(&name);
        }
        if !seen.insert(name.text()) {
            let told = json!(name.text());
            problems.duplicate(&At {
                value: &told,
                path: name.path.clone(),
            });
        }
        problems.one_of(&port.get("protocol"), numbers::PROTOCOLS);
        if port.get("appProtocol").is_set() {
            problems.qualified_name(&port.get("appProtocol"));
        }
    }
    if let Some(old) = old {
        problems.immutable(&kind, &old.get("addressType"));
    }
}

fn slice_endpoint(at: &At<'_>, kind: &str, problems: &mut Problems) {
    let addresses = at.get("addresses");
    if addresses.is_empty() {
        problems.required(&addresses, "must contain at least 1 address");
    } else if addresses.len() > ADDRESSES_MAX {
        problems.too_many(&addresses, ADDRESSES_MAX);
    }
    for address in addresses.items() {
        match kind {
            "IPv4" | "IPv6" => {
                let Some(found) = numbers::address(&address, problems) else {
                    continue;
                };
                if found.is_ipv4() != (kind == "IPv4") {
                    let detail = format!("must be an {kind} address");
                    problems.invalid(&address.told_at(&*addresses.path), detail);
                }
                numbers::reachable_address(&address, problems);
            }
            "FQDN" => problems.subdomain(&address),
            _ => {}
        }
    }
    if at.get("hostname").is_set() {
        problems.label(&at.get("hostname"));
    }
    if at.get("nodeName").is_set() {
        problems.subdomain(&at.get("nodeName"));
    }
}
