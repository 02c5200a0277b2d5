//! Parts of a whole, percentages above it, factors and shares: numbers that are kept as they were typed, without rounding.

use std::fmt;

use super::{Bad, Typed, typed};

/// A part of a whole, from `0%` to `100%`, exact to four decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

impl Percent {
    /// Decimals of a percent that are kept.
    const PLACES: u32 = 4;

    /// So many whole percent; 100 at most.
    pub const fn of(percent: u8) -> Self {
        assert!(percent <= 100, "a part is not more than the whole");
        Self(percent as u32 * 10_000)
    }

    /// The part as a fraction, from 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::show(self.0.into()))
    }
}

impl Typed for Percent {
    const FORMAT: &'static str = "percent";
    const EXPECTED: &'static str = "a percentage such as `20%`";
    const NOUN: &'static str = "a percentage";

    fn read(text: &str) -> Result<Self, Bad> {
        let Some(number) = text.strip_suffix('%') else {
            return Err(without_sign(text));
        };
        match decimal(number, Self::PLACES) {
            Some(part) => u32::try_from(part)
                .ok()
                .filter(|part| *part <= 1_000_000)
                .map(Self)
                .ok_or_else(|| Bad::because("it must be at most 100%")),
            None => Err(decimal(number.trim(), Self::PLACES)
                .map_or_else(Bad::plain, |_| Bad::mean(format_args!("{}%", number.trim())))),
        }
    }

    /// Ten-thousandths of a percent.
    fn measure(&self) -> Option<u64> {
        Some(self.0.into())
    }

    fn show(measure: u64) -> String {
        show_decimal(measure, Self::PLACES) + "%"
    }
}

/// `20` most likely means `20%`, and `0.2` does too.
fn without_sign(text: &str) -> Bad {
    let whole = decimal(text, 0).filter(|percent| *percent <= 100);
    let fraction = decimal(text, Percent::PLACES).filter(|part| *part < 10_000);
    let bad = || Bad::because("the `%` is missing");
    match (whole, fraction) {
        (Some(percent), _) => bad().or_mean(format_args!("{percent}%")),
        (None, Some(part)) => bad().or_mean(Percent::show(part * 100)),
        _ => Bad::plain(),
    }
}

/// A part of something that there can be more of than one, such as cores: `70%`, `200%`; exact to four decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Multiple(u32);

impl Multiple {
    /// So many whole percent.
    pub const fn of(percent: u16) -> Self {
        Self(percent as u32 * 10_000)
    }

    /// The number: 2 for `200%`.
    pub fn get(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

impl fmt::Display for Multiple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::show(self.0.into()))
    }
}

impl Typed for Multiple {
    const FORMAT: &'static str = "percentage";
    const EXPECTED: &'static str = "a percentage such as `200%`";
    const NOUN: &'static str = "a percentage";

    fn read(text: &str) -> Result<Self, Bad> {
        let Some(number) = text.strip_suffix('%') else {
            // `2.5` and `2` most likely mean `250%` and `200%`, and `250` means `250%`.
            let whole = decimal(text, 0).filter(|percent| *percent > 10);
            let meant = whole.or_else(|| decimal(text, 2));
            let bad = Bad::because("the `%` is missing");
            return Err(meant.map_or_else(Bad::plain, |meant| bad.or_mean(format_args!("{meant}%"))));
        };
        match decimal(number, Percent::PLACES).map(u32::try_from) {
            Some(Ok(part)) => Ok(Self(part)),
            Some(Err(_)) => Err(Bad::because("it is too large")),
            None => Err(Bad::plain()),
        }
    }

    /// Ten-thousandths of a percent.
    fn measure(&self) -> Option<u64> {
        Some(self.0.into())
    }

    fn show(measure: u64) -> String {
        Percent::show(measure)
    }
}

/// A factor above zero, exact to three decimals: `1.25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor(u32);

impl Factor {
    /// Decimals that are kept.
    const PLACES: u32 = 3;

    /// So many thousandths.
    pub(crate) const fn thousandths(thousandths: u32) -> Self {
        Self(thousandths)
    }

    /// The number.
    pub fn get(self) -> f64 {
        f64::from(self.0) / 1e3
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::show(self.0.into()))
    }
}

