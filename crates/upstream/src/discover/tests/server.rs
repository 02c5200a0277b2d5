//! A DNS server whose answers a test decides, over UDP and TCP on one port.

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// What no UDP answer exceeds (the usual EDNS size).
const UDP_MOST: usize = 1232;
/// Of all records: long, so that only what is not remembered is seen to change.
const TTL: u32 = 3600;

/// What is said of a name.
#[derive(Clone)]
pub(super) enum Reply {
    /// Those of these records that are asked for, and CNAMEs; the others are sent along.
    Records(Vec<RData>),
    /// Records of other names too: these answer, those are sent along.
    Whole(Vec<(String, RData)>, Vec<(String, RData)>),
    /// An error.
    Code(ResponseCode),
    /// Bytes that are no message but for their id.
    Garbage,
    /// Nothing.
    Silence,
}

pub(super) fn a(addresses: &[&str]) -> Reply {
    Reply::Records(addresses.iter().map(|ip| RData::A(A(ip.parse().unwrap()))).collect())
}

pub(super) fn aaaa(addresses: &[&str]) -> Reply {
    Reply::Records(addresses.iter().map(|ip| RData::AAAA(AAAA(ip.parse().unwrap()))).collect())
}

pub(super) fn cname(target: &str) -> RData {
    RData::CNAME(CNAME(name(target)))
}

pub(super) fn srv(priority: u16, weight: u16, port: u16, target: &str) -> RData {
    RData::SRV(SRV::new(priority, weight, port, name(target)))
}

/// The server. It ends with its test.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    zone: Rc<RefCell<HashMap<String, Reply>>>,
    asked: Rc<Cell<usize>>,
    over_tcp: Rc<Cell<usize>>,
}

impl Server {
    pub(super) async fn start() -> Self {
        // The port of the one may be taken for the other.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let server = Self { address, zone: Rc::default(), asked: Rc::default(), over_tcp: Rc::default() };
        tokio::task::spawn_local(server.clone().serve_udp(udp));
        tokio::task::spawn_local(server.clone().serve_tcp(tcp));
        server
    }

    /// From now on this is said of the name.
    pub(super) fn set(&self, name: &str, reply: Reply) {
        self.zone.borrow_mut().insert(format!("{name}."), reply);
    }

    /// How often it was asked, and how often over TCP.
    pub(super) fn asked(&self) -> usize {
        self.asked.get()
    }

    pub(super) fn asked_over_tcp(&self) -> usize {
        self.over_tcp.get()
    }

    async fn serve_udp(self, udp: UdpSocket) {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            if let Some(answer) = self.answer(&buffer[..length], UDP_MOST) {
                let _ = udp.send_to(&answer, from).await;
            }
        }
    }

    async fn serve_tcp(self, tcp: TcpListener) {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let server = self.clone();
            tokio::task::spawn_local(async move {
                while let Ok(length) = stream.read_u16().await {
                    server.over_tcp.set(server.over_tcp.get() + 1);
                    let mut request = vec![0; usize::from(length)];
                    let _ = stream.read_exact(&mut request).await;
                    let Some(answer) = server.answer(&request, usize::from(u16::MAX)) else { return };
                    let mut framed = u16::try_from(answer.len()).unwrap().to_be_bytes().to_vec();
                    framed.extend_from_slice(&answer);
                    let _ = stream.write_all(&framed).await;
                }
            });
        }
    }

    fn answer(&self, request: &[u8], most: usize) -> Option<Vec<u8>> {
        self.asked.set(self.asked.get() + 1);
        let request = Message::from_vec(request).unwrap();
        let query = request.queries[0].clone();
        let asked = query.name().to_ascii().to_ascii_lowercase();
        let mut answer = Message::response(request.id, OpCode::Query);
        answer.add_query(query.clone());
        let reply = self.zone.borrow().get(&asked).cloned();
        match reply.unwrap_or(Reply::Code(ResponseCode::NXDomain)) {
            Reply::Silence => return None,
            Reply::Garbage => {
                let mut bytes = request.id.to_be_bytes().to_vec();
                bytes.extend_from_slice(&[0x81, 0x80, 0xff, 0xff, 0xff, 0xff, 0xc0, 0x0c, 0xc0, 0x0c]);
                return Some(bytes);
            }
            Reply::Code(code) => answer.metadata.response_code = code,
            Reply::Records(data) => {
                let (asked_for, others): (Vec<_>, Vec<_>) = data
                    .into_iter()
                    .partition(|data| [query.query_type(), RecordType::CNAME].contains(&data.record_type()));
                // What else the name has is no part of an answer that has none.
                let others = if asked_for.is_empty() { Vec::new() } else { others };
                answer.add_answers(asked_for.into_iter().map(|data| record(&asked, data)));
                answer.add_additionals(others.into_iter().map(|data| record(&asked, data)));
            }
            Reply::Whole(answers, along) => {
                answer.add_answers(answers.into_iter().map(|(name, data)| record(&name, data)));
                answer.add_additionals(along.into_iter().map(|(name, data)| record(&name, data)));
            }
        }
        let bytes = answer.to_vec().unwrap();
        if bytes.len() <= most {
            return Some(bytes);
        }
        let mut truncated = Message::response(request.id, OpCode::Query);
        truncated.add_query(query);
        truncated.metadata.truncation = true;
        Some(truncated.to_vec().unwrap())
    }
}

fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap();
    name.set_fqdn(true);
    name
}

fn record(of: &str, data: RData) -> Record {
    Record::from_rdata(name(of), TTL, data)
}
