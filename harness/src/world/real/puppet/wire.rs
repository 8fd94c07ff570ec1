//! HTTP/1.1, as much of it as a puppet needs.

use std::time::Duration;

use crate::history::Proc;
use crate::puppet::Request;

/// A request head longer than this is not one that a puppet knows.
const MOST: usize = 8 * 1024;

/// What the bytes at the front of a connection's buffer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Not a whole request yet.
    Partial,
    /// A request, and how many bytes it took.
    Whole(Request, usize),
    /// Not HTTP.
    Garbage,
}

/// Reads one request, but for its body. `/take` alone has one; any other that announces a body is unknown, and its connection
/// ends.
pub fn read(bytes: &[u8]) -> Read {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut headers);
    match head.parse(bytes) {
        Ok(httparse::Status::Partial) if bytes.len() <= MOST => Read::Partial,
        Ok(httparse::Status::Partial) | Err(_) => Read::Garbage,
        Ok(httparse::Status::Complete(length)) => {
            let request = match (head.method, head.path) {
                (Some("GET"), Some(path)) => request(path, keep_alive(&head)),
                (Some("POST"), Some("/take")) => {
                    body_length(&head).map_or(Request::Unknown, |bytes| Request::Take { bytes })
                }
                _ => Request::Unknown,
            };
            Read::Whole(request, length)
        }
    }
}

fn keep_alive(head: &httparse::Request<'_, '_>) -> bool {
    let connection = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("connection"));
    match connection {
        Some(header) if header.value.eq_ignore_ascii_case(b"close") => false,
        Some(header) if header.value.eq_ignore_ascii_case(b"keep-alive") => true,
        _ => head.version == Some(1),
    }
}

fn body_length(head: &httparse::Request<'_, '_>) -> Option<u64> {
    let length = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"))?;
    std::str::from_utf8(length.value).ok()?.trim().parse().ok()
}

fn request(target: &str, keep_alive: bool) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let number = |name: &str| {
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    match path {
        "/" | "/who" => Request::Who { keep_alive },
        "/hold" => match number("ms").and_then(|ms| ms.parse().ok()) {
            Some(ms) => Request::Hold { span: Duration::from_millis(ms), keep_alive },
            None => Request::Unknown,
        },
        "/long" => match number("bytes").and_then(|bytes| bytes.parse().ok()) {
            Some(bytes) => Request::Long { bytes },
            None => Request::Unknown,
        },
        "/throw" => Request::Throw,
        "/exit" => number("code").unwrap_or("0").parse().map_or(Request::Unknown, Request::Exit),
        "/retire" => Request::Retire,
        "/hang" => Request::Hang,
        _ => Request::Unknown,
    }
}

/// The who-am-I document as an answer with a body of so many bytes, if it is not longer by itself; and how many spaces are to
/// follow.
pub fn answer(status: u16, keep_alive: bool, me: Proc, generation: u32, bytes: u64) -> (Vec<u8>, u64) {
    let reason = if status == 200 { "OK" } else { "Not Found" };
    let body = format!("{{\"pid\":{},\"start\":{},\"generation\":{generation}}}\n", me.pid, me.start);
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let length = bytes.max(body.len() as u64);
    let answer = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n{body}"
    );
    (answer.into_bytes(), length - body.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_of_the_catalogue_is_read() {
        let whole = |text: &str| match read(text.as_bytes()) {
            Read::Whole(request, length) => {
                assert_eq!(length, text.len());
                request
            }
            other => panic!("{text:?}: {other:?}"),
        };
        assert_eq!(whole("GET /who HTTP/1.1\r\n\r\n"), Request::Who { keep_alive: true });
        assert_eq!(whole("GET /who HTTP/1.1\r\nconnection: Close\r\n\r\n"), Request::Who { keep_alive: false });
        assert_eq!(whole("GET /who HTTP/1.0\r\n\r\n"), Request::Who { keep_alive: false });
        let span = Duration::from_millis(250);
        assert_eq!(whole("GET /hold?ms=250 HTTP/1.1\r\n\r\n"), Request::Hold { span, keep_alive: true });
        assert_eq!(whole("GET /hold?ms=x HTTP/1.1\r\n\r\n"), Request::Unknown);
        assert_eq!(whole("GET /long?bytes=2000000 HTTP/1.1\r\n\r\n"), Request::Long { bytes: 2_000_000 });
        assert_eq!(whole("GET /long HTTP/1.1\r\n\r\n"), Request::Unknown);
        assert_eq!(whole("POST /take HTTP/1.1\r\ncontent-length: 70\r\n\r\n"), Request::Take { bytes: 70 });
        assert_eq!(whole("POST /take HTTP/1.1\r\n\r\n"), Request::Unknown);
        assert_eq!(whole("GET /throw HTTP/1.1\r\n\r\n"), Request::Throw);
        assert_eq!(whole("GET /exit?code=3 HTTP/1.1\r\n\r\n"), Request::Exit(3));
        assert_eq!(whole("GET /retire HTTP/1.1\r\n\r\n"), Request::Retire);
        assert_eq!(whole("GET /hang HTTP/1.1\r\n\r\n"), Request::Hang);
        assert_eq!(whole("POST /who HTTP/1.1\r\n\r\n"), Request::Unknown);
    }

    #[test]
    fn parts_wait_and_garbage_does_not() {
        assert_eq!(read(b""), Read::Partial);
        assert_eq!(read(b"GET /who HT"), Read::Partial);
        assert_eq!(read(b"\x16\x03\x01\x02\x00"), Read::Garbage);
        let endless = format!("GET /who HTTP/1.1\r\nX: {}", "y".repeat(MOST));
        assert_eq!(read(endless.as_bytes()), Read::Garbage);
    }

    #[test]
    fn the_rest_of_the_buffer_is_the_next_request() {
        let two = b"GET /who HTTP/1.1\r\n\r\nGET /throw HTTP/1.1\r\n\r\n";
        let Read::Whole(_, length) = read(two) else { panic!("a whole request") };
        assert!(matches!(read(&two[length..]), Read::Whole(Request::Throw, _)));
    }

    #[test]
    fn an_answer_says_its_length() {
        let me = Proc { pid: 7, start: 99 };
        let (text, padding) = answer(200, true, me, 2, 0);
        assert_eq!(padding, 0);
        let text = String::from_utf8(text).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("head and body");
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        assert_eq!(body, "{\"pid\":7,\"start\":99,\"generation\":2}\n");
        let (text, padding) = answer(200, false, me, 2, 1_000_000);
        let text = String::from_utf8(text).expect("text");
        assert!(text.contains("Content-Length: 1000000\r\n") && text.ends_with(body));
        assert_eq!(padding, 1_000_000 - body.len() as u64);
    }
}
