//! Certificates as read: their public facts, and whether one still serves a request.
//!
//! The module reads certificates and checks signatures; it makes neither keys nor certificates, and it
//! never sees a private key except to say whether it belongs to a certificate.

use std::{collections::BTreeSet, net::IpAddr};

use serde::Serialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
};
use zeroize::Zeroizing;

use super::{CertificateRequest, Error, PrivateKey, Usage, secret::hex};

/// The label of a certificate's PEM block.
const CERTIFICATE: &str = "CERTIFICATE";

/// What anyone may know of a certificate: fit for plans, facts, events and inventories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateFacts {
    /// SHA-256 of the certificate's DER, as 64 lower-case hexadecimal characters.
    pub fingerprint_sha256: String,
    /// Start of its life.
    #[serde(with = "time::serde::rfc3339")]
    pub not_before: OffsetDateTime,
    /// End of its life.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// The subject's common name, empty when it has none.
    pub common_name: String,
    /// DNS names of the subject alternative name.
    pub dns_names: BTreeSet<String>,
    /// Addresses of the subject alternative name.
    pub ip_addresses: BTreeSet<IpAddr>,
    /// The authority key identifier in hexadecimal, which names the key that signed.
    pub authority_key_id: Option<String>,
    /// Whether it may sign other certificates.
    pub is_authority: bool,
}

impl CertificateFacts {
    /// The facts of the first certificate in `pem`.
    ///
    /// # Errors
    ///
    /// When there is none, or it is no X.509 certificate.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        Certificate::from_pem(pem).map(|certificate| certificate.facts)
    }

    /// Whether less than a third of its life is left (an expired certificate has none left).
    pub fn is_due_for_renewal(&self, now: OffsetDateTime) -> bool {
        (self.not_after - now) * 3 < self.not_after - self.not_before
    }

    fn is_valid_at(&self, now: OffsetDateTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

/// One certificate: its DER and its facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    facts: CertificateFacts,
}

/// Why a certificate does not serve a request, in the words that a plan shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The authority does not bear the issuer's name.
    #[error("it was issued by another authority than `{authority}`")]
    OtherAuthority {
        /// The authority that should have issued it.
        authority: String,
    },
    /// The name fits but the key does not: the authority was made anew.
    #[error("its signature was not made by the present key of `{authority}`")]
    Signature {
        /// The authority that should have issued it.
        authority: String,
    },
    /// The authority itself is not valid at this time.
    #[error("the authority `{authority}` is not valid now")]
    AuthorityNotValid {
        /// The authority.
        authority: String,
    },
    /// The common name differs.
    #[error("its common name is `{found}` instead of `{wanted}`")]
    CommonName {
        /// The name in the certificate.
        found: String,
        /// The name that was asked for.
        wanted: String,
    },
    /// The alternative names differ.
    #[error("its names and addresses are {found} instead of {wanted}")]
    AlternativeNames {
        /// What the certificate holds.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// It cannot be used in the role asked for.
    #[error("it cannot be used as a {wanted} certificate")]
    Usage {
        /// The role that was asked for.
        wanted: Usage,
    },
    /// Its life begins later.
    #[error("it is not valid before {not_before}")]
    NotYetValid {
        /// Start of its life.
        not_before: OffsetDateTime,
    },
    /// Its life is over.
    #[error("it expired at {not_after}")]
    Expired {
        /// End of its life.
        not_after: OffsetDateTime,
    },
}

