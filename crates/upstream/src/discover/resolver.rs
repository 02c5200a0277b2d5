//! DNS as discovery needs it: fresh answers with their TTLs, and "there is none" told from "nobody knows".
//!
//! A resolver is opened for each look and remembers nothing: no answer is older than the look, and changes of
//! `/etc/resolv.conf` and `/etc/hosts` are followed, which costs two small reads once a TTL. Names are understood as
//! the C library understands them: `/etc/hosts` first, then the servers of `resolv.conf` in their order, with its
//! search list and `ndots`. So a name without dots works where the search list or the server (Docker's, say) knows
//! it, `localhost` is the loopback, and a dot at the end keeps a name from being searched for. Servers that the config
//! names are asked for names as they stand: no file, no search list.
//!
//! Of a name with addresses of both families, the IPv4 addresses are taken where this machine has a route to them, else
//! the IPv6 ones: usually both lead to the same machines, which must not count twice.
//! *Not here*: DNSSEC and encrypted DNS; when to look again (`mod.rs`). Only SRV records that stand behind a CNAME are
//! not found.

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{Hosts, TokioResolver, system_conf};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// How long one server is asked for one name, search list included. Packets that are lost are sent again within it.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long what stands in `/etc/hosts` is taken for true, and addresses that were given as a name.
const FILE_TTL: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is no such name, or it has no such records: somebody who should know has said so.
    None(&'static str),
    /// Nobody who should know has said anything useful.
    Unknown(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None(what) => f.write_str(what),
            Self::Unknown(why) => f.write_str(why),
        }
    }
}

/// What was found, and how long it may be taken for true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer<T> {
    pub(super) found: T,
    pub(super) ttl: Duration,
}

/// SRV records, and the addresses of their targets as far as they were sent along.
#[derive(Debug)]
pub(super) struct Services {
    pub(super) records: Vec<SRV>,
    pub(super) along: Vec<(Name, IpAddr)>,
}

/// Whom to ask.
pub(super) struct Resolver {
    /// One for each server, in the order in which they are asked.
    servers: Vec<TokioResolver>,
    hosts: Hosts,
}

impl Resolver {
    /// Asks these servers, or the machine's own where there is none.
    pub(super) fn open(servers: &[SocketAddr]) -> Result<Self, Trouble> {
        if !servers.is_empty() {
            let servers = servers.iter().map(|&server| name_server(server)).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            return Self::build(&config, &ResolverOpts::default(), Hosts::default());
        }
        // Without a usable file the C library asks the server on this machine, and so do we.
        let (config, options) = system_conf::read_system_conf().unwrap_or_else(|_| {
            let own = name_server((Ipv4Addr::LOCALHOST, 53).into());
            (ResolverConfig::from_parts(None, Vec::new(), vec![own]), ResolverOpts::default())
        });
        Self::build(&config, &options, Hosts::from_system().unwrap_or_default())
    }

    pub(super) fn build(
        config: &ResolverConfig,
        options: &ResolverOpts,
        hosts: Hosts,
    ) -> Result<Self, Trouble> {
        let mut options = options.clone();
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.timeout = options.timeout.min(PATIENCE);
        options.attempts = 0;
        let servers = config.name_servers().iter().map(|server| {
            let one = ResolverConfig::from_parts(
                config.domain().cloned(),
                config.search().to_vec(),
                vec![server.clone()],
            );
            TokioResolver::builder_with_config(one, TokioRuntimeProvider::default())
                .with_options(options.clone())
                .build()
        });
        let servers = servers.collect::<Result<_, _>>().map_err(|e| Trouble::Unknown(e.to_string()))?;
        Ok(Self { servers, hosts })
    }

    /// The addresses of a name; at least one.
    pub(super) async fn addresses(&self, name: &str) -> Result<Answer<Vec<IpAddr>>, Trouble> {
        if let Ok(ip) = name.parse() {
            return Ok(Answer { found: vec![ip], ttl: FILE_TTL });
        }
        self.addresses_of(&parsed(name)?).await
    }

