//! What became of a decision: which endpoint went from which state to which, and why. For logs, metrics and the
//! admin API.

use crate::health::{Checked, State};
use crate::outlier::Suspicion;

/// The state of an endpoint is another one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its position in the list that was given.
    pub endpoint: usize,
    /// The state before.
    pub from: State,
    /// The state now.
    pub to: State,
    /// What it was that changed it.
    pub why: Why,
}

/// What changed a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Several server errors in a row.
    Consecutive5xx,
    /// Several gateway errors in a row.
    ConsecutiveGatewayErrors,
    /// Several connections in a row that could not be made.
    ConnectFailures,
    /// Its success rate was far below that of the others.
    SuccessRate,
    /// Its time was over.
    EjectionOver,
    /// The request that tried it succeeded.
    TrialPassed,
    /// The request that tried it failed.
    TrialFailed,
    /// Outlier detection was switched off.
    DetectionOff,
    /// An active check passed, or a probe connected.
    CheckPassed,
    /// Active checks failed.
    CheckFailed,
    /// Active checks could not connect.
    CheckUnreachable,
    /// The operator drains it.
    Drained,
    /// The operator drains it no more.
    Undrained,
}

impl Why {
    /// As logs, metrics and the admin API write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consecutive5xx => "consecutive_5xx",
            Self::ConsecutiveGatewayErrors => "consecutive_gateway_errors",
            Self::ConnectFailures => "connect_failures",
            Self::SuccessRate => "success_rate",
            Self::EjectionOver => "ejection_over",
            Self::TrialPassed => "trial_passed",
            Self::TrialFailed => "trial_failed",
            Self::DetectionOff => "detection_off",
            Self::CheckPassed => "check_passed",
            Self::CheckFailed => "check_failed",
            Self::CheckUnreachable => "check_unreachable",
            Self::Drained => "drained",
            Self::Undrained => "undrained",
        }
    }
}

impl From<Suspicion> for Why {
    fn from(suspicion: Suspicion) -> Self {
        match suspicion {
            Suspicion::Consecutive5xx => Self::Consecutive5xx,
            Suspicion::ConsecutiveGatewayErrors => Self::ConsecutiveGatewayErrors,
            Suspicion::Unreachable => Self::ConnectFailures,
        }
    }
}

impl From<Checked> for Why {
    fn from(verdict: Checked) -> Self {
        match verdict {
            Checked::Passed => Self::CheckPassed,
            Checked::Failed => Self::CheckFailed,
            Checked::Unreachable => Self::CheckUnreachable,
        }
    }
}
