//! The rules of the specification as tables, a round trip over arbitrary headers, and sockets.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::timeout;

use super::v2::crc32c;
use super::*;
use crate::stream::Stream;

/// Far more than bytes that have been sent need to be read.
const LIMIT: Duration = Duration::from_secs(5);

fn address(text: &str) -> Option<SocketAddr> {
    text.parse().ok()
}

/// A version 2 header with any version-and-command, family and block.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend_from_slice(&[command, family]);
    bytes.extend_from_slice(&u16::try_from(block.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(block);
    bytes
}

const V4_PAIR: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x01, 0xbb];

fn v4_header() -> Header {
    Header {
        command: Command::Proxy,
        source: address("192.0.2.1:56324"),
        destination: address("198.51.100.7:443"),
        ..Header::default()
    }
}

fn with_field(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut block = V4_PAIR.to_vec();
    block.push(kind);
    block.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
    block.extend_from_slice(value);
    v2(0x21, 0x11, &block)
}

fn done(bytes: &[u8]) -> Header {
    match parse(bytes, Accept::Any) {
        Ok(Parsed::Done { header, consumed }) if consumed == bytes.len() => header,
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

#[test]
fn lines_of_version_1_give_their_addresses() {
    let unknown = Header { command: Command::Proxy, ..Header::default() };
    let v6 = Header {
        command: Command::Proxy,
        source: address("[2001:db8::1]:65535"),
        destination: address("[::1]:0"),
        ..Header::default()
    };
    for (line, header) in [
        ("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", v4_header()),
        ("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n", v6),
        ("PROXY UNKNOWN\r\n", unknown.clone()),
        ("PROXY UNKNOWN ffff::1 whatever 1 2\r\n", unknown),
    ] {
        assert_eq!(done(line.as_bytes()), header);
    }
}

#[test]
fn the_longest_line_of_the_specification_fits_and_a_byte_more_does_not() {
    let long = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let line = format!("PROXY UNKNOWN {long} {long} 65535 65535\r\n");
    assert_eq!(line.len(), 107);
    assert_eq!(done(line.as_bytes()).source, None);
    let longer = format!("PROXY UNKNOWN {long} {long} 65535 655350\r\n");
    assert_eq!(parse(longer.as_bytes(), Accept::Any), Err(ProxyError::TooLong));
}

#[test]
fn lines_that_break_a_rule_are_refused() {
    for line in [
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n",
        "PROXY  TCP4 192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 x\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 ::1 ::1 56324 443\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 056324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 +1 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 1  \r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.7 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 \u{661} 443\r\n",
        "PROXY \r\n",
    ] {
        let refused = parse(line.as_bytes(), Accept::Any);
        assert!(matches!(refused, Err(ProxyError::Malformed(_))), "{line:?}: {refused:?}");
    }
}

#[test]
fn what_begins_another_protocol_is_no_header() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"POST / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"\r\n\r\nGET",
        b"PROXY\r\n",
        b"proxy ",
    ] {
        assert_eq!(parse(bytes, Accept::Any), Err(ProxyError::Missing), "{}", bytes.escape_ascii());
    }
    let (line, binary) = (b"PROXY UNKNOWN\r\n", v2(0x20, 0, &[]));
    assert_eq!(parse(line, Accept::V2), Err(ProxyError::Missing));
    assert_eq!(parse(&binary, Accept::V1), Err(ProxyError::Missing));
    assert!(parse(line, Accept::V1).is_ok() && parse(&binary, Accept::V2).is_ok());
}

#[test]
fn binary_headers_give_their_addresses() {
    let mut v6_block = vec![0; 36];
    (v6_block[15], v6_block[31], v6_block[33], v6_block[35]) = (1, 2, 80, 81);
    let v6 = done(&v2(0x21, 0x21, &v6_block));
    assert_eq!((v6.source, v6.destination), (address("[::1]:80"), address("[::2]:81")));
    assert_eq!(done(&v2(0x21, 0x11, &V4_PAIR)), v4_header());
    assert_eq!(done(&v2(0x21, 0x12, &V4_PAIR)), v4_header(), "over a datagram");
}

#[test]
fn local_unspecified_and_unix_headers_carry_no_address() {
    let proxied = Header { command: Command::Proxy, ..Header::default() };
    for (bytes, header) in [
        (v2(0x20, 0x00, &[]), Header::default()),
        // The block of a local command is discarded, whatever it is.
        (v2(0x20, 0xff, b"anything"), Header::default()),
        (v2(0x21, 0x00, b"ignored"), proxied.clone()),
        (v2(0x21, 0x31, &[b'/'; 216]), proxied),
    ] {
        assert_eq!(done(&bytes), header);
    }
}

