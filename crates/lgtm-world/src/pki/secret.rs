//! Private values that cannot be printed by accident, and the digest that stands for them in plans.
//!
//! Nothing here knows what a value is for.

use std::fmt;

use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use zeroize::Zeroizing;

use super::Error;

/// Upper and lower case letters and digits: safe in URLs, YAML, shell words and configuration files.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Hexadecimal characters of a digest that are shown; 48 bits tell two values apart and no more.
const DIGEST_CHARACTERS: usize = 12;

macro_rules! private_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// The text is wiped from memory when the value is dropped.
        #[derive(Clone)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// Takes a private text over.
            pub fn new(text: impl Into<String>) -> Self {
                Self(Zeroizing::new(text.into()))
            }

            /// The private text itself. Its only rightful use is to write it into a Secret, or to hand
            /// it to the library that needs it.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    };
}

private_text!(
    /// A private key in PEM, PKCS #8.
    PrivateKey
);
private_text!(
    /// A password.
    Password
);

/// Makes a password of `length` letters and digits, each equally likely.
///
/// # Errors
///
/// [`Error::NoRandomness`] when the operating system's source fails.
pub fn generate_password(length: usize) -> Result<Password, Error> {
    let random = SystemRandom::new();
    let mut password = Zeroizing::new(String::with_capacity(length));
    let mut bytes = Zeroizing::new([0_u8; 64]);
    while password.len() < length {
        random.fill(bytes.as_mut()).map_err(|_| Error::NoRandomness)?;
        let missing = length - password.len();
        password.extend(bytes.iter().filter_map(|byte| letter(*byte)).take(missing));
    }
    Ok(Password(password))
}

/// The letter for a random byte. 256 is no multiple of 62, so the bytes above the last whole multiple
/// have none; mapping them too would make the first letters more likely than the others.
fn letter(byte: u8) -> Option<char> {
    let whole = ALPHABET.len() * (256 / ALPHABET.len());
    let index = usize::from(byte);
    (index < whole).then(|| ALPHABET.get(index % ALPHABET.len()).copied().map(char::from)).flatten()
}

/// Twelve hexadecimal characters that change when `data` does, and that nobody without `key` can
/// compare with guesses: the form in which a plan shows a private value.
pub fn keyed_digest(key: &[u8], data: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
    let mut digest = hex(tag.as_ref());
    digest.truncate(DIGEST_CHARACTERS);
    digest
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_password_has_the_length_asked_for_and_only_letters_and_digits() {
        for length in [0, 1, 24, 63, 64, 65, 200] {
            let password = generate_password(length).unwrap();
            assert_eq!(password.expose().len(), length);
            assert!(password.expose().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn passwords_differ_and_use_the_whole_alphabet() {
        let first = generate_password(32).unwrap();
        let second = generate_password(32).unwrap();
        assert_ne!(first.expose(), second.expose());
        // With 20 000 draws a given letter is absent with a chance below 1e-140.
        let long = generate_password(20_000).unwrap();
        assert_eq!(long.expose().bytes().collect::<BTreeSet<_>>(), ALPHABET.iter().copied().collect());
    }

    #[test]
    fn every_letter_stands_for_the_same_number_of_bytes() {
        let mut counts = std::collections::BTreeMap::new();
        for byte in 0..=u8::MAX {
            if let Some(letter) = letter(byte) {
                *counts.entry(letter).or_insert(0) += 1;
            }
        }
        assert_eq!(counts.len(), 62);
        assert!(counts.values().all(|count| *count == 4), "{counts:?}");
    }

    #[test]
    fn a_digest_depends_on_key_and_data_and_is_short() {
        // The first test case of RFC 4231.
        assert_eq!(keyed_digest(&[0x0b; 20], b"Hi There"), "b0344c61d8db");
        assert_ne!(keyed_digest(b"key", b"one"), keyed_digest(b"key", b"two"));
        assert_ne!(keyed_digest(b"key", b"one"), keyed_digest(b"other", b"one"));
    }

    #[test]
    fn debug_output_is_redacted_however_deep_the_value_lies() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "read through Debug only")]
        struct Holder {
            key: Option<PrivateKey>,
            password: Vec<Password>,
        }
        let holder = Holder {
            key: Some(PrivateKey::new("top-secret-key")),
            password: vec![Password::new("top-secret-password")],
        };
        let shown = format!("{holder:?} {holder:#?}");
        assert!(!shown.contains("top-secret"), "{shown}");
        assert!(shown.contains("PrivateKey(redacted)") && shown.contains("Password(redacted)"), "{shown}");
    }
}
