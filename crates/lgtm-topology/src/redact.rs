//! Hides what looks like a credential in the text that a report shows.
//!
//! A diagnostic shows the lines around its place, and one of them may hold a password. So the text
//! is masked before it becomes part of a report; every byte keeps its offset. The module judges by
//! the names of keys only and does not know which fields a topology has.

use std::ops::Range;

/// Parts of key names behind which a credential is to be expected.
const SENSITIVE: &[&str] =
    &["password", "passwd", "pwd", "secret", "token", "credential", "apikey", "privatekey"];

/// Whether a scalar under this key is to be hidden.
pub(crate) fn is_sensitive(key: &str) -> bool {
    // Only as many characters as a key of interest can have: a key may be as long as the file.
    let folded: String =
        key.chars().take(64).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    SENSITIVE.iter().any(|part| folded.contains(part))
        // A misspelt field is shown by the diagnostic that says so.
        || ["password", "adminpassword"].iter().any(|name| strsim::levenshtein(&folded, name) <= 3)
}

/// Whether a collection under this key says where a credential is, rather than what it is.
pub(crate) fn names_a_reference(key: &str) -> bool {
    key.to_lowercase().contains("secret")
}

/// The source with the given ranges masked, and without control characters.
pub(crate) fn mask(source: &str, ranges: &[Range<usize>]) -> String {
    let mut bytes = source.as_bytes().to_vec();
    for byte in &mut bytes {
        // They cannot be part of a longer UTF-8 sequence, and could drive the reader's terminal.
        if byte.is_ascii_control() && !matches!(byte, b'\n' | b'\r' | b'\t') {
            *byte = b'?';
        }
    }
    for range in ranges.iter().cloned().chain(userinfo(source)) {
        let start = floor_char_boundary(source, range.start);
        let end = floor_char_boundary(source, range.end);
        let Some(hidden) = bytes.get_mut(start..end) else { continue };
        // A few stars and then blanks: the mask does not tell how long the value is.
        let mut stars = 6;
        for byte in hidden.iter_mut().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
            *byte = if stars > 0 { b'*' } else { b' ' };
            stars -= i32::from(stars > 0);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where URLs in the text hold credentials: a user and a password between `://` and `@`, and whatever follows a
/// question mark.
pub(crate) fn userinfo(text: &str) -> Vec<Range<usize>> {
    let ends = |character: char| {
        character.is_whitespace() || matches!(character, '/' | '?' | '#' | '"' | '\'' | ',' | '}' | ']')
    };
    let ends_url =
        |character: char| character.is_whitespace() || matches!(character, '"' | '\'' | ',' | '}' | ']');
    let starts = text.match_indices("://").map(|(index, scheme)| index + scheme.len());
    let mut ranges = Vec::new();
    for start in starts {
        let rest = text.get(start..).unwrap_or_default();
        let authority = rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or_default();
        ranges.extend(authority.rfind('@').map(|end| start..start + end));
        let url = rest.get(..rest.find(ends_url).unwrap_or(rest.len())).unwrap_or_default();
        ranges.extend(url.find('?').map(|query| start + query + 1..start + url.len()));
    }
    ranges
}

/// The ranges to hide in a text that could not be read as YAML, found line by line.
///
/// Everything after the colon of a sensitive key is hidden to the end of its line, and so are the
/// following lines that are indented deeper (a block scalar) or that hold no key of their own (a value
/// on a line by itself, which is a likely reason why the text could not be read).
pub(crate) fn guess(source: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut offset = 0;
    let mut inside: Option<usize> = None;
    for line in source.split_inclusive('\n') {
        let text = line.trim_end_matches(['\n', '\r']);
        let indent = text.len() - text.trim_start_matches([' ', '-', '\t']).len();
        let blank = text.trim().is_empty();
        if inside.is_some_and(|outer| blank || indent > outer || !text.contains(':')) {
            ranges.push(offset..offset + text.len());
        } else {
            inside = None;
            if let Some(value) = value_of_sensitive_key(text) {
                ranges.push(offset + value..offset + text.len());
                inside = Some(indent);
            }
        }
        offset += line.len();
    }
    ranges
}

/// Where the value of the line's first sensitive key starts.
fn value_of_sensitive_key(line: &str) -> Option<usize> {
    let mut key_start = 0;
    for (index, character) in line.char_indices() {
        match character {
            '{' | ',' | '[' => key_start = index + 1,
            ':' => {
                let key = line.get(key_start..index).unwrap_or_default();
                if is_sensitive(key) {
                    return Some(index + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::{guess, is_sensitive, mask};

    #[test]
    fn credentials_in_urls_are_masked_and_other_signs_are_not() {
        for (text, shown) in [
            ("a: https://me:hunter2@example.com/x@y", "a: https://******    @example.com/x@y"),
            ("[oci://t@a, http://b/c@d]", "[oci://*@a, http://b/c@d]"),
            ("mail: me@example.com", "mail: me@example.com"),
            ("a: 'https://example.com/x?token=hunter2'", "a: 'https://example.com/x?******       '"),
            ("://", "://"),
        ] {
            assert_eq!(mask(text, &[]), shown);
        }
    }

    #[test]
    fn names_of_credentials_are_known_even_when_misspelt() {
        for key in ["adminPassword", "adminPasword", "admin_password", "PASSWORD", "apiKey", "client-secret"]
        {
            assert!(is_sensitive(key), "{key}");
        }
        for key in ["name", "podCIDR", "adminUser", "workers", "key", ""] {
            assert!(!is_sensitive(key), "{key}");
        }
    }

    #[test]
    fn a_mask_keeps_every_offset_and_tells_no_length() {
        let source = "a: hünter2hunter2\nb: c\u{1b}d\n";
        let hidden = 3..18;
        let masked = mask(source, std::slice::from_ref(&hidden));
        assert_eq!(masked, "a: ******         \nb: c?d\n");
        assert_eq!(masked.len(), source.len());
    }

    #[test]
    fn broken_text_is_masked_by_lines() {
        let source =
            "grafana:\n  adminPassword: |\n    first\n\n    second\n  host: x\nz: {token: abc, y: z}\n";
        let masked = mask(source, &guess(source));
        for hidden in ["first", "second", "abc"] {
            assert!(!masked.contains(hidden), "{masked}");
        }
        assert!(masked.contains("host: x"), "{masked}");
    }
}
