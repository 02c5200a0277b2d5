//! A service under a trace of traffic, scaled in virtual time by the code that scales the real one.
