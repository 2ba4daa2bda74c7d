//! Scalars, and what they mean under the core schema of YAML 1.2.
//!
//! There, `no` is text and `0644` is six hundred and forty-four. Which field a scalar is for is not known here.

/// A scalar's text after unescaping.
#[derive(Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Whether it was written without quotes, and so may be a number, a boolean or null.
    pub(crate) plain: bool,
}

/// What a scalar means under the core schema of YAML 1.2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    /// An integer; none when it does not fit.
    Integer(Option<i128>),
    Float(f64),
    Text,
}

impl Scalar {
    /// Resolves the scalar.
    pub(crate) fn kind(&self) -> Kind {
        if !self.plain {
            return Kind::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
            "true" | "True" | "TRUE" => return Kind::Bool(true),
            "false" | "False" | "FALSE" => return Kind::Bool(false),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Kind::Float(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => return Kind::Float(f64::NEG_INFINITY),
            ".nan" | ".NaN" | ".NAN" => return Kind::Float(f64::NAN),
            _ => {}
        }
        number(&self.text).unwrap_or(Kind::Text)
    }
}

fn number(text: &str) -> Option<Kind> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let all = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
            return all.then(|| Kind::Integer(i128::from_str_radix(digits, radix).ok()));
        }
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Kind::Integer(text.parse().ok()));
    }
    let decimal = unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let has_digit = unsigned.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
        || unsigned.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    if decimal && has_digit { text.parse().ok().map(Kind::Float) } else { None }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Scalar};

    fn kind(text: &str) -> Kind {
        Scalar { text: text.to_owned(), plain: true }.kind()
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (text, expected) in [
            ("", Kind::Null),
            ("null", Kind::Null),
            ("True", Kind::Bool(true)),
            ("no", Kind::Text),
            ("0644", Kind::Integer(Some(644))),
            ("+12", Kind::Integer(Some(12))),
            ("-0", Kind::Integer(Some(0))),
            ("0x1F", Kind::Integer(Some(31))),
            ("0o17", Kind::Integer(Some(15))),
            ("0x", Kind::Text),
            ("1_000", Kind::Text),
            ("1.", Kind::Float(1.0)),
            (".5", Kind::Float(0.5)),
            ("-1e3", Kind::Float(-1000.0)),
            (".", Kind::Text),
            ("-", Kind::Text),
            ("1.2.3", Kind::Text),
            ("1e", Kind::Text),
            ("10.11.0.0/16", Kind::Text),
            ("infinity", Kind::Text),
            ("-.inf", Kind::Float(f64::NEG_INFINITY)),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
        assert_eq!(kind(&"9".repeat(60)), Kind::Integer(None));
    }

    #[test]
    fn quoted_scalars_are_text() {
        for text in ["", "null", "true", "1"] {
            assert_eq!(Scalar { text: text.to_owned(), plain: false }.kind(), Kind::Text);
        }
    }
}
