//! `did you mean`: the known word that is nearest to a mistyped one.

/// The nearest of `known`, where it is near enough that a typing error is likely: one letter in three.
pub(crate) fn nearest<'k>(typed: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let plain = |word: &str| word.to_lowercase().replace(['-', ' '], "_");
    let typed = plain(typed);
    if typed.len() > 64 {
        return None;
    }
    let distance = |word: &str| strsim::osa_distance(&typed, &plain(word));
    let near = known.into_iter().map(|word| (distance(word), word));
    let (distance, word) = near.min_by_key(|(distance, _)| *distance)?;
    let room = (word.chars().count().max(typed.chars().count()) / 3).max(1);
    // Two words that share no letter are not near, however short they are.
    (distance <= room && distance < word.chars().count()).then_some(word)
}

/// `a`, `b`, `c` with backticks.
pub(crate) fn list<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("lb_polcy", ["endpoints", "lb_policy"]), Some("lb_policy"));
        assert_eq!(nearest("max-body", ["max_body"]), Some("max_body"));
        assert_eq!(nearest("adress", ["address", "tls"]), Some("address"));
        assert_eq!(nearest("color", ["address", "tls"]), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
