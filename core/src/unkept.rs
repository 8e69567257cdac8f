//! Names what a caller's JSON has and Stagepass doesn't keep, for people: names of members and where
//! they are, never a value.

use crate::visible::{MAX_SHOWN_CHARS, printable_start};

/// How many unknown members are named.
pub const MAX_NAMED_MEMBERS: usize = 20;

/// The unknown members of a list, each named once, with the first place that has it.
#[derive(Debug, Default)]
pub(crate) struct Unkept {
    named: Vec<Named>,
    has_more: bool,
}

#[derive(Debug)]
struct Named {
    name: String,
    first: String,
    others: usize,
}

impl Unkept {
    /// Notes a member; `place` is such as `cookies[0]`.
    pub(crate) fn note(&mut self, name: &str, place: impl FnOnce() -> String) {
        let name = printable_start(name, MAX_SHOWN_CHARS);
        match self.named.iter().position(|named| named.name == name) {
            Some(known) => self.named[known].others += 1,
            None if self.named.len() < MAX_NAMED_MEMBERS => {
                self.named.push(Named { name, first: place(), others: 0 });
            }
            None => self.has_more = true,
        }
    }

    /// What was noted, as messages for people.
    pub(crate) fn into_messages(self) -> Vec<String> {
        let message = |Named { name, first, others }: Named| {
            format!("{name:?} is unknown and is not kept ({})", position(&first, others))
        };
        let mut messages: Vec<_> = self.named.into_iter().map(message).collect();
        if self.has_more {
            messages.push("further unknown members are not kept".to_owned());
        }
        messages
    }
}

/// The first of several places.
pub(crate) fn position(first: &str, others: usize) -> String {
    if others == 0 { first.to_owned() } else { format!("{first} and {others} more") }
}
