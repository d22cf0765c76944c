use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};

/// Whom to trust, and what to show: made once, for any number of [`Tls`](super::Tls) probes.
///
/// Cryptography is that of the process's default provider of rustls, if the program has installed one, and else that of ring.
#[derive(Clone)]
pub struct TlsConfig(Arc<ClientConfig>);

/// Settings of a [`TlsConfig`] to be.
#[must_use]
pub struct TlsConfigBuilder {
    trust: Trust,
    /// Certificates and key, as PEM.
    own: Option<(Vec<u8>, Vec<u8>)>,
    protocols: Vec<Vec<u8>>,
    tells_name: bool,
}

enum Trust {
    Authorities(Vec<u8>),
    Anybody,
}

impl TlsConfig {
    /// Begins with the authorities to trust, as PEM, one or more: the bytes of a file like `/etc/ssl/certs/ca-certificates.crt`, or
    /// the one of a company.
    pub fn builder(authorities: &[u8]) -> TlsConfigBuilder {
        TlsConfigBuilder::new(Trust::Authorities(authorities.into()))
    }

    /// Begins with no verification at all: anybody's certificate is accepted, expired or for another name, as keepalived does. Who
    /// can put himself in the way can then answer the check in the server's place.
    pub fn danger_without_verification() -> TlsConfigBuilder {
        TlsConfigBuilder::new(Trust::Anybody)
    }

    pub(super) fn client(&self) -> Arc<ClientConfig> {
        self.0.clone()
    }
}

impl TlsConfigBuilder {
    fn new(trust: Trust) -> Self {
        Self { trust, own: None, protocols: Vec::new(), tells_name: true }
    }

    /// Shows this certificate, with those between it and its authority, to a server that asks for one. All as PEM; the key as
    /// PKCS #8, PKCS #1 or SEC1.
    pub fn client_certificate(mut self, chain: &[u8], key: &[u8]) -> Self {
        self.own = Some((chain.into(), key.into()));
        self
    }

    /// Offers these protocols, best first (ALPN): `http/1.1`, `h2`. None if not set.
    pub fn protocols<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.protocols = names.into_iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// Does not tell the server the name (SNI): for what keepalived does without `enable_sni`.
    pub fn without_sni(mut self) -> Self {
        self.tells_name = false;
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    ///
    /// A certificate or key that is none, or that do not belong together; no authority.
    pub fn build(self) -> Result<TlsConfig, TlsError> {
        let provider = CryptoProvider::get_default()
            .cloned()
            .unwrap_or_else(|| Arc::new(crypto::ring::default_provider()));
        let schemes = provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Config(error.to_string().into()))?;
        let builder = match &self.trust {
            Trust::Authorities(pem) => builder.with_root_certificates(authorities(pem)?),
            Trust::Anybody => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(schemes)))
            }
        };
        let mut config = match &self.own {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key)?;
                builder
                    .with_client_auth_cert(certificates(chain)?, key)
                    .map_err(|error| TlsError::Config(error.to_string().into()))?
            }
        };
        config.alpn_protocols = self.protocols;
        config.enable_sni = self.tells_name;
        config.resumption = Resumption::disabled();
        Ok(TlsConfig(Arc::new(config)))
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    found.ok().filter(|found| !found.is_empty()).ok_or(TlsError::Certificates)
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    // Files of systems have some that are older than the rules; these are passed over.
    let (taken, _) = store.add_parsable_certificates(certificates(pem)?);
    if taken == 0 { Err(TlsError::Certificates) } else { Ok(store) }
}

/// Believes any certificate, but only one whose key the server has.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsConfigBuilder {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verifies = matches!(self.trust, Trust::Authorities(_));
        f.debug_struct("TlsConfigBuilder").field("verifies", &verifies).finish_non_exhaustive()
    }
}

/// Why there is no such probe over TLS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A name that no certificate can be for.
    #[error("'{0}' is neither the name of a host nor an address")]
    Name(Box<str>),
    /// There is no certificate in what was given as such, or one that cannot be read.
    #[error("no certificate that can be read: PEM with -----BEGIN CERTIFICATE----- is needed")]
    Certificates,
    /// There is no key in what was given as one.
    #[error("no private key that can be read: PEM as PKCS #8, PKCS #1 or SEC1 is needed, without a password")]
    Key,
    /// What rustls says.
    #[error("TLS cannot be set up: {0}")]
    Config(Box<str>),
}
