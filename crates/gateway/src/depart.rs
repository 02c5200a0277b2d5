//! The end of every trip: meters and access log, at the last byte of the response.
//!
//! A client that leaves before its answer drops the road, and with it the trip: then it departs from here too, so no
//! request goes uncounted. A process that ends before its requests have drops them as well, with their answers where
//! they had begun.

use crate::stop::Reason;
use crate::trip::Trip;
use base::turn;
use message::{Method, Name, Version};
use net::{Delivery, End, Ride};
use observe::access_log::{Client, Entry};
use std::time::{Duration, SystemTime};

impl Ride for Box<Trip> {
    fn depart(mut self, delivery: Delivery) {
        self.leave(delivery);
    }
}

impl Drop for Trip {
    fn drop(&mut self) {
        if !self.departed {
            let reason = if self.desk.is_cut() { Reason::Shutdown } else { Reason::ClientGone };
            // Only a process that ends drops an answer that has begun: its status has been sent.
            if self.status == 0 || reason == Reason::ClientGone {
                self.status = reason.status().as_u16();
            }
            self.stop = Some(reason);
            self.desk.count_reason(reason);
            self.leave(Delivery { bytes_in: 0, bytes_out: 0, end: End::ClientGone });
        }
    }
}

impl Trip {
    fn leave(&mut self, delivery: Delivery) {
        self.departed = true;
        let took = turn::now().saturating_duration_since(self.arrived);
        let Delivery { bytes_in, bytes_out, end } = delivery;
        // What was never a request has no method; TRACE stands for it, which is never served.
        let method = self.head.as_ref().map_or(&Method::TRACE, |h| &h.method);
        self.meters().record(self.desk.core, method, self.status, took, bytes_in, bytes_out);
        self.desk.with_log(|log| log.record(&self.entry(took, bytes_in, bytes_out, end)));
    }

    fn entry(&self, took: Duration, bytes_in: u64, bytes_out: u64, end: End) -> Entry<'_> {
        let head = self.head.as_ref();
        let target = self.asked.as_ref().or(head.map(|h| &h.target));
        let route = self.route();
        let caller = self.caller();
        let service = self.service.and_then(|place| self.here.site.services.get(place));
        // What the response itself could not tell any more.
        let cut = match end {
            End::Cut => Some("upstream_cut"),
            End::ClientGone => Some(Reason::ClientGone.label()),
            End::ClientSlow => Some(Reason::ClientSlow.label()),
            End::Complete => None,
        };
        Entry {
            time: SystemTime::now().checked_sub(took).unwrap_or(SystemTime::UNIX_EPOCH),
            client: match self.client {
                Some(address) => Client::Address(address),
                None if self.peer.is_unix => Client::Unix,
                None => Client::Unknown,
            },
            method: head.map_or("-", |h| h.method.as_str()),
            scheme: self.peer.scheme,
            host: head.and_then(|h| h.authority.as_ref()).map_or("", |a| a.as_str()),
            path: target.map_or("", |t| t.path()),
            query: target.and_then(|t| t.query()),
            version: head.map_or(Version::HTTP_11, |h| h.version),
            status: self.status,
            bytes_in,
            bytes_out,
            took,
            upstream_took: self.upstream_took,
            route: route.map_or("", |r| &r.name),
            service: service.map_or("", |s| &s.settings.name),
            endpoint: self.permit.as_ref().map_or(self.failed_at.as_deref().unwrap_or(""), |p| p.endpoint()),
            attempts: self.attempts,
            auth: caller.map_or("", |c| c.way.as_str()),
            consumer: caller.map_or("", |c| c.consumer.as_ref().map_or(&*c.subject, |known| &known.name)),
            plan: caller.map_or("", |c| &c.plan),
            request_id: self.id.as_str(),
            traceparent: head.and_then(|h| h.fields.get_str(Name::Traceparent)),
            user_agent: head.and_then(|h| h.fields.get(Name::UserAgent)),
            referer: head.and_then(|h| h.fields.get(Name::Referer)),
            stop: self.stop.map(Reason::label).or(cut),
            tls: self.peer.tls,
            complete: end == End::Complete,
        }
    }
}
