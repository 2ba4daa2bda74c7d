//! Key material: certificate authorities, the certificates they issue, passwords, and keyed digests.
//!
//! Everything here is computed from what the caller passes in, the time included; randomness comes from
//! the operating system through ring. The module does not know where a key is kept, how long a
//! certificate should live, or who asks for one: the plan says what must exist, and the adapters that
//! hold Secrets decide nothing beyond calling [`Certificate::satisfies`].
//!
//! Private values are [`PrivateKey`] and [`Password`]. Neither implements `Display` or `Serialize`,
//! their `Debug` is redacted, and no [`Error`] or [`Reason`] quotes what was read.

mod authority;
mod certificate;
mod secret;

pub use authority::{Authority, CertificateRequest, Issued, Usage};
pub use certificate::{Certificate, CertificateFacts, Reason};
pub(crate) use secret::hex;
pub use secret::{Password, PrivateKey, generate_password, keyed_digest};

/// Why key material could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text holds no PEM block of a certificate.
    #[error("no certificate was found in the PEM text; expected a block that begins with BEGIN CERTIFICATE")]
    NoCertificate,
    /// A certificate block does not hold an X.509 certificate.
    #[error("the certificate could not be read: {detail}")]
    UnreadableCertificate {
        /// What the parser objected to; certificates are public, so this may be shown.
        detail: String,
    },
    /// The private key is not one that can be used. What was read is never quoted.
    #[error(
        "the private key could not be read; expected one unencrypted PKCS #8 block (BEGIN PRIVATE KEY) with \
         an ECDSA P-256 or P-384, Ed25519 or RSA key; `openssl pkcs8 -topk8 -nocrypt` converts other forms"
    )]
    UnreadablePrivateKey,
    /// Key and certificate do not belong together.
    #[error("the private key does not belong to the certificate of `{subject}`; supply the matching pair")]
    KeyMismatch {
        /// The certificate's common name.
        subject: String,
    },
    /// The certificate may not sign others.
    #[error(
        "the certificate of `{subject}` is not a certificate authority: it needs basicConstraints CA:TRUE \
         and, where a key usage is given, keyCertSign"
    )]
    NotAnAuthority {
        /// The certificate's common name.
        subject: String,
    },
    /// The authority cannot issue at this time.
    #[error(
        "the certificate authority `{subject}` is not valid now: its life is {not_before} to {not_after}"
    )]
    AuthorityNotValid {
        /// The authority's common name.
        subject: String,
        /// Start of its life.
        not_before: time::OffsetDateTime,
        /// End of its life.
        not_after: time::OffsetDateTime,
    },
    /// A request that no certificate can meet.
    #[error("a certificate for `{subject}` cannot be issued: {detail}")]
    InvalidRequest {
        /// The requested common name.
        subject: String,
        /// What is wrong with the request.
        detail: &'static str,
    },
    /// The signature could not be made.
    #[error("the certificate of `{subject}` could not be signed")]
    Signing {
        /// The requested common name.
        subject: String,
        /// The library's reason.
        source: rcgen::Error,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system supplied no random bytes")]
    NoRandomness,
}

#[cfg(test)]
mod tests;
