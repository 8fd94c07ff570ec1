//! What is demanded of each parser, whatever it is given: it comes back, and what it took makes sense.

use std::borrow::Cow;

use harness::history::History;
use harness::invariant::{self, Slack};
use harness::verdict::Verdict;
use supervisor::channel::{ClusterMessage, Hub, Internal, Message, Primary, TopicLimits};
use supervisor::channel::{Line, LineBuffer, answer, decode, internal, notices, says_ready};
use supervisor::control::{Hello, Reply, Who, decode_request};

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// A scenario file: what is valid can be told and written, and is the same when it is read again.
pub fn scenario(bytes: &[u8]) {
    match harness::scenario::parse(&text(bytes), "x.ron") {
        Ok(scenario) => {
            let written = harness::scenario::to_ron(&scenario);
            let again = harness::scenario::parse(&written, "again.ron").map_err(|why| why.to_string());
            assert_eq!(again, Ok(scenario.clone()));
            scenario.forms().iter().take(20).for_each(|(_, form)| drop(harness::scenario::explain(form, "x")));
        }
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
}

/// A subject file, and a profile alone.
pub fn subject(bytes: &[u8]) {
    let path = std::env::temp_dir().join(format!("subject-{}.ron", std::process::id()));
    std::fs::write(&path, bytes).expect("a file");
    if let Err(problems) = harness::subject::load(&path.display().to_string()) {
        assert!(!problems.to_string().is_empty());
    }
    drop(harness::subject::parse_profile(&text(bytes), "profile"));
}

/// A history, and the verdicts on it: no invariant breaks down, whatever happened.
pub fn history(bytes: &[u8]) {
    let Ok(history) = History::read(&text(bytes), "x.jsonl") else { return };
    let scenario = harness::scenario::parse(&history.header.scenario, "header");
    let profile = harness::subject::parse_profile(&history.header.profile, "header");
    let (Ok(scenario), Ok(profile)) = (scenario, profile) else { return };
    for finding in invariant::judge(&scenario, &profile, &history, Slack::default()) {
        let broke_down = matches!(&finding.verdict, Verdict::Inconclusive { why } if why.contains("broke down"));
        assert!(!broke_down, "{} broke down", finding.id);
    }
}

/// A configuration of the supervisor.
pub fn configuration(bytes: &[u8]) {
    if let Err(problems) = supervisor::config::parse(&text(bytes), "x.ron") {
        assert!(!problems.render(false).is_empty());
    }
}

/// What comes through a worker's channel, in small pieces, in our own words and Node's.
pub fn channel(bytes: &[u8]) {
    let (mut buffer, mut hub, mut primary) =
        (LineBuffer::default(), Hub::new(TopicLimits::default()), Primary::default());
    for chunk in bytes.chunks(7) {
        buffer.push(chunk);
        while let Line::Whole(line) = buffer.next() {
            let said = match internal(line) {
                Some(Internal::Handle { message }) => decode(message.as_bytes()),
                Some(Internal::Cluster(message)) => {
                    ask(&mut primary, &message);
                    continue;
                }
                Some(_) => continue,
                None => decode(line),
            };
            match said {
                Ok(Message::Topics(word)) => drop(hub.take(1, word).map_err(|refusal| refusal.to_string())),
                Ok(_) => drop(answer(line)),
                Err(not_a_message) => assert!(not_a_message.excerpt.len() < 1000),
            }
            while let Some(update) = hub.next(1) {
                assert!(update.ends_with(b"\n") && !update[..update.len() - 1].contains(&b'\n'), "more than a line");
            }
        }
    }
}

/// A worker of the cluster module wants a socket, or lets go of one.
fn ask(primary: &mut Primary<u8, u8>, message: &ClusterMessage) {
    match message {
        ClusterMessage::Query { query, .. } if primary.ask(1, query, &[]).is_ok() => {
            primary.add(1, query, 0, None);
            assert!(primary.get(&query.key()).is_some());
        }
        ClusterMessage::Close { key } => drop(primary.close(1, key)),
        _ => {}
    }
}

/// What workers and service managers say beside it: a datagram, or the first bytes of a pipe.
pub fn notify(bytes: &[u8]) {
    assert!(notices(bytes).count() <= bytes.len() + 1);
    says_ready(bytes);
}

/// What an operator asks for is the same when it was written and is read again; so is what is answered.
pub fn control(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        match decode_request(line) {
            Ok(asked) => {
                let written = asked.encode();
                let again = decode_request(written.trim_end().as_bytes()).map(|asked| asked.encode());
                assert_eq!(again.ok(), Some(written));
            }
            Err((_, complaint)) => assert!(!complaint.text.is_empty()),
        }
        if let Ok(reply) = Reply::decode(line) {
            assert_eq!(Reply::decode(reply.encode(None).trim_end().as_bytes()), Ok(reply));
        }
        drop(Hello::decode(line));
        drop(Who::read(&text(line), ["web", "web/1", "ü"]).map(|who| who.to_string()));
    }
}
