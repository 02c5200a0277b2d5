//! gRPC through the gateway over cleartext HTTP/2 on both sides, with grpcio on both ends.

use e2e::{Port, PythonServer, Tidegate, curl_raw, python_script};

fn gateway_to(url: &str) -> Tidegate {
    Tidegate::start(&format!(
        "services: {{ echo: {{ endpoints: [\"{url}\"], protocol: http2 }} }}\n\
         routes: [{{ match: {{ path: \"/test.Echo/*\" }}, service: echo }}]\nlimits: {{ max_body: unlimited }}"
    ))
}

/// Runs a step of the client script through the gateway.
#[track_caller]
fn call(gateway: &Tidegate, step: &str) {
    let done = python_script("grpc_client.py", &[&gateway.address().port().to_string(), step]);
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}\n{err}\n{}", gateway.stderr());
}

#[track_caller]
fn call_echo(step: &str) {
    let server = PythonServer::start("grpc_server.py", &[]);
    call(&gateway_to(&server.url()), step);
}

#[test]
fn unary_calls_pass_with_metadata_and_trailers() {
    call_echo("unary");
}

#[test]
fn an_error_of_the_server_reaches_the_client_as_it_is() {
    call_echo("fail");
}

#[test]
fn an_error_in_the_middle_of_a_stream_reaches_the_client() {
    call_echo("late");
}

#[test]
fn streams_of_either_side_pass() {
    call_echo("streams");
}

#[test]
fn a_conversation_passes_message_by_message() {
    call_echo("chat");
}

#[test]
fn hundreds_of_calls_share_a_connection() {
    call_echo("many");
}

#[test]
fn a_dead_server_is_unavailable() {
    let nobody = Port::free();
    call(&gateway_to(&format!("http://{}", nobody.address())), "unavailable");
}

/// The head that a caller with this content type gets.
fn head_of_call(gateway: &Tidegate, path: &str) -> String {
    let url = gateway.url(path);
    let fields = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
    let done =
        curl_raw(&[&["--http2-prior-knowledge", "-D", "-", "-d", ""], &fields[..], &[url.as_str()]].concat());
    String::from_utf8_lossy(&done.stdout).to_ascii_lowercase()
}

#[test]
fn errors_of_the_gateway_are_grpc_errors_to_grpc_callers() {
    let nobody = Port::free();
    let gateway = gateway_to(&format!("http://{}", nobody.address()));
    // 14 is UNAVAILABLE, 12 UNIMPLEMENTED: what gRPC's own mapping makes of 502 and 404.
    for (path, status) in [("/test.Echo/Unary", 14), ("/absent.Service/Call", 12)] {
        let head = head_of_call(&gateway, path);
        assert!(head.starts_with("http/2 200"), "{head}");
        assert!(head.contains(&format!("grpc-status: {status}\r\n")), "{head}");
        assert!(head.contains("content-type: application/grpc"), "{head}");
    }
}
