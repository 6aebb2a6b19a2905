//! The `ValidatingWebhookConfiguration`: whom the API server trusts, and by which names it calls.
//!
//! The bundle holds one certificate of each replica, the oldest first, each under a line that says until when it is
//! good. Adding one drops those that have run out, and the oldest when there are too many.

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingWebhook, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio_rustls::TlsAcceptor;

use super::certificate::{Certificate, CertificateError, DAYS};

/// Certificates in the bundle at most; more are replicas that came and went.
const BUNDLE_MAX: usize = 16;
/// Before each certificate of the bundle: readers of PEM skip what is no block.
const UNTIL: &str = "# carto until ";

/// Why the webhook cannot be called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    #[error(
        "the ValidatingWebhookConfiguration {name}: {source}; `carto install --webhook` prints one"
    )]
    Api { name: String, source: kube::Error },
    #[error("the ValidatingWebhookConfiguration {0} names neither a service nor a url to call")]
    Nameless(String),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// The configuration, and what this replica serves with.
pub(super) struct Configuration {
    api: Api<ValidatingWebhookConfiguration>,
    name: String,
    serving: Option<Certificate>,
}

impl Configuration {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self {
            api: Api::all(client),
            name,
            serving: None,
        }
    }

    /// Sees to it that the API server trusts this replica. Returns what to serve with from now on, if that is new.
    pub(super) async fn ensure(&mut self) -> Result<Option<TlsAcceptor>, ConfigurationError> {
        let now = Timestamp::now();
        let mut found = self.api.get(&self.name).await.map_err(|e| self.failed(e))?;
        let webhooks = found.webhooks.get_or_insert_default();
        let names = names(webhooks);
        if names.is_empty() {
            return Err(ConfigurationError::Nameless(self.name.clone()));
        }
        let kept = self.serving.take();
        let kept = kept.filter(|serving| serving.names == names && !serving.is_old(now));
        let is_new = kept.is_none();
        let serving = match kept {
            Some(kept) => kept,
            None => Certificate::issue(names, now)?,
        };
        if trust(webhooks, &serving, now) {
            self.api
                .replace(&self.name, &PostParams::default(), &found)
                .await
                .map_err(|error| self.failed(error))?;
        }
        let acceptor = is_new.then(|| serving.acceptor.clone());
        self.serving = Some(serving);
        Ok(acceptor)
    }

    fn failed(&self, source: kube::Error) -> ConfigurationError {
        let name = self.name.clone();
        ConfigurationError::Api { name, source }
    }
}

/// The names by which the webhooks are called, sorted.
fn names(webhooks: &[ValidatingWebhook]) -> Vec<String> {
    let mut names: Vec<String> = webhooks
        .iter()
        .filter_map(|webhook| called(&webhook.client_config))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn called(config: &WebhookClientConfig) -> Option<String> {
    if let Some(service) = &config.service {
        return Some(format!("{}.{}.svc", service.name, service.namespace));
    }
    let url: http::Uri = config.url.as_deref()?.parse().ok()?;
    Some(url.host()?.trim_matches(['[', ']']).to_owned())
}

/// Adds the certificate to each bundle that lacks it; returns whether one did.
fn trust(webhooks: &mut [ValidatingWebhook], serving: &Certificate, now: Timestamp) -> bool {
    let mut changed = false;
    for webhook in webhooks {
        let bundle = webhook.client_config.ca_bundle.as_ref();
        let bundle = bundle.map_or("", |bundle| {
            std::str::from_utf8(&bundle.0).unwrap_or_default()
        });
        if !bundle.contains(serving.pem.trim()) {
            let bundle = with(bundle, serving, now);
            webhook.client_config.ca_bundle = Some(ByteString(bundle.into_bytes()));
            changed = true;
        }
    }
    changed
}

/// The bundle with one certificate more, without those that are of no use.
fn with(bundle: &str, serving: &Certificate, now: Timestamp) -> String {
    let mut kept: Vec<&str> = bundle
        .split(UNTIL)
        .filter(|part| {
            let until = part
                .lines()
                .next()
                .and_then(|line| line.parse::<Timestamp>().ok());
            until.is_some_and(|until| until > now)
        })
        .collect();
    let surplus = (kept.len() + 1).saturating_sub(BUNDLE_MAX);
    kept.drain(..surplus);
    let mut out = String::new();
    for part in kept {
        out.push_str(UNTIL);
        out.push_str(part);
    }
    let until = serving.issued + jiff::SignedDuration::from_hours(i64::from(DAYS) * 24);
    out.push_str(&format!("{UNTIL}{until}\n{}", serving.pem));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(url: &str) -> ValidatingWebhook {
        let mut webhook = ValidatingWebhook::default();
        webhook.client_config.url = Some(url.to_owned());
        webhook
    }

    fn certificate() -> Certificate {
        Certificate::issue(vec!["localhost".to_owned()], Timestamp::now()).unwrap()
    }

    fn blocks(webhook: &ValidatingWebhook) -> usize {
        let bundle = webhook.client_config.ca_bundle.as_ref().unwrap();
        let text = std::str::from_utf8(&bundle.0).unwrap();
        text.matches("BEGIN CERTIFICATE").count()
    }

    #[test]
    fn names_come_from_services_and_urls() {
        let mut service = ValidatingWebhook::default();
        service.client_config.service = Some(
            serde_json::from_value(serde_json::json!({"name": "carto", "namespace": "system"}))
                .unwrap(),
        );
        let webhooks = [
            webhook("https://127.0.0.1:9443/x"),
            service,
            webhook("https://[::1]/"),
        ];
        assert_eq!(names(&webhooks), ["127.0.0.1", "::1", "carto.system.svc"]);
    }

    #[test]
    fn each_replica_adds_its_certificate_once() {
        let now = Timestamp::now();
        let mut webhooks = [webhook("https://localhost/")];
        let (one, two) = (certificate(), certificate());
        assert!(trust(&mut webhooks, &one, now));
        assert!(trust(&mut webhooks, &two, now));
        assert!(!trust(&mut webhooks, &one, now));
        assert_eq!(blocks(&webhooks[0]), 2);
    }

    #[test]
    fn what_ran_out_and_what_is_too_much_goes() {
        let now = Timestamp::now();
        let mut webhooks = [webhook("https://localhost/")];
        for _ in 0..BUNDLE_MAX + 3 {
            trust(&mut webhooks, &certificate(), now);
        }
        assert_eq!(blocks(&webhooks[0]), BUNDLE_MAX);
        let later = now + jiff::SignedDuration::from_hours(24 * 100);
        trust(&mut webhooks, &certificate(), later);
        assert_eq!(blocks(&webhooks[0]), 1);
    }
}
