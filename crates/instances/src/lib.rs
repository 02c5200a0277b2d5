//! Instances of a service: launched, watched, replaced, drained.
