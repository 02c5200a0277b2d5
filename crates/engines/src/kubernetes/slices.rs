//! Follows the `EndpointSlice`s of a Service: a list, then a watch from the version of the list on.
//!
//! A watch that ends, or breaks off, goes on from the last version that was seen. Where the cluster does not know that
//! version any more (410), or says what cannot be understood, everything is listed anew. Failures are retried at growing
//! distances with jitter; meanwhile what was known stays.
//!
//! *Promise*: each change is told once, as the whole set; a run of events that arrived together is one change.

use super::api::Api;
use super::slice::{ENDPOINTS_MOST, Endpoint, Family, Metadata, Port, Slice, endpoints};
use super::watch::Event;
use fetch::Lines;
use fetch::Pace;
use fetch::Trouble;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Objects of one page of a list.
const PAGE: usize = 250;
/// Pages of one list.
const PAGES_MOST: usize = 64;
/// Slices of one Service. A slice holds up to 1,000 endpoints, usually 100.
const SLICES_MOST: usize = 2048;
/// The server is asked to end a watch by itself after so many seconds, and a random share of a minute.
const WATCH_SECONDS: usize = 240;
/// It is late by so much at most.
const WATCH_GRACE: Duration = Duration::from_secs(30);
/// A watch that lived so long was a good one, though nothing happened.
const GOOD_WATCH: Duration = Duration::from_secs(5);

/// The endpoints of one Service.
#[derive(Clone, Debug)]
pub struct Slices {
    api: Api,
    service: Box<str>,
    port: Port,
    family: Family,
}

/// What is told.
#[derive(Debug)]
pub enum News<'a> {
    /// All endpoints as they are now, in the order of their addresses.
    Endpoints {
        /// They.
        endpoints: &'a [Endpoint],
        /// So many more are beyond the bound of 1,024.
        left_out: usize,
    },
    /// The cluster cannot be followed: what was told last holds. Told when it begins, and when its cause changes.
    Trouble(&'a Trouble),
    /// It is followed again.
    Well,
}

/// What is known of the slices.
#[derive(Default)]
struct Known {
    slices: BTreeMap<String, Slice>,
    /// As of which version; `None`: it is to be listed.
    version: Option<String>,
}

/// What was told already.
struct Told<F> {
    tell: F,
    endpoints: Option<Vec<Endpoint>>,
    trouble: Option<Trouble>,
}

#[derive(Deserialize)]
struct List {
    metadata: Metadata,
    #[serde(default)]
    items: Option<Vec<Slice>>,
}

impl Slices {
    pub(super) fn new(api: Api, service: &str, port: Port) -> Self {
        Self { api, service: service.into(), port, family: Family::Any }
    }

    /// The same with addresses of one family only.
    #[must_use]
    pub fn of(self, family: Family) -> Self {
        Self { family, ..self }
    }

    /// Looks once: for the start, before [`Slices::follow`].
    pub async fn look(&self) -> Result<Vec<Endpoint>, Trouble> {
        let mut known = Known::default();
        self.list(&mut known).await?;
        let mut endpoints = endpoints(known.slices.values(), &self.port, self.family);
        endpoints.truncate(ENDPOINTS_MOST);
        Ok(endpoints)
    }

