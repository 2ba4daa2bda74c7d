//! lgtm-world
