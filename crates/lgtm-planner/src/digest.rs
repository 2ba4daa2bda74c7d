//! Digests of content. Equal content has equal digests whatever the order of its map keys.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A SHA-256, as 64 lowercase hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// Of bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(bytes) {
            let digits = [byte >> 4, byte & 0xf].into_iter();
            hex.extend(digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)));
        }
        Self(hex)
    }

    /// Of a JSON value. `serde_json`'s maps are sorted by key, so the text is canonical.
    pub fn of_json(value: &Value) -> Self {
        Self::of_bytes(value.to_string().as_bytes())
    }

    /// Of several digests in order.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hasher = Vec::new();
        for part in parts {
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            hasher.extend_from_slice(&(part.len() as u64).to_be_bytes());
            hasher.extend_from_slice(part.as_bytes());
        }
        Self::of_bytes(&hasher)
    }

    /// A digest as it is written: 64 lowercase hexadecimal digits; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for people and for annotations.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
