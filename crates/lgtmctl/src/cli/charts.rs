//! What the commands about charts and manifests of others take.

use std::path::PathBuf;

use clap::Args;

use super::FileArgs;

/// See [`super::Command::Lock`].
#[derive(Debug, Args)]
#[expect(missing_docs, reason = "the flattened fields are documented where they are declared")]
pub struct LockArgs {
    #[command(flatten)]
    pub file: FileArgs,
    /// Look at what is locked already, too, and take what is there now.
    #[arg(long)]
    pub upgrade: bool,
    /// Write nothing, and end with code 1 when the lock file is not current.
    #[arg(long, conflicts_with = "upgrade")]
    pub check: bool,
}

/// See [`super::Command::Vendor`].
#[derive(Debug, Args)]
#[expect(missing_docs, reason = "the flattened fields are documented where they are declared")]
pub struct VendorArgs {
    #[command(flatten)]
    pub file: FileArgs,
    /// The folder; it is made when it is not there.
    #[arg(value_name = "DIR")]
    pub to: PathBuf,
}