impl Typed for Factor {
    const FORMAT: &'static str = "number";
    const EXPECTED: &'static str = "a number such as `1.25`";
    const TYPES: &'static [&'static str] = &["string", "number"];
    const NOUN: &'static str = "a number";

    fn read(text: &str) -> Result<Self, Bad> {
        match decimal(text, Self::PLACES).map(u32::try_from) {
            Some(Ok(0)) => Err(Bad::because("it must be above zero")),
            Some(Ok(thousandths)) => Ok(Self(thousandths)),
            Some(Err(_)) => Err(Bad::because("it is too large")),
            None => Err(text
                .strip_suffix('%')
                .and_then(|percent| decimal(percent, 1))
                .map_or_else(Bad::plain, |tenths| Bad::mean(show_decimal(tenths, Self::PLACES)))),
        }
    }

    /// Thousandths.
    fn measure(&self) -> Option<u64> {
        Some(self.0.into())
    }

    fn show(measure: u64) -> String {
        show_decimal(measure, Self::PLACES)
    }
}

/// A share of the whole, compared with the other shares: their sum need not be 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// The largest share.
    const MAX: u32 = 1_000_000;

    /// The share; zero takes no part.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Typed for Share {
    const FORMAT: &'static str = "share";
    const EXPECTED: &'static str = "a whole number from 0 to 1000000";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        let share = |text: &str| whole(text).filter(|share| *share <= Self::MAX);
        match (share(text), text.strip_suffix('%').and_then(share)) {
            (Some(share), _) => Ok(Self(share)),
            (None, Some(percent)) => Err(Bad::because("shares have no `%`").or_mean(percent)),
            (None, None) => Err(Bad::plain()),
        }
    }
}

/// Digits alone as a number: no sign, no spaces.
pub(super) fn whole<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Digits with at most `places` behind a dot, as a whole number of the smallest place: `1.25` with 3 places is 1250.
fn decimal(text: &str, places: u32) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let behind = fraction.unwrap_or("0");
    if !digits(whole) || !digits(behind) || (fraction.is_some() && behind.len() > places as usize) {
        return None;
    }
    let scale = 10_u64.pow(places);
    let missing =
        if fraction.is_some() { places.checked_sub(u32::try_from(behind.len()).ok()?)? } else { 0 };
    let small = behind.parse::<u64>().ok()?.checked_mul(10_u64.pow(missing))?;
    whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(small)
}

/// The shortest text that [`decimal`] reads back as `number`.
fn show_decimal(number: u64, places: u32) -> String {
    let scale = 10_u64.pow(places);
    let text = format!("{}.{:0width$}", number / scale, number % scale, width = places as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

typed!(Percent, Multiple, Factor, Share);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_without_rounding_and_shown_as_typed() {
        for text in ["0%", "0.0001%", "12.5%", "20%", "99.9%", "100%"] {
            assert_eq!(Percent::read(text).map(|percent| percent.to_string()), Ok(text.into()));
        }
        assert!((Percent::of(20).fraction() - 0.2).abs() < f64::EPSILON);
        for text in ["0%", "70%", "200%", "1234.5678%"] {
            assert_eq!(Multiple::read(text).map(|multiple| multiple.to_string()), Ok(text.into()));
        }
        assert!((Multiple::of(250).get() - 2.5).abs() < f64::EPSILON);
        for text in ["1.25", "10", "0.001", "4294967.295"] {
            assert_eq!(Factor::read(text).map(|factor| factor.to_string()), Ok(text.into()));
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for text in ["", "%", "1e1%", "-1%", "100.0001%", "1.00001%", ".5%", "5.%", "99999999999999999999%"] {
            assert!(Percent::read(text).is_err(), "{text}");
        }
        for text in ["", "%", "200", "2.0", "-1%", "1.00001%", "429497%", "99999999999999999999%"] {
            assert!(Multiple::read(text).is_err(), "{text}");
        }
        for text in ["", "1.", ".5", "1.2345", "0", "-2", "inf", "4294967.296", "18446744073709551615"] {
            assert!(Factor::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_most_likely_meant_is_hinted_at() {
        let hint = |bad: Bad| bad.hint.unwrap_or_default();
        assert_eq!(Percent::read("20").map_err(hint), Err("did you mean `20%`?".into()));
        assert_eq!(Percent::read("0.25").map_err(hint), Err("did you mean `25%`?".into()));
        assert_eq!(Percent::read("20 %").map_err(hint), Err("did you mean `20%`?".into()));
        assert_eq!(Factor::read("125%").map_err(hint), Err("did you mean `1.25`?".into()));
        assert_eq!(Multiple::read("200").map_err(hint), Err("did you mean `200%`?".into()));
        assert_eq!(Multiple::read("2").map_err(hint), Err("did you mean `200%`?".into()));
        assert_eq!(Multiple::read("2.5").map_err(hint), Err("did you mean `250%`?".into()));
        assert_eq!(Share::read("95%").map_err(hint), Err("did you mean `95`?".into()));
    }
}
