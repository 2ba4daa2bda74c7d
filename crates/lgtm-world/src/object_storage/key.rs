//! An access key: an id, and a secret that is shown nowhere.
//!
//! Neither is printed: the id is no secret, but nobody who reads a log needs it.

use std::fmt;

use zeroize::Zeroizing;

use crate::pki;

/// Letters and digits in what is random of an id: two keys of one family never meet.
const ID_LENGTH: usize = 12;
/// The longest secret that S3 services agree on; about 238 bits.
const SECRET_LENGTH: usize = 40;

/// See the module.
#[derive(Clone)]
pub(crate) struct AccessKey {
    id: Zeroizing<String>,
    secret: Zeroizing<String>,
}

impl AccessKey {
    /// A new key, whose id begins with `family`.
    pub(crate) fn generate(family: &str) -> Result<Self, pki::Error> {
        let id = pki::generate_password(ID_LENGTH)?;
        let secret = pki::generate_password(SECRET_LENGTH)?;
        Ok(Self::new(&format!("{family}{}", id.expose()), secret.expose()))
    }

    pub(crate) fn new(id: &str, secret: &str) -> Self {
        Self { id: Zeroizing::new(id.to_owned()), secret: Zeroizing::new(secret.to_owned()) }
    }

    /// For the Secret, and for requests.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// For the Secret, for signatures, and for making the user.
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    /// Whether object storage takes it: what it refuses would fail at every try.
    pub(crate) fn is_acceptable(&self) -> bool {
        let plain = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'=' | b',' | b'/'))
        };
        (3..=128).contains(&self.id.len())
            && plain(&self.id)
            && (8..=SECRET_LENGTH).contains(&self.secret.len())
    }

    /// Id and secret as one text, to be digested. No id has a line break in it.
    pub(crate) fn whole(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}\n{}", *self.id, *self.secret))
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_key_is_of_its_family_and_acceptable_and_unlike_any_other() {
        let (one, other) = (AccessKey::generate("lgtm0").unwrap(), AccessKey::generate("lgtm0").unwrap());
        assert!(one.id().starts_with("lgtm0") && one.id().len() == 17 && one.secret().len() == 40);
        assert!(one.is_acceptable());
        assert!(one.id() != other.id() && one.secret() != other.secret());
        let shown = format!("{one:?}");
        assert!(!shown.contains(one.id()) && !shown.contains(one.secret()), "{shown}");
    }

    #[test]
    fn what_storage_refuses_is_not_kept() {
        let acceptable = |id: &str, secret: &str| AccessKey::new(id, secret).is_acceptable();
        assert!(acceptable("abc", "12345678"));
        assert!(!acceptable("ab", "12345678"));
        assert!(!acceptable(&"a".repeat(129), "12345678"));
        assert!(!acceptable("a=c", "12345678"));
        assert!(!acceptable("a,c", "12345678"));
        assert!(!acceptable("a c", "12345678"));
        assert!(!acceptable("abc", "1234567"));
        assert!(!acceptable("abc", &"1".repeat(41)));
    }
}
