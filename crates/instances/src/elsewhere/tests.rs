//! Commands and servers that are told how many are wanted.

use super::*;
use std::cell::RefCell;
use std::rc::Rc;
use testing::Folder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

const LIMIT: Duration = Duration::from_secs(20);

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bounded = async { tokio::time::timeout(LIMIT, test).await.expect("the test ends in time") };
    LocalSet::new().block_on(&runtime, bounded);
}

fn wanted(count: u32) -> Wanted {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    Wanted { service: "shop".into(), wanted: count, previous: Some(1), reason: "a test".into(), at }
}

fn sh(script: &str) -> Exec {
    Exec { command: ["sh", "-c", script].map(str::to_owned).into(), timeout: Duration::from_secs(10) }
}

/// Answers requests with these statuses, one after the other, and keeps what was asked.
async fn server(statuses: Vec<u16>) -> (String, Rc<RefCell<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/scale?x=1", listener.local_addr().unwrap());
    let asked = Rc::<RefCell<Vec<String>>>::default();
    let seen = Rc::clone(&asked);
    tokio::task::spawn_local(async move {
        for status in statuses {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                assert!(stream.read_buf(&mut request).await.unwrap() > 0);
            }
            seen.borrow_mut().push(String::from_utf8(request).unwrap());
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

fn webhook(url: &str) -> Webhook {
    Webhook::new(url, Some("secret"), &net::tls::ClientSettings::default(), Duration::from_secs(5)).unwrap()
}

#[test]
fn a_command_is_told_on_its_input_and_in_its_variables() {
    run(async {
        let folder = Folder::new();
        let path = folder.path("told");
        let script = format!(
            "cat > {0}; echo \" $TIDEGATE_SERVICE $TIDEGATE_WANTED $TIDEGATE_PREVIOUS\" >> {0}",
            path.display()
        );
        assert_eq!(sh(&script).tell(&wanted(3)).await, Ok(()));
        let told = std::fs::read_to_string(path).unwrap();
        let want = r#"{"service":"shop","wanted":3,"previous":1,"reason":"a test","at":1000} shop 3 1"#;
        assert_eq!(told.trim(), want);
    });
}

#[test]
fn a_command_that_fails_or_is_not_there_or_never_ends_is_an_error() {
    run(async {
        let failed = sh("echo first >&2; echo no such group >&2; exit 3").tell(&wanted(1)).await;
        assert_eq!(failed, Err("exit status: 3: no such group".into()));
        let missing = Exec { command: vec!["/not/there".into()], timeout: LIMIT };
        assert!(missing.tell(&wanted(1)).await.unwrap_err().starts_with("cannot run `/not/there`"));
        let folder = Folder::new();
        let path = folder.path("pid");
        let never = Exec {
            timeout: Duration::from_millis(300),
            ..sh(&format!("sleep 60 & echo $! > {}; wait", path.display()))
        };
        assert!(never.tell(&wanted(1)).await.unwrap_err().contains("has not ended"));
        let pid = std::fs::read_to_string(path).unwrap();
        let running = || {
            std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|s| !s.contains(") Z"))
        };
        while running() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn a_request_says_who_asks_and_which_decision_it_is() {
    run(async {
        let (url, asked) = server(vec![204]).await;
        assert_eq!(webhook(&url).tell(&wanted(5)).await, Ok(()));
        let asked = asked.borrow();
        let request = asked[0].to_ascii_lowercase();
        assert!(request.starts_with("post /scale?x=1 http/1.1\r\n"), "{request}");
        for line in ["authorization: bearer secret", "content-type: application/json", "host: 127.0.0.1:"] {
            assert!(request.contains(line), "{line}: {request}");
        }
        assert!(request.contains(&format!("idempotency-key: {}", wanted(5).key())));
        assert!(asked[0].ends_with(r#""wanted":5,"previous":1,"reason":"a test","at":1000}"#));
        assert!(!format!("{:?}", webhook(&url)).contains("secret"));
    });
}

#[test]
fn what_is_no_url_of_http_is_refused() {
    for url in ["", "ftp://host/", "/path", "http://", "http://user:password@host/"] {
        let webhook = Webhook::new(url, None, &net::tls::ClientSettings::default(), LIMIT);
        assert!(webhook.is_err(), "{url}");
    }
}

#[test]
fn a_count_is_told_until_it_is_heard_and_only_the_newest() {
    run(async {
        let (url, asked) = server(vec![500, 503, 200, 200]).await;
        let told = Rc::<RefCell<Vec<Told>>>::default();
        let hears = Rc::clone(&told);
        let teller = Teller::new(Elsewhere::Webhook(webhook(&url)), move |t| hears.borrow_mut().push(t));
        teller.want(wanted(2));
        while told.borrow().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        teller.want(wanted(7));
        teller.want(wanted(8));
        while told.borrow().len() < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let refused = |status: &str| (2, Err(format!("answered {status}")));
        assert_eq!(*told.borrow(), [refused("500"), refused("503"), (2, Ok(())), (8, Ok(()))]);
        let keys: Vec<_> = asked
            .borrow()
            .iter()
            .map(|r| r.lines().find(|l| l.starts_with("idempotency-key")).unwrap().to_owned())
            .collect();
        assert!(keys[0] == keys[1] && keys[1] == keys[2] && keys[2] != keys[3], "{keys:?}");
    });
}
