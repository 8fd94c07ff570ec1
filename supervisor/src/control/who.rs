//! Names: of instances, pools and workers.

use std::fmt;

/// A longer name of an instance makes no path of a socket (108 bytes, unix(7)) with a directory before it.
pub const NAME_LIMIT: usize = 48;

/// A pool, a place in it, or one incarnation there, as it is written: `web`, `web/3`, `web/3.7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The name of the pool.
    pub pool: String,
    /// Which of it.
    pub whom: Whom,
}

/// Which workers of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// All.
    All,
    /// Whoever is in this slot, whichever generation.
    Slot(u32),
    /// This generation in this slot.
    One(u32, u32),
}

impl Who {
    /// Reads a name. `pools` are those that there are: the name of a pool may itself look like one of a worker.
    ///
    /// # Errors
    /// No pool is called so; the text tells which there are.
    pub fn read<'a>(text: &str, pools: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let pools: Vec<&str> = pools.into_iter().collect();
        let known = |name: &str| pools.contains(&name);
        if known(text) {
            return Ok(Self { pool: text.to_owned(), whom: Whom::All });
        }
        let (pool, rest) = text.rsplit_once('/').unwrap_or((text, ""));
        if !known(pool) {
            return Err(format!("there is no pool `{pool}`; {}", nearest(pool, &pools)));
        }
        let whom = match rest.split_once('.') {
            None => rest.parse().ok().map(Whom::Slot),
            Some((slot, generation)) => {
                slot.parse().ok().zip(generation.parse().ok()).map(|(slot, generation)| Whom::One(slot, generation))
            }
        };
        match whom {
            Some(whom) => Ok(Self { pool: pool.to_owned(), whom }),
            None => {
                Err(format!("`{text}` names no worker: expected {pool}/SLOT or {pool}/SLOT.GENERATION, as in {pool}/0"))
            }
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whom {
            Whom::All => write!(f, "{}", self.pool),
            Whom::Slot(slot) => write!(f, "{}/{slot}", self.pool),
            Whom::One(slot, generation) => write!(f, "{}/{slot}.{generation}", self.pool),
        }
    }
}

/// A hint that names the nearest of `names`, or all of them.
pub(super) fn nearest(wrong: &str, names: &[&str]) -> String {
    let closest = names.iter().map(|name| (strsim::damerau_levenshtein(wrong, name), *name)).min();
    match closest {
        Some((distance, name)) if distance <= 1 + name.len() / 3 => format!("did you mean `{name}`?"),
        _ => format!("there is: {}", names.join(", ")),
    }
}

/// What keeps a text from being the name of an instance: it becomes the name of a file.
pub fn name_problem(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > NAME_LIMIT {
        Some(format!("a name has 1 to {NAME_LIMIT} characters, this one has {}", name.len()))
    } else if name.starts_with(['.', '-']) {
        Some(format!("a name begins with a letter, a digit or _, not with `{}`", &name[..1]))
    } else {
        let odd = name.chars().find(|&c| !plain(c))?;
        Some(format!("a name has only letters, digits, -, _ and ., not {odd:?}"))
    }
}
