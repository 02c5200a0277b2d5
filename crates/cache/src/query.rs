//! What of a query belongs to a key, in a fixed order.
//!
//! *Promise*: two queries that an origin may tell apart give two sequences of parameters, but for what the operator leaves out and
//! for the order of parameters with different names. Names are compared as an application reads them, so `p%61ge` is `page`: nobody
//! smuggles a parameter past the rule. What holds a `;`, at which some applications split too, is never left out.
//! *Cost*: no allocation for up to 32 parameters.

use crate::QueryRule;
use std::cmp::Ordering;

/// So many parameters are sorted without an allocation.
const FEW: usize = 32;

/// Calls `each` with the parameters that belong to the key, in their order.
pub(crate) fn parameters<'a>(rule: &QueryRule, query: Option<&'a str>, mut each: impl FnMut(&'a str)) {
    let Some(query) = query else { return };
    match rule {
        QueryRule::Exact => each(query),
        QueryRule::None => {}
        QueryRule::All => sorted(query.split('&'), each),
        QueryRule::Only(names) => {
            sorted(query.split('&').filter(|p| p.contains(';') || is_listed(names, p)), each);
        }
        QueryRule::Except(names) => {
            sorted(query.split('&').filter(|p| p.contains(';') || !is_listed(names, p)), each);
        }
    }
}

/// By name; those with one name stay in their order.
fn sorted<'a>(mut parameters: impl Iterator<Item = &'a str>, each: impl FnMut(&'a str)) {
    let mut few = [(0, ""); FEW];
    let mut count = 0;
    for (slot, parameter) in few.iter_mut().zip(parameters.by_ref()) {
        *slot = (count, parameter);
        count += 1;
    }
    match parameters.next() {
        None => sort(&mut few[..count], each),
        Some(next) => {
            let mut many = few.to_vec();
            many.extend(std::iter::once(next).chain(parameters).enumerate().map(|(n, p)| (FEW + n, p)));
            sort(&mut many, each);
        }
    }
}

/// Without the stable sort of the library, which allocates.
fn sort<'a>(numbered: &mut [(usize, &'a str)], each: impl FnMut(&'a str)) {
    numbered.sort_unstable_by(|(m, a), (n, b)| compare(name(a), name(b)).then(m.cmp(n)));
    numbered.iter().map(|(_, parameter)| *parameter).for_each(each);
}

fn name(parameter: &str) -> &str {
    parameter.split_once('=').map_or(parameter, |(name, _)| name)
}

fn compare(a: &str, b: &str) -> Ordering {
    if is_plain(a) && is_plain(b) { a.cmp(b) } else { decoded(a).cmp(decoded(b)) }
}

/// Is the parameter one of these? `utm_*` stands for all that begin so.
fn is_listed(names: &[Box<str>], parameter: &str) -> bool {
    let own = name(parameter);
    names.iter().any(|listed| match listed.strip_suffix('*') {
        Some(start) if is_plain(own) => own.starts_with(start),
        Some(start) => decoded(own).take(start.len()).eq(start.bytes()),
        None if is_plain(own) => *own == **listed,
        None => decoded(own).eq(listed.bytes()),
    })
}

fn is_plain(name: &str) -> bool {
    !name.bytes().any(|b| matches!(b, b'%' | b'+'))
}

/// The bytes that a form's name stands for.
fn decoded(name: &str) -> impl Iterator<Item = u8> {
    let mut rest = name.as_bytes();
    std::iter::from_fn(move || {
        let (byte, behind) = match rest {
            [b'%', high, low, behind @ ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, behind),
                _ => (b'%', &rest[1..]),
            },
            [b'+', behind @ ..] => (b' ', behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return None,
        };
        rest = behind;
        Some(byte)
    })
}

fn hex(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(rule: &QueryRule, query: &str) -> String {
        let mut all = Vec::new();
        parameters(rule, Some(query), |parameter| all.push(parameter));
        all.join("&")
    }

    fn names(names: &[&str]) -> Vec<Box<str>> {
        names.iter().map(|name| (*name).into()).collect()
    }

    #[test]
    fn parameters_are_sorted_by_name_and_keep_their_order_within_one() {
        for (query, want) in [
            ("", ""),
            ("b=1&a=2", "a=2&b=1"),
            ("a=2&a=1&A=3", "A=3&a=2&a=1"),
            ("b&a", "a&b"),
            ("b=&b", "b=&b"),
            ("a&&b", "&a&b"),
            ("a=c&a=b=d", "a=c&a=b=d"),
            // One name, however it is written: the order stays, since applications read it.
            ("b=0&a=1&%61=2", "a=1&%61=2&b=0"),
            ("b=0&%61=2&a=1", "%61=2&a=1&b=0"),
            ("a+b=1&a%20b=2", "a+b=1&a%20b=2"),
            ("a%20b=2&a+b=1", "a%20b=2&a+b=1"),
            ("%=1&a=2", "%=1&a=2"),
        ] {
            assert_eq!(read(&QueryRule::All, query), want, "{query}");
        }
        assert_eq!(read(&QueryRule::Exact, "b=1&a=2"), "b=1&a=2");
        assert_eq!(read(&QueryRule::None, "b=1&a=2"), "");
    }

    #[test]
    fn rules_choose_by_the_name_that_applications_read() {
        let only = QueryRule::Only(names(&["page", "f_*"]));
        let except = QueryRule::Except(names(&["page", "f_*"]));
        for (query, by_only, by_except) in [
            ("x=1&page=2&f_a=3&f_=4&f=5", "f_=4&f_a=3&page=2", "f=5&x=1"),
            ("p%61ge=2&%66_b=3", "%66_b=3&p%61ge=2", ""),
            ("page&Page&page2", "page", "Page&page2"),
            ("x=1;page=2", "x=1;page=2", "x=1;page=2"),
            ("", "", ""),
        ] {
            assert_eq!(
                (read(&only, query).as_str(), read(&except, query).as_str()),
                (by_only, by_except),
                "{query}"
            );
        }
    }

    proptest! {
        #[test]
        fn sorting_loses_nothing_and_does_not_depend_on_the_order_of_names(
            query in "([a-c%+]{0,2}(=[0-9]?)?&){0,50}z", turn in 0_usize..40,
        ) {
            let sorted = read(&QueryRule::All, &query);
            let mut plain: Vec<_> = query.split('&').collect();
            let mut got: Vec<_> = sorted.split('&').collect();
            plain.sort_unstable();
            got.sort_unstable();
            prop_assert_eq!(plain, got);
            prop_assert_eq!(read(&QueryRule::All, &sorted), sorted.clone());
            // Neighbours with different names may change places.
            let mut turned: Vec<_> = query.split('&').collect();
            let at = turn % turned.len();
            if at + 1 < turned.len() && compare(name(turned[at]), name(turned[at + 1])) != Ordering::Equal {
                turned.swap(at, at + 1);
            }
            prop_assert_eq!(read(&QueryRule::All, &turned.join("&")), sorted);
        }
    }
}