#[test]
fn binary_headers_that_break_a_rule_are_refused() {
    let mut fields_cut = V4_PAIR.to_vec();
    fields_cut.extend_from_slice(&[0x04, 0, 9, 1]);
    for bytes in [
        v2(0x11, 0x11, &V4_PAIR),
        v2(0x22, 0x11, &V4_PAIR),
        v2(0x21, 0x41, &V4_PAIR),
        v2(0x21, 0x13, &V4_PAIR),
        v2(0x21, 0x10, &V4_PAIR),
        v2(0x21, 0x11, &V4_PAIR[..11]),
        v2(0x21, 0x21, &[0; 35]),
        v2(0x21, 0x31, &[0; 215]),
        v2(0x21, 0x11, &fields_cut),
        v2(0x21, 0x11, &fields_cut[..14]),
        with_field(0x02, b"\xff"),
        with_field(0x03, &[0; 3]),
        with_field(0x20, &[1; 4]),
    ] {
        let refused = parse(&bytes, Accept::Any);
        assert!(matches!(refused, Err(ProxyError::Malformed(_))), "{}: {refused:?}", bytes.escape_ascii());
    }
    assert_eq!(parse(&v2(0x21, 0x11, &[0; V2_MAX]), Accept::Any), Err(ProxyError::TooLong));
    // The length alone is enough to refuse it: nothing is waited for.
    assert_eq!(parse(&v2(0x21, 0x11, &[0; V2_MAX])[..16], Accept::Any), Err(ProxyError::TooLong));
}

#[test]
fn fields_tell_host_protocol_and_tls() {
    assert_eq!(done(&with_field(0x02, b"api.example.com")).authority.as_deref(), Some("api.example.com"));
    assert_eq!(done(&with_field(0x01, b"h2")).alpn.as_deref(), Some(&b"h2"[..]));
    assert_eq!(done(&with_field(0xea, b"a cloud's own")), v4_header(), "unknown fields are skipped");
    let fields = b"\x21\0\x07TLSv1.3\x22\0\x05alice";
    let tls = |bits: u8, verify: u8| {
        let value = [&[bits, 0, 0, 0, verify][..], fields].concat();
        done(&with_field(0x20, &value)).tls
    };
    let verified = tls(0x03, 0).unwrap();
    assert_eq!(
        (verified.version.as_deref(), verified.common_name.as_deref()),
        (Some("TLSv1.3"), Some("alice"))
    );
    assert!(verified.verified);
    assert!(!tls(0x03, 1).unwrap().verified, "the proxy found it bad");
    assert!(!tls(0x01, 0).unwrap().verified, "the client showed none");
    assert_eq!(tls(0x00, 0), None, "the client used no TLS");
}

#[test]
fn a_checksum_is_compared_where_one_is_sent() {
    // The check value of CRC-32C that catalogues of CRCs list.
    assert_eq!(crc32c(b"123456789".iter()), 0xe306_9283);
    let mut bytes = with_field(0x03, &[0; 4]);
    let crc = crc32c(bytes.iter());
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(done(&bytes), v4_header());
    bytes[16] ^= 1;
    assert_eq!(parse(&bytes, Accept::Any), Err(ProxyError::Checksum));
}

#[test]
fn a_pair_of_two_families_is_written_as_ipv6_and_half_a_pair_not_at_all() {
    let mut header = Header { source: address("[2001:db8::1]:1"), ..v4_header() };
    let mut bytes = Vec::new();
    header.encode_v2(&mut bytes);
    assert_eq!(done(&bytes).destination, address("[::ffff:198.51.100.7]:443"));
    header.destination = None;
    bytes.clear();
    header.encode_v2(&mut bytes);
    assert_eq!(done(&bytes), Header { command: Command::Proxy, ..Header::default() });
}

fn any_tls() -> impl Strategy<Value = Tls> {
    let text = || proptest::option::of("[a-zA-Z0-9. é]{0,40}".prop_map(Into::into));
    (text(), text(), any::<bool>()).prop_map(|(version, common_name, verified)| Tls {
        version,
        common_name,
        verified,
    })
}

