//! A certificate that this process issues to itself.

use std::sync::Arc;

use jiff::Timestamp;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::TlsAcceptor;

/// How long a certificate is good for. It is renewed after two thirds of it.
pub(super) const DAYS: i32 = 90;

/// A certificate, and what serves with it.
pub(super) struct Certificate {
    pub(super) pem: String,
    pub(super) names: Vec<String>,
    pub(super) issued: Timestamp,
    pub(super) acceptor: TlsAcceptor,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("cannot issue a certificate: {0}")]
    Issue(#[from] rcgen::Error),
    #[error("cannot serve with the certificate: {0}")]
    Tls(#[from] rustls::Error),
}

impl Certificate {
    /// Issues a certificate that is its own authority, for these names.
    pub(super) fn issue(names: Vec<String>, now: Timestamp) -> Result<Self, CertificateError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.clone())?;
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "carto-webhook");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Clocks differ.
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let [from, until] = [-1, DAYS].map(|later| {
            let date = today.saturating_add(jiff::Span::new().days(later));
            let part = |part: i8| u8::try_from(part).expect("months and days are positive");
            date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
        });
        params.not_before = from;
        params.not_after = until;
        let certificate = params.self_signed(&key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            pem: certificate.pem(),
            names,
            issued: now,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    /// Whether it is time for another one.
    pub(super) fn is_old(&self, now: Timestamp) -> bool {
        now.duration_since(self.issued).as_hours() > i64::from(DAYS) * 24 * 2 / 3
    }
}
