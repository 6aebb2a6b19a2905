//! The private authority of a server: signs its serving certificate and certificates of clients.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::config::StartError;
use crate::store::Store;

/// Names under which the server is reached.
pub(super) const NAMES: &[&str] = &[
    "localhost",
    "127.0.0.1",
    "::1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
];

const CERTIFICATE: &str = "ca.crt";
const KEY: &str = "ca.key";

/// The authority.
pub(crate) struct Authority {
    certificate_pem: String,
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// The authority of the store, made on first use.
    pub(crate) async fn load(store: &Store) -> Result<Self, StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError::Certificates(error.to_string());
        let refused = |_| StartError::Certificates("the store does not answer".into());
        let pair = (
            store.secret(CERTIFICATE).await.map_err(refused)?,
            store.secret(KEY).await.map_err(refused)?,
        );
        if let (Some(certificate), Some(key)) = pair {
            let key = String::from_utf8(key).map_err(|error| failed(&error))?;
            let pem = String::from_utf8(certificate).map_err(|error| failed(&error))?;
            let key = KeyPair::from_pem(&key).map_err(|error| failed(&error))?;
            let der = der_of(&pem).ok_or_else(|| failed(&"the stored certificate is damaged"))?;
            return Ok(Self {
                certificate_pem: pem,
                certificate: der,
                key,
            });
        }
        let authority = Self::make().map_err(|error| failed(&error))?;
        store
            .put_secret(KEY, authority.key.serialize_pem().as_bytes())
            .await
            .map_err(refused)?;
        store
            .put_secret(CERTIFICATE, authority.certificate_pem.as_bytes())
            .await
            .map_err(refused)?;
        Ok(authority)
    }

    fn make() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = authority_params().self_signed(&key)?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key,
        })
    }

    /// The certificate that clients trust, as PEM.
    pub(crate) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    pub(super) fn roots(&self) -> Result<RootCertStore, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        Ok(roots)
    }

    /// A new serving certificate and its key.
    pub(super) fn serving(
        &self,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), rcgen::Error> {
        let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        name(&mut params, "carto-apiserver", None);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let signed = self.sign(params, &key)?;
        Ok((
            vec![signed],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        ))
    }

    /// A certificate and key, as PEM, by which a client is `user` in `group`.
    pub(crate) fn client(
        &self,
        user: &str,
        group: Option<&str>,
    ) -> Result<(String, String), rcgen::Error> {
        let mut params = CertificateParams::new(vec![])?;
        name(&mut params, user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        lasting_a_year(&mut params);
        let key = KeyPair::generate()?;
        let params_of_authority = authority_params();
        let issuer = Issuer::from_params(&params_of_authority, &self.key);
        let certificate = params.signed_by(&key, &issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        key: &KeyPair,
    ) -> Result<CertificateDer<'static>, rcgen::Error> {
        lasting_a_year(&mut params);
        let params_of_authority = authority_params();
        let issuer = Issuer::from_params(&params_of_authority, &self.key);
        Ok(params.signed_by(key, &issuer)?.der().clone())
    }
}

/// The same at every start: what is signed must name the authority exactly.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    name(&mut params, "carto-ca", None);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn name(params: &mut CertificateParams, common: &str, organization: Option<&str>) {
    let mut name = DistinguishedName::new();
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name.push(DnType::CommonName, common);
    params.distinguished_name = name;
}

/// From yesterday, as clocks differ, for a year.
fn lasting_a_year(params: &mut CertificateParams) {
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let day = |date: jiff::civil::Date| {
        date_time_ymd(
            i32::from(date.year()),
            u8::try_from(date.month()).unwrap_or(1),
            u8::try_from(date.day()).unwrap_or(1),
        )
    };
    params.not_before = day(today.yesterday().unwrap_or(today));
    params.not_after = day(today.saturating_add(jiff::Span::new().days(365)));
}

/// The bytes between the lines of a PEM.
fn der_of(pem: &str) -> Option<CertificateDer<'static>> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(pem.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Limits;

    #[tokio::test]
    async fn the_authority_is_kept_and_what_it_signs_is_trusted() {
        let store = Store::in_memory(Limits::default());
        let first = Authority::load(&store).await.unwrap();
        let second = Authority::load(&store).await.unwrap();
        assert_eq!(first.certificate_pem(), second.certificate_pem());
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
            std::sync::Arc::new(first.roots().unwrap()),
            provider,
        )
        .build()
        .unwrap();
        let (chain, _) = second.serving().unwrap();
        for name in NAMES {
            use rustls::client::danger::ServerCertVerifier as _;
            let name = rustls::pki_types::ServerName::try_from(*name).unwrap();
            let now = rustls::pki_types::UnixTime::now();
            verifier
                .verify_server_cert(&chain[0], &[], &name, &[], now)
                .unwrap();
        }
    }

    #[test]
    fn a_client_is_who_its_certificate_says() {
        let authority = Authority::make().unwrap();
        let (pem, _) = authority.client("alice", Some("devs")).unwrap();
        let user = super::super::subject::user(&der_of(&pem).unwrap()).unwrap();
        assert_eq!(user.name, "alice");
        assert_eq!(user.groups, ["devs", "system:authenticated"]);
    }
}