fn any_header() -> impl Strategy<Value = Header> {
    let pair = prop_oneof![
        any::<([u8; 4], u16, [u8; 4], u16)>().prop_map(|(a, p, b, q)| ((a, p).into(), (b, q).into())),
        any::<([u16; 8], u16, [u16; 8], u16)>().prop_map(|(a, p, b, q)| ((a, p).into(), (b, q).into())),
    ];
    let alpn = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..30).prop_map(Into::into));
    let authority = proptest::option::of("[a-z0-9.-]{0,255}".prop_map(Into::into));
    (pair, alpn, authority, proptest::option::of(any_tls())).prop_map(
        |((source, destination), alpn, authority, tls)| {
            let (source, destination) = (Some(source), Some(destination));
            Header { command: Command::Proxy, source, destination, alpn, authority, tls }
        },
    )
}

proptest! {
    #[test]
    fn what_is_encoded_is_parsed_back(header in any_header(), tail in any::<Vec<u8>>()) {
        let mut bytes = Vec::new();
        header.encode_v2(&mut bytes);
        let consumed = bytes.len();
        for cut in 0..consumed {
            prop_assert_eq!(parse(&bytes[..cut], Accept::Any), Ok(Parsed::Incomplete));
        }
        bytes.extend(tail);
        prop_assert_eq!(parse(&bytes, Accept::V2), Ok(Parsed::Done { header, consumed }));
    }

    #[test]
    fn arbitrary_bytes_never_panic_nor_are_consumed_beyond_their_end(
        start in 0..6_usize,
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let starts: [&[u8]; 6] = [b"", b"PROXY ", b"PROXY TCP4 1.2.3.4 ", b"\r\n\r\n\0\r\nQUIT\n",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x20\x01\x02\x03\x04\x01\x02\x03\x04\0\0\0\0"];
        let all = [starts[start], &bytes].concat();
        match parse(&all, Accept::Any) {
            Ok(Parsed::Done { consumed, .. }) => prop_assert!(consumed <= all.len()),
            Ok(Parsed::Incomplete) => prop_assert!(all.len() < V2_MAX),
            Err(_) => {}
        }
    }

    #[test]
    fn a_line_cut_anywhere_waits_for_its_rest(source: [u8; 4], port: u16) {
        let source = SocketAddr::from((source, port));
        let line = format!("PROXY TCP4 {} 127.0.0.1 {} 80\r\n", source.ip(), source.port());
        for cut in 0..line.len() {
            prop_assert_eq!(parse(&line.as_bytes()[..cut], Accept::V1), Ok(Parsed::Incomplete));
        }
        prop_assert_eq!(done(line.as_bytes()).source, Some(source));
    }
}

#[tokio::test]
async fn receiving_takes_the_header_and_leaves_what_follows() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut far = Stream::from(listener.accept().await.unwrap().0);
    near.write_all(&[&v2(0x21, 0x11, &V4_PAIR)[..], b"GET /"].concat()).await.unwrap();
    assert_eq!(receive(&far, Accept::Any).await.unwrap(), v4_header());
    let mut rest = [0; 5];
    timeout(LIMIT, far.read_exact(&mut rest)).await.expect("nothing more was taken").unwrap();
    assert_eq!(&rest, b"GET /");
}

#[tokio::test]
async fn a_header_that_comes_byte_by_byte_is_received() {
    let (mut near, far) = UnixStream::pair().unwrap();
    let mut far = Stream::from(far);
    let send = async {
        for byte in b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\nx" {
            near.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let (header, ()) = tokio::join!(receive(&far, Accept::V1), send);
    assert_eq!(header.unwrap(), v4_header());
    let next = timeout(LIMIT, far.read_u8()).await.expect("nothing more was taken");
    assert_eq!(next.unwrap(), b'x');
}

#[tokio::test]
async fn a_connection_without_a_header_is_refused_and_one_that_ends_is_closed() {
    let (mut near, far) = UnixStream::pair().unwrap();
    let far = Stream::from(far);
    near.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let refused = receive(&far, Accept::Any).await;
    assert!(matches!(refused, Err(ReceiveError::Refused(ProxyError::Missing))), "{refused:?}");

    let (mut near, far) = UnixStream::pair().unwrap();
    let far = Stream::from(far);
    near.write_all(b"PROXY TC").await.unwrap();
    drop(near);
    let closed = receive(&far, Accept::Any).await;
    assert!(matches!(closed, Err(ReceiveError::Closed)), "{closed:?}");
}
