//! lgtm-planner
