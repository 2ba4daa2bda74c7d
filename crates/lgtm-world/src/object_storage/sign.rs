//! Signatures of requests, AWS Signature Version 4 as S3 wants it.
//!
//! The arithmetic is the library's. What is decided here are S3's own rules, which differ from those of
//! the other services: the path is signed as it is sent, and the body's digest is a header.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use http::Request;
use sha2::{Digest as _, Sha256};

use super::AccessKey;
use crate::pki;

/// RustFS compares no region; this is the one that all S3 services know.
const REGION: &str = "us-east-1";

/// Adds the headers that prove that whoever has `key` sends this request, at this time. Its `host` must be
/// set. Fails only for requests that cannot be sent either.
pub(super) fn signed(request: &mut Request<Vec<u8>>, key: &AccessKey, now: SystemTime) -> Result<(), String> {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let credentials = Credentials::builder()
        .access_key_id(key.id())
        .secret_access_key(key.secret())
        .provider_name("lgtmctl")
        .build();
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("s3")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let digest = pki::hex(&Sha256::digest(request.body()));
    let uri = request.uri().to_string();
    let headers =
        request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable =
        SignableRequest::new(request.method().as_str(), uri, headers, SignableBody::Precomputed(digest))
            .map_err(|error| error.to_string())?;
    let (instructions, _) = sign(signable, &params).map_err(|error| error.to_string())?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}
