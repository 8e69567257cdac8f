//! Finds what a person probably meant by a name with a slip.

/// `. Did you mean NAME?` for the name that is most like `wanted`, or nothing. A name may differ in
/// one of three characters, and is never `wanted` itself.
pub(super) fn did_you_mean<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    let others = names.filter(|name| !name.is_empty() && *name != wanted);
    let wanted = wanted.to_lowercase();
    let scored = others.map(|name| (strsim::damerau_levenshtein(&wanted, &name.to_lowercase()), name));
    let alike = scored.filter(|(slips, name)| *slips <= name.chars().count() / 3);
    let best = alike.min_by_key(|(slips, _)| *slips);
    best.map_or_else(String::new, |(_, name)| format!(". Did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_name_with_a_slip_and_nothing_else() {
        let names = || ["instagram", "onlyfans", "x", "youtube"].into_iter();
        for (wanted, meant) in [("instgram", "instagram"), ("Onlyfan", "onlyfans"), ("yuotube", "youtube")] {
            assert_eq!(did_you_mean(wanted, names()), format!(". Did you mean {meant}?"));
        }
        assert_eq!(did_you_mean("X", names()), ". Did you mean x?");
        for wanted in ["", "vimeo", "xx", "x"] {
            assert_eq!(did_you_mean(wanted, names()), "", "{wanted}");
        }
        assert_eq!(did_you_mean("", ["", "a"].into_iter()), "");
    }
}
