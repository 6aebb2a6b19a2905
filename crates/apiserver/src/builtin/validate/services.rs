//! Services.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go` (`validateService`), v1.36. Differs: addresses and ports
//! of nodes are not given out here, so they are not required.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::json;

use super::at::At;
use super::problems::Problems;
use super::{labels, numbers};

const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const AFFINITY_SECONDS_MAX: i64 = 86_400;
const NOT_EXTERNAL: &str = "may not be set for ExternalName services";
const ONLY_BALANCED: &str = "may only be used when `type` is 'LoadBalancer'";
const CHANGED: &str = "may not change once set";

pub(super) fn service(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let spec = new.get("spec");
    if let Some(old) = old {
        changes(&spec, &old.get("spec"), problems);
    }
    let kind = spec.get("type").text();
    let ports = spec.get("ports");
    if ports.is_empty() && !is_headless(&spec) && kind != "ExternalName" {
        problems.required(&ports, "");
    }
    of_type(&spec, kind, problems);
    let mut names = BTreeSet::new();
    for port in ports.items() {
        self::port(&port, ports.len() > 1, &mut names, problems);
    }
    labels::labels(&spec.get("selector"), problems);
    session_affinity(&spec, problems);
    addresses(&spec, problems);
    for address in spec.get("externalIPs").items() {
        if numbers::address(&address, problems).is_some() {
            numbers::reachable_address(&address, problems);
        }
    }
    problems.one_of(&spec.get("type"), TYPES);
    unique_ports(&spec, kind, problems);
    balancing(&spec, kind, problems);
    traffic(&spec, kind, problems);
}

fn is_headless(spec: &At<'_>) -> bool {
    let addresses = spec.get("clusterIPs");
    let first = addresses.items().next();
    addresses.len() == 1 && first.is_some_and(|first| first.text() == "None")
}

fn of_type(spec: &At<'_>, kind: &str, problems: &mut Problems) {
    if matches!(kind, "LoadBalancer" | "NodePort") && is_headless(spec) {
        let addresses = spec.get("clusterIPs");
        for first in addresses.items() {
            let detail = format!("may not be set to 'None' for {kind} services");
            problems.invalid(&first, detail);
        }
    }
    if kind != "ExternalName" {
        return;
    }
    for field in ["clusterIPs", "ipFamilies"] {
        if !spec.get(field).is_empty() {
            problems.forbidden(&spec.get(field), NOT_EXTERNAL);
        }
    }
    if spec.get("ipFamilyPolicy").is_set() {
        problems.forbidden(&spec.get("ipFamilyPolicy"), NOT_EXTERNAL);
    }
    let name = spec.get("externalName");
    let domain = name.text().strip_suffix('.').unwrap_or(name.text());
    if domain.is_empty() {
        problems.required(&name, "");
    } else {
        for problem in crate::names::dns1123_subdomain(domain) {
            problems.invalid_as(&name, domain, problem);
        }
    }
}

fn port<'a>(
    at: &At<'a>,
    name_required: bool,
    names: &mut BTreeSet<&'a str>,
    problems: &mut Problems,
) {
    let name = at.get("name");
    if !name.is_empty() {
        problems.label(&name);
        if !names.insert(name.text()) {
            problems.duplicate(&name);
        }
    } else if name_required {
        problems.required(&name, "");
    }
    numbers::port(&at.get("port"), problems);
    problems.one_of(&at.get("protocol"), numbers::PROTOCOLS);
    numbers::port_or_name(&at.get("targetPort"), problems);
    let protocol = at.get("appProtocol");
    if protocol.is_set() {
        problems.qualified_name(&protocol);
    }
}

fn session_affinity(spec: &At<'_>, problems: &mut Problems) {
    const WHEN: &str = "when session affinity type is ClientIP";
    let affinity = spec.get("sessionAffinity");
    problems.one_of(&affinity, &["ClientIP", "None"]);
    let config = spec.get("sessionAffinityConfig");
    match affinity.text() {
        "ClientIP" => {
            let client = config.get("clientIP");
            let seconds = client.get("timeoutSeconds");
            if let Some(missing) = [&config, &client, &seconds].iter().find(|at| !at.is_set()) {
                problems.required(missing, WHEN);
            } else if !(1..=AFFINITY_SECONDS_MAX).contains(&seconds.number()) {
                let detail = format!("must be greater than 0 and less than {AFFINITY_SECONDS_MAX}");
                problems.invalid(&seconds, detail);
            }
        }
        "None" if config.is_set() => {
            problems.forbidden(&config, "must not be set when session affinity is None");
        }
        _ => {}
    }
}

