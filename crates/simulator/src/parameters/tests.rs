//! What wins over what, and what is refused.

use super::*;

#[test]
fn what_is_said_later_wins_and_what_is_not_said_stays() {
    let mut first = Overrides::default();
    first.set("max", "8").unwrap();
    first.set("start_time", "30s").unwrap();
    let second = Overrides { max: Some(12), ..Overrides::default() };
    let parameters = Parameters::default().with(&first).with(&second);
    assert_eq!(parameters.scale.max, 12);
    assert_eq!(parameters.start_time, Duration::from_secs(30));
    assert_eq!(parameters.slots, Parameters::default().slots);
}

#[test]
fn every_name_can_be_set_and_wrong_values_are_told() {
    for name in NAMES {
        let mut said = Overrides::default();
        let good = ["20", "20s", "20%"].iter().filter(|value| said.set(name, value).is_ok()).count();
        assert_eq!(good, 1, "{name}");
        assert!(said.set(name, "much").unwrap_err().contains("expected"), "{name}");
    }
    let error = Overrides::default().set("mx", "1").unwrap_err();
    assert!(error.contains("`mx`") && error.contains("max"), "{error}");
}

#[test]
fn a_service_without_a_target_aims_at_seven_tenths_of_its_slots() {
    let plain = Parameters::default().checked().unwrap();
    assert_eq!(plain.scale.targets.concurrency, Some(14.0));
    let said = Overrides { rps: Some(50.0), ..Overrides::default() };
    let targets = Parameters::default().with(&said).checked().unwrap().scale.targets;
    assert_eq!((targets.concurrency, targets.rps), (None, Some(50.0)));
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_change() {
    let check = |name: &str, value: &str| {
        let mut said = Overrides::default();
        said.set(name, value).unwrap();
        Parameters::default().with(&said).checked().unwrap_err()
    };
    assert!(check("min", "21").contains("raise max or lower min"));
    assert!(check("max", "0").contains("from 1 to"));
    assert!(check("slots", "0").contains("slots"));
    assert!(check("service_time", "0s").contains("100ms"));
    assert!(check("hold_timeout", "2h").contains("at most 1h"));
    assert!(check("cv", "11").contains("at most 10"));
}
