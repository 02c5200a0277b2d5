//! A PROXY protocol header: bounded, the same however it arrives, and the same when it is written again.

use net::proxy_protocol::{Accept, Header, Parsed, V2_MAX, parse};

/// Reads `data` as the start of a connection.
pub fn check(data: &[u8]) {
    for accept in [Accept::Any, Accept::V1, Accept::V2] {
        let whole = parse(data, accept);
        // Every shorter start is incomplete until it is done, and then says the same.
        for end in 0..data.len().min(V2_MAX + 1) {
            match (parse(&data[..end], accept), &whole) {
                (Ok(Parsed::Incomplete), _) | (Err(_), Err(_)) => {}
                (Ok(Parsed::Done { consumed, .. }), Ok(Parsed::Done { consumed: same, .. })) => {
                    assert_eq!(consumed, *same, "a header is longer where more follows");
                }
                (early, late) => panic!("after {end} bytes {early:?}, in the end {late:?}"),
            }
        }
        if let Ok(Parsed::Done { header, consumed }) = whole {
            assert!(consumed <= data.len().min(V2_MAX), "more was taken than there is");
            check_again(&header);
        }
    }
}

fn check_again(header: &Header) {
    let mut sent = Vec::new();
    header.encode_v2(&mut sent);
    match parse(&sent, Accept::V2) {
        Ok(Parsed::Done { header: again, consumed }) => {
            assert_eq!(consumed, sent.len());
            // The format has no place for fields without addresses.
            if header.source.is_some() {
                assert_eq!(again, *header);
            } else {
                assert_eq!((again.command, again.source), (header.command, None));
            }
        }
        other => panic!("what was written is {other:?}"),
    }
}