/// Addresses and their families.
fn addresses(spec: &At<'_>, problems: &mut Problems) {
    if spec.get("type").text() == "ExternalName" {
        return;
    }
    let (first, all) = (spec.get("clusterIP"), spec.get("clusterIPs"));
    if first.is_empty() {
        if !all.is_empty() {
            problems.invalid(&all, "must be empty when `clusterIP` is not specified");
        }
    } else if all.is_empty() {
        problems.required(&all, "");
    } else if all
        .items()
        .next()
        .is_some_and(|one| one.text() != first.text())
    {
        problems.invalid(&all, "first value must match `clusterIP`");
    }
    let families = spec.get("ipFamilies");
    let mut seen = BTreeSet::new();
    for family in families.items() {
        problems.known(&family, &["IPv4", "IPv6"]);
        if !seen.insert(family.text()) {
            problems.duplicate(&family);
        }
    }
    let policy = spec.get("ipFamilyPolicy");
    if policy.is_set() {
        let supported = ["PreferDualStack", "RequireDualStack", "SingleStack"];
        problems.known(&policy, &supported);
    }
    let before = problems.count();
    let mut parsed = vec![];
    for (index, address) in all.items().enumerate() {
        if index == 0 && address.text() == "None" {
            if all.len() > 1 {
                problems.invalid(&all, "'None' must be the first and only value");
            }
            continue;
        }
        parsed.extend(numbers::address(&address, problems));
    }
    let are_addresses = problems.count() == before;
    if all.len() > 2 {
        problems.invalid(&all, "may only hold up to 2 values");
    }
    if are_addresses {
        families_match(&all, &families, &parsed, problems);
    }
}

fn families_match(all: &At<'_>, families: &At<'_>, parsed: &[IpAddr], problems: &mut Problems) {
    if parsed.len() > 1
        && parsed
            .iter()
            .all(|one| one.is_ipv4() == parsed[0].is_ipv4())
    {
        let detail = "may specify no more than one IP for each IP family";
        problems.invalid(all, detail);
    }
    let pairs = all.items().zip(parsed).zip(families.items());
    for (index, ((at, address), family)) in pairs.enumerate() {
        if !matches!(
            (family.text(), address),
            ("IPv4", IpAddr::V6(_)) | ("IPv6", IpAddr::V4(_))
        ) {
            continue;
        }
        let detail = format!(
            "expected an {} value as indicated by `ipFamilies[{index}]`",
            family.text()
        );
        problems.invalid(&at, detail);
    }
}

fn unique_ports(spec: &At<'_>, kind: &str, problems: &mut Problems) {
    let ports = spec.get("ports");
    if kind == "ClusterIP" {
        for port in ports
            .items()
            .filter(|port| port.get("nodePort").number() != 0)
        {
            let detail = "may not be used when `type` is 'ClusterIP'";
            problems.forbidden(&port.get("nodePort"), detail);
        }
    }
    let mut seen = BTreeSet::new();
    for port in ports.items() {
        let number = port.get("nodePort");
        if number.number() != 0 && !seen.insert((port.get("protocol").text(), number.number())) {
            problems.duplicate(&number);
        }
    }
    let mut seen = BTreeSet::new();
    for port in ports.items() {
        let (protocol, number) = (port.get("protocol").text(), port.get("port").number());
        if !seen.insert((protocol, number)) {
            // Upstream tells a port with nothing else, in the form of its Go type.
            let told = json!({"Name": "", "Protocol": protocol, "AppProtocol": null, "Port": number,
                "TargetPort": 0, "NodePort": 0});
            problems.duplicate(&At {
                value: &told,
                path: port.path.clone(),
            });
        }
    }
}

