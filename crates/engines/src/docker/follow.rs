//! The engine is followed: what runs, and then each end.

use super::container::State;
use super::engine::{Engine, PATIENCE};
use super::events::{self, News};
use super::recipe::OWNER;
use fetch::Pace;
use fetch::Trouble;
use fetch::{Lines, Question};
use message::Method;
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A stream of events that is silent for so long is opened again, and everything looked at.
const EVENTS_SILENCE: Duration = Duration::from_secs(900);
/// A stream of events that lived so long was a good one.
const GOOD_STREAM: Duration = Duration::from_secs(5);

impl Engine {
    /// Tells what ends, until it is dropped. The same end may be told twice, as an event and as a lack: go by the id.
    pub async fn follow(&self, tell: impl Fn(News<'_>)) -> Infallible {
        let (mut pace, mut told) = (Pace::default(), None);
        loop {
            let began = Instant::now();
            let ended = Box::pin(self.round(&tell, &mut told)).await;
            if began.elapsed() >= GOOD_STREAM {
                pace.well();
            }
            // It may be another engine that answers next.
            self.0.version.take();
            if let Some(trouble) = ended.err().filter(|trouble| told.as_ref() != Some(trouble)) {
                tell(News::Trouble(&trouble));
                told = Some(trouble);
            }
            sleep(pace.next(None)).await;
        }
    }

    async fn round(&self, tell: &impl Fn(News<'_>), told: &mut Option<Trouble>) -> Result<(), Trouble> {
        // First the events, then the list: what ends in between is told by both, and never by neither.
        let mut lines = self.events().await?;
        let running =
            self.list(None).await?.into_iter().filter(|container| container.state == State::Running);
        if told.take().is_some() {
            tell(News::Well);
        }
        tell(News::Running(&running.collect::<Vec<_>>()));
        loop {
            match lines.next().await {
                Ok(Some(line)) => {
                    if let Some(ended) = events::read(&line)? {
                        tell(News::Ended(&ended));
                    }
                }
                // Nothing has happened for long: it is looked whether that is true.
                Ok(None) | Err(Trouble::Timeout) => return Ok(()),
                Err(trouble) => return Err(trouble),
            }
        }
    }

    async fn events(&self) -> Result<Lines, Trouble> {
        let filters = json!({ "type": ["container"], "label": [format!("{OWNER}={}", self.0.owner)] });
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("filters", &filters.to_string())
            .finish();
        let target = format!("{}/events?{query}", self.prefix().await?);
        self.0.client.follow(Question::new(Method::GET, &target, PATIENCE), EVENTS_SILENCE).await
    }
}