    /// Follows the endpoints until it is dropped.
    pub async fn follow(&self, tell: impl Fn(News<'_>)) -> Infallible {
        let (mut known, mut pace) = (Known::default(), Pace::default());
        let mut told = Told { tell, endpoints: None, trouble: None };
        loop {
            let (began, listed) = (Instant::now(), known.version.is_none());
            let ended = Box::pin(self.round(&mut known, &mut told, &mut pace)).await;
            if began.elapsed() >= GOOD_WATCH {
                pace.well();
            }
            let mut asked = None;
            if let Err(trouble) = ended {
                asked = trouble.retry_after();
                let expired = trouble.status() == Some(410);
                if expired || !matches!(trouble, Trouble::Cut(_) | Trouble::Unreachable(_) | Trouble::Timeout)
                {
                    // An event may have been missed.
                    known.version = None;
                }
                // That a version is too old happens to everybody who was away for a while, but not behind a list.
                if !expired || listed {
                    told.trouble(trouble);
                }
            }
            sleep(pace.next(asked)).await;
        }
    }

    /// A list, where one is needed, and a watch to its end.
    async fn round(
        &self,
        known: &mut Known,
        told: &mut Told<impl Fn(News<'_>)>,
        pace: &mut Pace,
    ) -> Result<(), Trouble> {
        if known.version.is_none() {
            self.list(known).await?;
            told.show(self, known);
        }
        let version = known.version.as_deref().unwrap_or_default();
        let seconds = WATCH_SECONDS + pace.below(60);
        let silence = Duration::from_secs(seconds as u64) + WATCH_GRACE;
        let mut lines = self.api.watch(&self.watching(version, seconds), silence).await?;
        told.well();
        while let Some(event) = event(&mut lines).await? {
            known.take(event)?;
            pace.well();
            if !lines.has_more() {
                told.show(self, known);
            }
        }
        told.show(self, known);
        Ok(())
    }

    async fn list(&self, known: &mut Known) -> Result<(), Trouble> {
        let (mut slices, mut more) = (BTreeMap::new(), String::new());
        for _ in 0..PAGES_MOST {
            let List { metadata, items } = self.page(&more).await?;
            let named = |slice: Slice| (slice.metadata.name.clone(), slice);
            slices.extend(items.unwrap_or_default().into_iter().map(named));
            if slices.len() > SLICES_MOST {
                break;
            }
            more = metadata.more;
            if more.is_empty() {
                let version = Some(metadata.resource_version).filter(|version| !version.is_empty());
                let version = version.ok_or_else(|| Trouble::Garbled("a list without a version".into()))?;
                *known = Known { slices, version: Some(version) };
                return Ok(());
            }
        }
        Err(Trouble::Garbled("more EndpointSlices than a Service can have".into()))
    }

    async fn page(&self, more: &str) -> Result<List, Trouble> {
        self.api.get(&self.listing(more)).await?.json("list of EndpointSlices")
    }

    fn listing(&self, more: &str) -> String {
        let mut query = self.query();
        query.append_pair("limit", &PAGE.to_string());
        if !more.is_empty() {
            query.append_pair("continue", more);
        }
        self.target(&query.finish())
    }

    fn watching(&self, version: &str, seconds: usize) -> String {
        let mut query = self.query();
        query.append_pair("watch", "true");
        query.append_pair("allowWatchBookmarks", "true");
        query.append_pair("resourceVersion", version);
        query.append_pair("timeoutSeconds", &seconds.to_string());
        self.target(&query.finish())
    }

    fn query(&self) -> form_urlencoded::Serializer<'static, String> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("labelSelector", &format!("kubernetes.io/service-name={}", self.service));
        query
    }

    fn target(&self, query: &str) -> String {
        format!("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices?{query}", self.api.namespace())
    }
}

async fn event(lines: &mut Lines) -> Result<Option<Event>, Trouble> {
    lines.next().await?.map(|line| Event::read(&line)).transpose()
}

impl Known {
    fn take(&mut self, event: Event) -> Result<(), Trouble> {
        let version = match event {
            Event::There(slice) => {
                let version = slice.metadata.resource_version.clone();
                self.slices.insert(slice.metadata.name.clone(), slice);
                version
            }
            Event::Gone { name, version } => {
                self.slices.remove(&name);
                version
            }
            Event::Bookmark(version) => version,
        };
        if version.is_empty() || self.slices.len() > SLICES_MOST {
            return Err(Trouble::Garbled(
                "an event without a version, or more slices than there can be".into(),
            ));
        }
        self.version = Some(version);
        Ok(())
    }
}

impl<F: Fn(News<'_>)> Told<F> {
    /// Tells the endpoints, where they are others than those that were told.
    fn show(&mut self, slices: &Slices, known: &Known) {
        let mut endpoints = endpoints(known.slices.values(), &slices.port, slices.family);
        if self.endpoints.as_ref() != Some(&endpoints) {
            let whole = endpoints.clone();
            let left_out = endpoints.len().saturating_sub(ENDPOINTS_MOST);
            endpoints.truncate(ENDPOINTS_MOST);
            (self.tell)(News::Endpoints { endpoints: &endpoints, left_out });
            self.endpoints = Some(whole);
        }
    }

    fn trouble(&mut self, trouble: Trouble) {
        if self.trouble.as_ref() != Some(&trouble) {
            (self.tell)(News::Trouble(&trouble));
            self.trouble = Some(trouble);
        }
    }

    fn well(&mut self) {
        if self.trouble.take().is_some() {
            (self.tell)(News::Well);
        }
    }
}