fn balancing(spec: &At<'_>, kind: &str, problems: &mut Problems) {
    let ranges = spec
        .get("loadBalancerSourceRanges")
        .told_at("spec.LoadBalancerSourceRanges");
    if !ranges.is_empty() {
        if kind != "LoadBalancer" {
            problems.forbidden(&ranges, ONLY_BALANCED);
        }
        for range in ranges.items() {
            let trimmed = json!(range.text().trim());
            numbers::network(
                &At {
                    value: &trimmed,
                    path: range.path,
                },
                problems,
            );
        }
    }
    let allocate = spec.get("allocateLoadBalancerNodePorts");
    if allocate.is_set() && kind != "LoadBalancer" {
        problems.forbidden(&allocate, ONLY_BALANCED);
    }
    let class = spec.get("loadBalancerClass");
    if class.is_set() {
        if kind == "LoadBalancer" {
            problems.qualified_name(&class);
        } else {
            problems.forbidden(&class, ONLY_BALANCED);
        }
    }
}

fn traffic(spec: &At<'_>, kind: &str, problems: &mut Problems) {
    let external = spec.get("externalTrafficPolicy");
    let is_reached = matches!(kind, "LoadBalancer" | "NodePort")
        || kind == "ClusterIP" && !spec.get("externalIPs").is_empty();
    if is_reached {
        problems.one_of(&external, &["Cluster", "Local"]);
    } else if !external.is_empty() {
        problems.invalid(
            &external,
            "may only be set for externally-accessible services",
        );
    }
    let check = spec.get("healthCheckNodePort");
    if check.number() != 0 {
        if kind == "LoadBalancer" && external.text() == "Local" {
            numbers::port(&check, problems);
        } else {
            let detail = "may only be set when `type` is 'LoadBalancer' and \
                 `externalTrafficPolicy` is 'Local'";
            problems.invalid(&check, detail);
        }
    }
    let internal = spec.get("internalTrafficPolicy");
    if internal.is_set() {
        problems.known(&internal, &["Cluster", "Local"]);
    }
    let distribution = spec.get("trafficDistribution");
    if distribution.is_set() {
        let supported = ["PreferClose", "PreferSameZone", "PreferSameNode"];
        problems.known(&distribution, &supported);
    }
}

/// Addresses and families stay, unless the service becomes one of another sort.
fn changes(new: &At<'_>, old: &At<'_>, problems: &mut Problems) {
    let is_external = |spec: &At<'_>| spec.get("type").text() == "ExternalName";
    let is_any = |is: fn(&At<'_>) -> bool| is(new) || is(old);
    if !(is_any(is_external) || is_headless(new) && is_headless(old)) {
        stay(new, old, "clusterIPs", "clusterIP", problems);
    }
    if !is_any(is_external) && !is_any(is_headless) {
        stay(new, old, "ipFamilies", "ipFamily", problems);
    }
    let is_balanced = |spec: &At<'_>| spec.get("type").text() == "LoadBalancer";
    let class = new.get("loadBalancerClass");
    if is_balanced(new) && is_balanced(old) && class.value != old.get("loadBalancerClass").value {
        problems.invalid(&class, CHANGED);
    }
}

fn stay(new: &At<'_>, old: &At<'_>, field: &str, one: &str, problems: &mut Problems) {
    let (now, then) = (new.get(field), old.get(field));
    let first = now.told_at(format!("{}[0]", now.path));
    let is_first_changed = || {
        let pair = now.items().next().zip(then.items().next());
        pair.is_some_and(|(now, then)| now.text() != then.text())
    };
    if now.len() == then.len() {
        for (is, was) in now.items().zip(then.items()) {
            if is.text() != was.text() {
                problems.invalid(&now.told_at(is.path), CHANGED);
            }
        }
        return;
    }
    if now.is_empty() && then.len() > now.len() {
        problems.invalid(&first, format!("primary {one} can not be unset"));
    }
    if is_first_changed() {
        problems.invalid(&first, CHANGED);
    }
    let policy = new.get("ipFamilyPolicy");
    if now.len() == 1 && then.len() > 1 && policy.text() != "SingleStack" {
        let detail = format!("must be set to 'SingleStack' when releasing the secondary {one}");
        problems.invalid(&policy, detail);
    }
}
