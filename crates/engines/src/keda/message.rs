//! The messages of `externalscaler.proto`, as far as they say something here. Pure.

use super::Demand;
use super::protobuf::{Fields, Malformed, Value, put_bytes, put_double, put_int};

/// The key of the trigger's metadata that names the service.
const SERVICE: &[u8] = b"service";
/// KEDA counts in thousandths: what is less would be no target at all.
const TARGET_LEAST: f64 = 0.001;
/// More than any sum of requests, and small enough for a whole number of thousandths.
const MOST: f64 = 1e12;

/// What a call is about, of `ScaledObjectRef` and `GetMetricsRequest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// The service: `service` of the trigger's metadata, else the name of the `ScaledObject`.
    pub(super) service: String,
    /// The metric, where one is asked for.
    pub(super) metric: Option<String>,
}

impl About {
    /// Reads a `ScaledObjectRef`.
    pub(super) fn object(bytes: &[u8]) -> Result<Self, Malformed> {
        let (mut name, mut service) = (String::new(), None);
        for field in Fields(bytes) {
            match field? {
                (1, Value::Bytes(value)) => name = text(value)?,
                // A map is a repeated message of key and value; of two with one key the last counts.
                (3, Value::Bytes(entry)) => {
                    if let Some(value) = entry_of(entry, SERVICE)? {
                        service = Some(value);
                    }
                }
                _ => {}
            }
        }
        Ok(Self { service: service.filter(|service| !service.is_empty()).unwrap_or(name), metric: None })
    }

    /// Reads a `GetMetricsRequest`.
    pub(super) fn metrics(bytes: &[u8]) -> Result<Self, Malformed> {
        let (mut about, mut metric) = (Self::default(), None);
        for field in Fields(bytes) {
            match field? {
                (1, Value::Bytes(object)) => about = Self::object(object)?,
                (2, Value::Bytes(value)) => metric = Some(text(value)?),
                _ => {}
            }
        }
        Ok(Self { metric, ..about })
    }
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    std::str::from_utf8(bytes).map(Into::into).map_err(|_| Malformed)
}

fn entry_of(entry: &[u8], wanted: &[u8]) -> Result<Option<String>, Malformed> {
    let (mut key, mut value): (&[u8], &[u8]) = (b"", b"");
    for field in Fields(entry) {
        match field? {
            (1, Value::Bytes(bytes)) => key = bytes,
            (2, Value::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    if key == wanted { text(value).map(Some) } else { Ok(None) }
}

/// `IsActiveResponse`.
pub(super) fn activity(demand: &Demand) -> Vec<u8> {
    let mut out = Vec::new();
    put_int(&mut out, 1, demand.active.into());
    out
}

/// `GetMetricSpecResponse` with one metric: what one instance is to carry.
pub(super) fn specification(metric: &str, demand: &Demand) -> Vec<u8> {
    wrapped(&metric_of(metric, bounded(demand.target, TARGET_LEAST)))
}

/// `GetMetricsResponse` with one metric: how much there is.
pub(super) fn measured(metric: &str, demand: &Demand) -> Vec<u8> {
    wrapped(&metric_of(metric, bounded(demand.current, 0.0)))
}

/// A number that is one.
fn bounded(value: f64, least: f64) -> f64 {
    // `max` takes the other one where there is no number.
    value.max(least).min(MOST)
}

/// `MetricSpec` and `MetricValue` have the same form: a name, a whole number for old versions of KEDA, a double for others.
fn metric_of(name: &str, value: f64) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 1, name.as_bytes());
    put_int(&mut out, 2, value.ceil() as i64);
    put_double(&mut out, 3, value);
    out
}

fn wrapped(metric: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 1, metric);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(key: &str, value: &str) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes(&mut out, 1, key.as_bytes());
        put_bytes(&mut out, 2, value.as_bytes());
        out
    }

    fn object(name: &str, metadata: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes(&mut out, 1, name.as_bytes());
        put_bytes(&mut out, 2, b"default");
        for (key, value) in metadata {
            put_bytes(&mut out, 3, &entry(key, value));
        }
        out
    }

    #[test]
    fn the_service_is_that_of_the_metadata_else_the_name_of_the_object() {
        let service = |bytes: &[u8]| About::object(bytes).unwrap().service;
        assert_eq!(service(&object("shop", &[])), "shop");
        assert_eq!(service(&object("x", &[("scalerAddress", "t:1"), ("service", "shop")])), "shop");
        assert_eq!(service(&object("x", &[("service", "a"), ("service", "b")])), "b");
        assert_eq!(service(&object("x", &[("service", "")])), "x");
    }

    #[test]
    fn a_request_for_metrics_holds_the_object_and_the_metric() {
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, 1, &object("shop", &[]));
        put_bytes(&mut bytes, 2, b"tidegate-shop");
        let about = About::metrics(&bytes).unwrap();
        assert_eq!(about, About { service: "shop".into(), metric: Some("tidegate-shop".into()) });
    }

    #[test]
    fn odd_numbers_are_still_numbers() {
        for (value, least, expected) in [
            (f64::NAN, 0.001, 0.001),
            (f64::INFINITY, 0.0, MOST),
            (f64::NEG_INFINITY, 0.0, 0.0),
            (-1.0, 0.0, 0.0),
            (0.0, 0.001, 0.001),
            (12.5, 0.0, 12.5),
        ] {
            assert_eq!(bounded(value, least).to_bits(), expected.to_bits(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = About::object(&bytes);
            let _ = About::metrics(&bytes);
        }
    }
}
