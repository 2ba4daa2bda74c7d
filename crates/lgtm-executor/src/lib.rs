//! lgtm-executor
