//! "Did you mean": the known name that a mistyped one is nearest to.
//!
//! It knows nothing of what the names stand for, so the planner can use it for units, too.

/// The candidate that `name` was most likely meant to be, if one is near enough.
///
/// Case, `-` and `_` do not count; up to a third of the characters may be wrong, since a suggestion
/// that is farther off misleads more than it helps. Of equally near ones the first wins.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = folded(name);
    let length = wanted.chars().count();
    // Distances are quadratic in length; no known name is nearly as long as this.
    if length == 0 || length > 160 {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let known = folded(candidate);
        let allowed = length.max(known.chars().count()) / 3;
        if length.abs_diff(known.chars().count()) > allowed {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&wanted, &known);
        if distance <= allowed && best.is_none_or(|(nearest, _)| distance < nearest) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn folded(name: &str) -> String {
    name.chars().filter(|character| !matches!(character, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn finds_the_nearest_and_only_if_it_is_near() {
        let names = ["lgtm-central", "lgtm-remote", "lgtm-remote-otel"];
        assert_eq!(did_you_mean("lgtm-centrl", names), Some("lgtm-central"));
        assert_eq!(did_you_mean("LGTM_Remote", names), Some("lgtm-remote"));
        assert_eq!(did_you_mean("lgtm-remote-otle", names), Some("lgtm-remote-otel"));
        assert_eq!(did_you_mean("production", names), None);
        assert_eq!(did_you_mean("", names), None);
        assert_eq!(did_you_mean("b", ["a"]), None);
    }

    #[test]
    fn the_first_of_equally_near_ones_wins() {
        assert_eq!(did_you_mean("remote00", ["remote01", "remote02"]), Some("remote01"));
    }
}