    /// The same for a name that is one already.
    pub(super) async fn addresses_of(&self, name: &Name) -> Result<Answer<Vec<IpAddr>>, Trouble> {
        if let Some(found) = self.in_hosts(name) {
            return Ok(Answer { found, ttl: FILE_TTL });
        }
        let v4 = match self.ask(name, RecordType::A).await {
            Ok(lookup) => answer(lookup.answers(), address),
            Err(Trouble::None(_)) => None,
            Err(unknown) => return Err(unknown),
        };
        if let Some(v4) = v4.as_ref().filter(|v4| has_route(&v4.found)) {
            return Ok(v4.clone());
        }
        match self.ask(name, RecordType::AAAA).await {
            Ok(lookup) => {
                answer(lookup.answers(), address).or(v4).ok_or(Trouble::None("it has no addresses"))
            }
            Err(trouble) => v4.ok_or(trouble),
        }
    }

    /// The SRV records of a name; at least one.
    pub(super) async fn services(&self, name: &str) -> Result<Answer<Services>, Trouble> {
        let lookup = self.ask(&parsed(name)?, RecordType::SRV).await?;
        let Answer { mut found, ttl } =
            answer(lookup.answers(), service).ok_or(Trouble::None("it has no SRV records"))?;
        // RFC 2782: a target of "." says that there is decidedly no such service.
        found.retain(|record| !record.target.is_root());
        if found.is_empty() {
            return Err(Trouble::None("its SRV record says that there is no such service"));
        }
        let along = lookup.additionals().iter().filter_map(|r| Some((r.name.clone(), address(&r.data)?)));
        let along: Vec<_> = along.collect();
        Ok(Answer { found: Services { records: found, along }, ttl })
    }

    fn in_hosts(&self, name: &Name) -> Option<Vec<IpAddr>> {
        [RecordType::A, RecordType::AAAA].into_iter().find_map(|kind| {
            let lookup = self.hosts.lookup_static_host(&Query::query(name.clone(), kind))?;
            answer(lookup.answers(), address).map(|answer| answer.found)
        })
    }

    /// Asks one server after the other, until one knows.
    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Lookup, Trouble> {
        let mut trouble = Trouble::Unknown("there is no DNS server to ask".into());
        for server in &self.servers {
            let asked = tokio::time::timeout(PATIENCE, Box::pin(server.lookup(name.clone(), kind))).await;
            trouble = match asked {
                Ok(Ok(lookup)) => return Ok(lookup),
                Ok(Err(e)) => explained(&e),
                Err(_) => explained(&NetError::Timeout),
            };
            if matches!(trouble, Trouble::None(_)) {
                break;
            }
        }
        Err(trouble)
    }
}

fn name_server(at: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = at.port();
        connection
    });
    NameServerConfig::new(at.ip(), true, connections.into())
}

fn parsed(name: &str) -> Result<Name, Trouble> {
    Name::from_str_relaxed(name).map_err(|e| Trouble::Unknown(format!("it is no name: {e}")))
}

/// The records of the kind that is looked for. What else led to them (CNAME) bounds how long they are true.
fn answer<T>(records: &[Record], pick: impl Fn(&RData) -> Option<T>) -> Option<Answer<Vec<T>>> {
    let found: Vec<T> = records.iter().filter_map(|record| pick(&record.data)).collect();
    let ttl = records.iter().map(|record| record.ttl).min()?;
    (!found.is_empty()).then(|| Answer { found, ttl: Duration::from_secs(ttl.into()) })
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}

fn service(data: &RData) -> Option<SRV> {
    if let RData::SRV(srv) = data { Some(srv.clone()) } else { None }
}

/// Does this machine know a way to the first of them? Connecting a UDP socket asks the kernel and sends nothing.
fn has_route(to: &[IpAddr]) -> bool {
    let Some(&ip) = to.first() else { return false };
    let own: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // Any port will do; 0 is refused by some systems.
    UdpSocket::bind((own, 0)).is_ok_and(|socket| socket.connect((ip, 53)).is_ok())
}

/// In words that stay the same as long as the cause does.
fn explained(error: &NetError) -> Trouble {
    let text = match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => return Trouble::None("there is no such name"),
            ResponseCode::NoError => return Trouble::None("it has no such records"),
            code => format!("the DNS server answered {code}"),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the DNS server answered {code}"),
        NetError::Timeout => "no DNS server answered in time".into(),
        other => other.to_string(),
    };
    Trouble::Unknown(text)
}
