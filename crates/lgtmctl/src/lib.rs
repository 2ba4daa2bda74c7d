//! lgtmctl
