//! A certificate authority: made anew or taken over from the user, and what it issues.
//!
//! The module knows no defaults: names, lifetimes and usages come with each call.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::{Certificate, CertificateFacts, Error, PrivateKey};

/// How far a certificate's life begins in the past, so that a peer whose clock is late accepts it.
const CLOCK_SKEW: Duration = Duration::minutes(5);

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// It proves a server's name to its clients.
    Server,
    /// It proves a client's identity to a server.
    Client,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}

/// A leaf certificate that should exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The subject's common name.
    pub common_name: String,
    /// DNS names that it is valid for; a client's certificate needs none.
    pub dns_names: BTreeSet<String>,
    /// Addresses that it is valid for.
    pub ip_addresses: BTreeSet<IpAddr>,
    /// What it is for.
    pub usage: Usage,
    /// How long it lives, counted from when it is issued.
    pub validity: Duration,
}

/// A certificate with its private key, as it goes into a `kubernetes.io/tls` Secret.
#[derive(Clone, Debug)]
pub struct Issued {
    /// `tls.crt`: the certificate, followed by the intermediates between it and the root.
    pub certificate_pem: String,
    /// `tls.key`.
    pub private_key: PrivateKey,
    /// `ca.crt`: what a peer must trust.
    pub authority_pem: String,
    /// The certificate's public facts.
    pub facts: CertificateFacts,
}

/// A certificate authority with its private key.
#[derive(Clone, Debug)]
pub struct Authority {
    certificate: Certificate,
    pem: String,
    intermediates_pem: String,
    key: PrivateKey,
}

impl Authority {
    /// Makes a self-signed authority that may sign leaf certificates, and no further authorities.
    ///
    /// # Errors
    ///
    /// When the request cannot be met, or the operating system gives no random bytes.
    pub fn generate(common_name: &str, now: OffsetDateTime, validity: Duration) -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(common_name)?;
        (params.not_before, params.not_after) = life(common_name, now, validity)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pair = new_key()?;
        let signed = params.self_signed(&*pair).map_err(|source| signing(common_name, source))?;
        Self::from_pem(&signed.pem(), PrivateKey::new(pair.serialize_pem()))
    }

    /// Takes an authority over. `certificate_pem` holds its certificate first; for an intermediate
    /// authority, its issuers up to the root follow.
    ///
    /// # Errors
    ///
    /// When a part cannot be read, when they do not belong together, or when the certificate is not an
    /// authority's.
    pub fn from_pem(certificate_pem: &str, key: PrivateKey) -> Result<Self, Error> {
        let chain = Certificate::all_from_pem(certificate_pem)?;
        let certificate = chain.first().cloned().ok_or(Error::NoCertificate)?;
        let subject = certificate.facts().common_name.clone();
        key_pair(&key)?;
        if !certificate.matches_key(&key) {
            return Err(Error::KeyMismatch { subject });
        }
        if !certificate.facts().is_authority {
            return Err(Error::NotAnAuthority { subject });
        }
        let intermediates_pem =
            chain.iter().filter(|link| !link.is_self_issued()).map(Certificate::to_pem).collect();
        let pem = chain.iter().map(Certificate::to_pem).collect();
        Ok(Self { certificate, pem, intermediates_pem, key })
    }

    /// The certificate and, for an intermediate authority, its issuers.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// The authority's own certificate, to check others against.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The private key, to be kept in a Secret.
    pub fn private_key(&self) -> &PrivateKey {
        &self.key
    }

    /// Issues a certificate with a new key. Its life ends with the authority's own at the latest.
    ///
    /// # Errors
    ///
    /// When the authority is not valid now, or when the request cannot be met.
    pub fn issue(&self, request: &CertificateRequest, now: OffsetDateTime) -> Result<Issued, Error> {
        let own = self.certificate.facts();
        if now < own.not_before || own.not_after <= now {
            return Err(Error::AuthorityNotValid {
                subject: own.common_name.clone(),
                not_before: own.not_before,
                not_after: own.not_after,
            });
        }
        let mut params = leaf(request, now)?;
        params.not_before = params.not_before.max(own.not_before);
        params.not_after = params.not_after.min(own.not_after);
        let signing_key = key_pair(&self.key)?;
        let issuer = Issuer::from_ca_cert_der(&self.certificate.der().into(), &*signing_key)
            .map_err(|source| signing(&request.common_name, source))?;
        let pair = new_key()?;
        let signed =
            params.signed_by(&*pair, &issuer).map_err(|source| signing(&request.common_name, source))?;
        let leaf = Certificate::from_pem(&signed.pem())?;
        Ok(Issued {
            certificate_pem: leaf.to_pem() + &self.intermediates_pem,
            private_key: PrivateKey::new(pair.serialize_pem()),
            authority_pem: self.pem.clone(),
            facts: leaf.facts().clone(),
        })
    }
}

fn leaf(request: &CertificateRequest, now: OffsetDateTime) -> Result<CertificateParams, Error> {
    let subject = &request.common_name;
    let mut params = CertificateParams::default();
    params.distinguished_name = named(subject)?;
    (params.not_before, params.not_after) = life(subject, now, request.validity)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![match request.usage {
        Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
        Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
    }];
    for name in &request.dns_names {
        let name = name.as_str().try_into().map_err(|source| signing(subject, source))?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    params.subject_alt_names.extend(request.ip_addresses.iter().copied().map(SanType::IpAddress));
    if request.usage == Usage::Server && params.subject_alt_names.is_empty() {
        return Err(invalid(subject, "a server's certificate needs a DNS name or an address"));
    }
    Ok(params)
}

fn named(common_name: &str) -> Result<DistinguishedName, Error> {
    // RFC 5280's upper bound; OpenSSL refuses to read a longer one.
    if common_name.is_empty() || common_name.chars().count() > 64 {
        return Err(invalid(common_name, "a common name has 1 to 64 characters"));
    }
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    Ok(name)
}

/// Start and end of a life. X.509 times have whole seconds.
fn life(
    subject: &str,
    now: OffsetDateTime,
    validity: Duration,
) -> Result<(OffsetDateTime, OffsetDateTime), Error> {
    if validity < Duration::SECOND {
        return Err(invalid(subject, "its validity is shorter than a second"));
    }
    let start = now.to_offset(time::UtcOffset::UTC).truncate_to_second();
    start
        .checked_sub(CLOCK_SKEW)
        .zip(start.checked_add(validity))
        .ok_or_else(|| invalid(subject, "its life leaves the calendar"))
}

fn new_key() -> Result<Zeroizing<KeyPair>, Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(Zeroizing::new).map_err(|_| Error::NoRandomness)
}

/// The library's reasons are dropped: they may speak of what was read.
fn key_pair(key: &PrivateKey) -> Result<Zeroizing<KeyPair>, Error> {
    KeyPair::from_pem(key.expose()).map(Zeroizing::new).map_err(|_| Error::UnreadablePrivateKey)
}

fn signing(subject: &str, source: rcgen::Error) -> Error {
    Error::Signing { subject: subject.to_owned(), source }
}

fn invalid(subject: &str, detail: &'static str) -> Error {
    Error::InvalidRequest { subject: subject.to_owned(), detail }
}
