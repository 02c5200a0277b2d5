//! Each instance as a client sees it, in the time of the paused clock where it allows.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::timeout;

const DIES_AFTER: Duration = Duration::from_millis(50);
/// Longer than anything here takes, but for what never ends.
const PATIENCE: Duration = Duration::from_secs(10);

fn with(conduct: Conduct, test: impl AsyncFnOnce(&Fleet)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let fleet = Fleet::start(&[conduct], DIES_AFTER).await.unwrap();
        test(&fleet).await;
    });
}

/// The status line of a GET, or the error's kind.
async fn get(fleet: &Fleet, path: &str) -> Result<String, io::ErrorKind> {
    let ask = async {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, fleet.ports()[0])).await?;
        socket.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).await?;
        let mut said = [0; 12];
        socket.read_exact(&mut said).await?;
        Ok(String::from_utf8_lossy(&said[9..]).into_owned())
    };
    ask.await.map_err(|error: io::Error| error.kind())
}

#[test]
fn all_are_well_until_things_go_wrong_and_nothing_is_counted_before() {
    for &conduct in Conduct::value_variants() {
        with(conduct, async |fleet| {
            assert_eq!(get(fleet, "/item/1").await.as_deref(), Ok("200"), "{conduct:?}");
            assert_eq!(fleet.received(), [0]);
        });
    }
}

#[test]
fn the_failing_one_lies_about_its_health() {
    with(Conduct::Fails, async |fleet| {
        fleet.go_wrong();
        assert_eq!(get(fleet, "/item/1").await.as_deref(), Ok("500"));
        assert_eq!(get(fleet, "/healthz").await.as_deref(), Ok("200"));
        assert_eq!((fleet.received(), fleet.repeated()), (vec![1], 0));
        assert_eq!(get(fleet, "/item/1").await.as_deref(), Ok("500"));
        assert_eq!(fleet.repeated(), 1);
    });
}

#[test]
fn the_hanging_one_takes_a_request_and_is_silent() {
    with(Conduct::Hangs, async |fleet| {
        fleet.go_wrong();
        assert!(timeout(Duration::from_millis(100), get(fleet, "/item/1")).await.is_err());
        assert!(timeout(Duration::from_millis(100), get(fleet, "/healthz")).await.is_err());
        assert_eq!(fleet.received(), [1]);
    });
}

#[test]
fn the_slow_one_takes_ten_times_as_long() {
    with(Conduct::Slow, async |fleet| {
        fleet.go_wrong();
        let began = Instant::now();
        assert_eq!(get(fleet, "/healthz").await.as_deref(), Ok("200"));
        assert!(began.elapsed() >= Duration::from_millis(12), "{:?}", began.elapsed());
    });
}

#[test]
fn the_one_that_dies_resets_its_connections_and_refuses_new_ones() {
    with(Conduct::Dies, async |fleet| {
        let mut open = TcpStream::connect((Ipv4Addr::LOCALHOST, fleet.ports()[0])).await.unwrap();
        assert_eq!(get(fleet, "/item/1").await.as_deref(), Ok("200"));
        fleet.go_wrong();
        let end = timeout(PATIENCE, open.read_u8()).await.unwrap().unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(get(fleet, "/item/1").await, Err(io::ErrorKind::ConnectionRefused));
    });
}

#[test]
fn the_flapping_one_goes_and_comes_back_on_the_same_port() {
    with(Conduct::Flaps, async |fleet| {
        fleet.go_wrong();
        let until = async |up: bool| {
            while get(fleet, "/item/1").await.is_ok() != up {
                tokio::task::yield_now().await;
            }
        };
        for up in [false, true] {
            assert!(timeout(PATIENCE, until(up)).await.is_ok(), "it never was up: {up}");
        }
    });
}
