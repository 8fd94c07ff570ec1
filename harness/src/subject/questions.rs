//! What an operator says and hears on the control socket.

use serde::{Deserialize, Serialize};

use crate::scenario::{Command, MAIN};

/// Lines that an operator says on the control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Questions {
    /// How is everybody?
    pub status: String,
    /// A text that the answer to it has, and nothing that is said before.
    pub answer: String,
    /// What happens, from now on?
    pub follow: String,
    /// Stop; absent: that can't be ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<String>,
    /// That `{pool}` is to have so many `{workers}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<String>,
    /// Replace whoever is in this `{place}` of this `{pool}`, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// Replace everybody in this `{pool}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_pool: Option<String>,
    /// The value of a `{topic}` is this `{data}` from now on, a JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<String>,
    /// What the line has that says that an order was carried out, which is said when it was; absent: nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
    /// What the line has that says that an order was not carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What stands right before each worker's pid in the answer to `status`; absent: they are not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<String>,
}

impl Questions {
    /// The line by which this is ordered, if it is ordered on the control socket and can be.
    pub fn order(&self, command: &Command) -> Option<String> {
        match command {
            Command::In(pool, order) => self.order_of(pool, order),
            Command::Publish { topic, data } => {
                Some(self.publish.as_ref()?.replace("{topic}", topic).replace("{data}", data))
            }
            Command::Stop => self.stop.clone(),
            // Of the first pool this is told by signals.
            Command::Scale(_) => None,
            order => self.order_of(MAIN, order),
        }
    }

    /// What is ordered of one pool.
    fn order_of(&self, pool: &str, order: &Command) -> Option<String> {
        let line = match order {
            Command::Scale(workers) => self.scale.as_ref()?.replace("{workers}", &workers.to_string()),
            Command::Restart(place) => self.restart.as_ref()?.replace("{place}", &place.to_string()),
            Command::RestartPool => self.restart_pool.clone()?,
            _ => return None,
        };
        Some(line.replace("{pool}", pool))
    }

    /// Whether an order was carried out, by this line; `None`: it does not say that.
    pub fn outcome(&self, line: &str) -> Option<bool> {
        let says = |text: &Option<String>| text.as_ref().is_some_and(|text| line.contains(text.as_str()));
        match (says(&self.done), says(&self.refused)) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }

    /// Whether a line is the answer to `status`.
    pub fn answers(&self, line: &str) -> bool {
        line.contains(&self.answer)
    }

    /// The pids that such an answer names.
    pub fn pids(&self, line: &str) -> Vec<u32> {
        let Some(before) = &self.pid else { return Vec::new() };
        let number = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
        line.split(before.as_str()).skip(1).filter_map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::load;

    fn reference() -> Questions {
        load("reference").expect("it is sound").0.operator.expect("it has a control socket")
    }

    #[test]
    fn how_an_order_ended_is_told_from_all_else() {
        let outcome = |line: &str| reference().outcome(line);
        assert_eq!(outcome(r#"{"supervisor":1,"pid":7}"#), None);
        assert_eq!(outcome(r#"{"reply":"done","note":"generation 2 serves"}"#), Some(true));
        assert_eq!(outcome(r#"{"reply":"error","code":"failed","text":"abandoned"}"#), Some(false));
    }

    #[test]
    fn the_pids_of_an_answer_are_found_wherever_they_stand() {
        let pids = |line: &str| reference().pids(line);
        assert_eq!(pids(r#"{"reply":"status","a":[{"pid":12,"x":1},{"pid":345}],"pid":}"#), [12, 345]);
        assert_eq!(pids(r#"{"reply":"status"}"#), Vec::<u32>::new());
        assert_eq!(Questions { pid: None, ..reference() }.pids(r#"{"pid":12}"#), Vec::<u32>::new());
    }
}
