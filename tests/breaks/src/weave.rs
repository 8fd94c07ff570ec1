//! One source with all its mutants in it, each behind a switch.

use std::ops::Range;

use crate::places::{Form, Guard, Id, Place};

/// A source with switches, and which part of it is due to whom.
#[derive(Debug, Default)]
pub struct Woven {
    /// The text.
    pub text: String,
    /// Parts of the text, in bytes: what is wrong in the smallest that has it is due to these mutants.
    pub due: Vec<(Range<usize>, Vec<Id>)>,
}

/// Puts a switch at each place. Those inside others come after them.
pub fn weave(source: &str, places: &[Place]) -> Woven {
    let mut weaver = Weaver { source, places, woven: Woven::default() };
    weaver.copy(0..source.len(), 0);
    weaver.woven
}

struct Weaver<'a> {
    source: &'a str,
    places: &'a [Place],
    woven: Woven,
}

impl Weaver<'_> {
    /// A part of the source with the switches inside it, which are among the places from `first` on.
    fn copy(&mut self, part: Range<usize>, first: usize) {
        let mut at = part.start;
        for (index, place) in self.places.iter().enumerate().skip(first) {
            if place.range.start >= at && place.range.end <= part.end {
                self.woven.text.push_str(&self.source[at..place.range.start]);
                self.put(index);
                at = place.range.end;
            }
        }
        self.woven.text.push_str(&self.source[at..part.end]);
    }

    fn put(&mut self, index: usize) {
        let Place { range, form } = &self.places[index];
        let start = self.woven.text.len();
        let all = match form {
            Form::Body(values) => {
                for (id, value) in values {
                    self.due_to(&[*id], |this| this.say(&format!("if crate::broken({id}) {{ return {value}; }} ")));
                }
                self.copy(range.clone(), index + 1);
                values.iter().map(|(id, _)| *id).collect()
            }
            Form::Expression(others) => {
                self.say("(");
                for (id, replaced, with) in others {
                    self.say(&format!("if crate::broken({id}) {{ "));
                    self.due_to(&[*id], |this| {
                        this.copy(range.start..replaced.start, index + 1);
                        this.say(with);
                        this.copy(replaced.end..range.end, index + 1);
                    });
                    self.say(" } else ");
                }
                self.say("{ ");
                self.copy(range.clone(), index + 1);
                self.say(" })");
                others.iter().map(|(id, ..)| *id).collect()
            }
            Form::Guard(guard) => self.guard(range.clone(), guard, index),
            Form::Match(arms) => {
                self.copy(range.clone(), index + 1);
                arms.clone()
            }
        };
        self.woven.due.push((start..self.woven.text.len(), all));
    }

    /// `!deleted && (holds || !fails && (guard))`, with what is wanted of it.
    fn guard(&mut self, range: Range<usize>, guard: &Guard, index: usize) -> Vec<Id> {
        let holds = guard.holds.filter(|_| !guard.binds);
        let without = [guard.deleted, guard.fails].into_iter().flatten().collect::<Vec<_>>();
        if range.is_empty() {
            self.say(" if true");
        }
        let conditions = without.iter().map(|id| format!("!crate::broken({id})"));
        let conditions = conditions.collect::<Vec<_>>().join(" && ");
        if range.is_empty() {
            self.say(&format!(" && {conditions}"));
        } else {
            if !without.is_empty() {
                self.say(&format!("{conditions} && "));
            }
            self.say(if guard.binds { "" } else { "(" });
            if let Some(id) = holds {
                self.say(&format!("crate::broken({id}) || "));
            }
            self.copy(range, index + 1);
            self.say(if guard.binds { "" } else { ")" });
        }
        without.into_iter().chain(holds).collect()
    }

    fn due_to(&mut self, ids: &[Id], write: impl FnOnce(&mut Self)) {
        let start = self.woven.text.len();
        write(self);
        self.woven.due.push((start..self.woven.text.len(), ids.to_vec()));
    }

    fn say(&mut self, text: &str) {
        self.woven.text.push_str(text);
    }
}

impl Woven {
    /// To whom something wrong here is due: those of the smallest part that has it.
    pub fn blamed(&self, wrong: &Range<usize>) -> &[Id] {
        let having = self.due.iter().filter(|(part, _)| part.start <= wrong.start && wrong.end <= part.end);
        having.min_by_key(|(part, _)| part.len()).map_or(&[], |(_, ids)| ids)
    }
}

#[cfg(test)]
#[path = "weave_tests.rs"]
mod tests;