impl Certificate {
    /// Reads the first certificate in `pem`; a chain may follow it.
    ///
    /// # Errors
    ///
    /// When there is none, or it is no X.509 certificate.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        Self::all_from_pem(pem)?.into_iter().next().ok_or(Error::NoCertificate)
    }

    /// Reads every certificate in `pem`, in order. Blocks of other kinds are passed over.
    ///
    /// # Errors
    ///
    /// When a block is broken.
    pub fn all_from_pem(pem: &str) -> Result<Vec<Self>, Error> {
        let blocks = pem::parse_many(pem).map_err(|error| unreadable(&error))?;
        let certificates = blocks.into_iter().filter(|block| block.tag() == CERTIFICATE);
        certificates.map(|block| Self::from_der(block.into_contents())).collect()
    }

    fn from_der(der: Vec<u8>) -> Result<Self, Error> {
        let facts = facts(&der)?;
        Ok(Self { der, facts })
    }

    /// Its public facts.
    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// Its DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// It as one PEM block.
    pub fn to_pem(&self) -> String {
        let line_ends = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new(CERTIFICATE, self.der.as_slice()), line_ends)
    }

    /// Whether it names itself as its issuer, as roots do.
    pub(super) fn is_self_issued(&self) -> bool {
        parse(&self.der)
            .is_ok_and(|certificate| certificate.issuer().as_raw() == certificate.subject().as_raw())
    }

    /// Whether it carries the public half of `key`. A key that cannot be read does not match.
    pub fn matches_key(&self, key: &PrivateKey) -> bool {
        let Ok(pair) = rcgen::KeyPair::from_pem(key.expose()).map(Zeroizing::new) else { return false };
        parse(&self.der).is_ok_and(|certificate| {
            certificate.public_key().subject_public_key.data.as_ref() == pair.public_key_raw()
        })
    }

    /// Whether it still does what `request` asks for: signed by `authority`, with exactly these names
    /// and this usage, and valid now. Whether it should be renewed soon is another question,
    /// [`CertificateFacts::is_due_for_renewal`].
    ///
    /// # Errors
    ///
    /// The first reason why it does not.
    pub fn satisfies(
        &self,
        request: &CertificateRequest,
        authority: &Self,
        now: OffsetDateTime,
    ) -> Result<(), Reason> {
        self.is_issued_by(authority, now)?;
        self.has_names_of(request)?;
        if !self.serves(request.usage) {
            return Err(Reason::Usage { wanted: request.usage });
        }
        if now < self.facts.not_before {
            return Err(Reason::NotYetValid { not_before: self.facts.not_before });
        }
        if self.facts.not_after < now {
            return Err(Reason::Expired { not_after: self.facts.not_after });
        }
        Ok(())
    }

    fn is_issued_by(&self, authority: &Self, now: OffsetDateTime) -> Result<(), Reason> {
        let name = authority.facts.common_name.clone();
        let other = || Reason::OtherAuthority { authority: name.clone() };
        let (own, signer) = (parse(&self.der).ok(), parse(&authority.der).ok());
        let (Some(own), Some(signer)) = (own, signer) else { return Err(other()) };
        if !authority.facts.is_authority || own.issuer().as_raw() != signer.subject().as_raw() {
            return Err(other());
        }
        if own.verify_signature(Some(signer.public_key())).is_err() {
            return Err(Reason::Signature { authority: name });
        }
        if !authority.facts.is_valid_at(now) {
            return Err(Reason::AuthorityNotValid { authority: name });
        }
        Ok(())
    }

    fn has_names_of(&self, request: &CertificateRequest) -> Result<(), Reason> {
        if self.facts.common_name != request.common_name {
            return Err(Reason::CommonName {
                found: self.facts.common_name.clone(),
                wanted: request.common_name.clone(),
            });
        }
        if self.facts.dns_names != request.dns_names || self.facts.ip_addresses != request.ip_addresses {
            return Err(Reason::AlternativeNames {
                found: listed(&self.facts.dns_names, &self.facts.ip_addresses),
                wanted: listed(&request.dns_names, &request.ip_addresses),
            });
        }
        Ok(())
    }

    fn serves(&self, usage: Usage) -> bool {
        let Ok(certificate) = parse(&self.der) else { return false };
        let Ok(Some(extended)) = certificate.extended_key_usage() else { return false };
        match usage {
            Usage::Server => extended.value.server_auth,
            Usage::Client => extended.value.client_auth,
        }
    }
}

fn listed(dns_names: &BTreeSet<String>, ip_addresses: &BTreeSet<IpAddr>) -> String {
    let all: Vec<String> =
        dns_names.iter().cloned().chain(ip_addresses.iter().map(ToString::to_string)).collect();
    format!("[{}]", all.join(", "))
}

fn unreadable(error: &dyn std::fmt::Display) -> Error {
    Error::UnreadableCertificate { detail: error.to_string() }
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, Error> {
    X509Certificate::from_der(der).map(|(_, certificate)| certificate).map_err(|error| unreadable(&error))
}

fn facts(der: &[u8]) -> Result<CertificateFacts, Error> {
    let certificate = parse(der)?;
    let mut facts = CertificateFacts {
        fingerprint_sha256: hex(&Sha256::digest(der)),
        not_before: certificate.validity().not_before.to_datetime(),
        not_after: certificate.validity().not_after.to_datetime(),
        common_name: certificate
            .subject()
            .iter_common_name()
            .find_map(|name| name.as_str().ok())
            .unwrap_or_default()
            .to_owned(),
        dns_names: BTreeSet::new(),
        ip_addresses: BTreeSet::new(),
        authority_key_id: None,
        is_authority: may_sign(&certificate),
    };
    if let Some(names) = certificate.subject_alternative_name().map_err(|error| unreadable(&error))? {
        for name in &names.value.general_names {
            if let GeneralName::DNSName(dns_name) = name {
                facts.dns_names.insert((*dns_name).to_owned());
            } else if let GeneralName::IPAddress(octets) = name {
                facts.ip_addresses.extend(address(octets));
            }
        }
    }
    facts.authority_key_id = certificate.iter_extensions().find_map(|extension| {
        if let ParsedExtension::AuthorityKeyIdentifier(id) = extension.parsed_extension() {
            id.key_identifier.as_ref().map(|id| hex(id.0))
        } else {
            None
        }
    });
    Ok(facts)
}

/// A certificate without a key usage may be used for anything its basic constraints allow.
fn may_sign(certificate: &X509Certificate<'_>) -> bool {
    let usage = certificate.key_usage().ok().flatten();
    certificate.is_ca() && usage.is_none_or(|usage| usage.value.key_cert_sign())
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}
