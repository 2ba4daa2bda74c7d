//! The real program against real API servers: killed at random moments, and searched for secrets.

mod kill;
mod program;
mod secrets;
