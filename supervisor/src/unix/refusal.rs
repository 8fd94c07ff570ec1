//! What a worker can't be made into, said before one is started rather than at each start.

use rustix::process::{Resource as Sys, getegid, geteuid, getgroups, getrlimit};

use crate::kernel::{Resource, ResourceLimit, Setup};

/// The reason why a child can't be set up like this, as far as it can be known; `None` if nothing speaks against it.
pub fn refusal(setup: &Setup) -> Option<String> {
    let by_user = if geteuid().is_root() { None } else { credentials(setup) };
    by_user.or_else(|| setup.limits.iter().find_map(limit)).or_else(|| directory(setup))
}

/// Only root becomes somebody else.
fn credentials(setup: &Setup) -> Option<String> {
    let own = geteuid().as_raw();
    let needs_root = |what: String| Some(format!("{what} needs root, and this is user {own}"));
    if let Some(user) = setup.user.filter(|user| *user != own) {
        return needs_root(format!("`user`: to become user {user}"));
    }
    if let Some(group) = setup.group.filter(|group| *group != getegid().as_raw()) {
        return needs_root(format!("`group`: to become group {group}"));
    }
    let groups = setup.groups.as_ref()?;
    let present: Vec<u32> = getgroups().unwrap_or_default().into_iter().map(|group| group.as_raw()).collect();
    let same = groups.iter().all(|group| present.contains(group)) && present.iter().all(|group| groups.contains(group));
    if same { None } else { needs_root("`groups`: to change the supplementary groups".to_owned()) }
}

/// Only root raises a hard limit, and nobody that of descriptors beyond what the kernel can do.
fn limit(limit: &ResourceLimit) -> Option<String> {
    if limit.resource == Resource::Nofile
        && let Some(most) = most_descriptors().filter(|most| limit.hard.is_none_or(|hard| hard > *most))
    {
        return Some(format!("`limits`: nofile can't be more than {most} (/proc/sys/fs/nr_open)"));
    }
    // Without a hard limit there is nothing that could be raised.
    let present = getrlimit(named(limit.resource)).maximum?;
    let raises = limit.hard.is_none_or(|hard| hard > present) && !geteuid().is_root();
    raises.then(|| {
        let name = format!("{:?}", limit.resource).to_lowercase();
        let wanted = limit.hard.map_or_else(|| "unlimited".to_owned(), |hard| hard.to_string());
        format!("`limits`: the hard limit of {name} is {present}; to raise it to {wanted} needs root")
    })
}

/// Where the kernel says how many descriptors a process can have, if it does.
fn most_descriptors() -> Option<u64> {
    std::fs::read_to_string("/proc/sys/fs/nr_open").ok()?.trim().parse().ok()
}

fn directory(setup: &Setup) -> Option<String> {
    let path = setup.directory.as_ref()?;
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => None,
        Ok(_) => Some(format!("`directory`: {} is no directory", path.display())),
        Err(error) => Some(format!("`directory`: {} can't be entered: {error}", path.display())),
    }
}

fn named(resource: Resource) -> Sys {
    match resource {
        Resource::As => Sys::As,
        Resource::Core => Sys::Core,
        Resource::Cpu => Sys::Cpu,
        Resource::Data => Sys::Data,
        Resource::Fsize => Sys::Fsize,
        Resource::Memlock => Sys::Memlock,
        Resource::Nofile => Sys::Nofile,
        Resource::Nproc => Sys::Nproc,
        Resource::Stack => Sys::Stack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_not_there_is_said_by_name() {
        let there = Setup { directory: Some("/".into()), ..Setup::default() };
        assert_eq!(refusal(&there), None);
        for path in ["/nowhere/at/all", "/dev/null"] {
            let missing = Setup { directory: Some(path.into()), ..Setup::default() };
            assert!(refusal(&missing).is_some_and(|reason| reason.contains(path)));
        }
    }

    #[test]
    fn more_descriptors_than_the_kernel_can_give_are_refused_whoever_asks() {
        let Some(most) = most_descriptors() else { return };
        for hard in [Some(most + 1), None] {
            let limits = vec![ResourceLimit { resource: Resource::Nofile, soft: Some(64), hard }];
            let reason = refusal(&Setup { limits, ..Setup::default() }).expect("it can't be");
            assert!(reason.contains("nr_open") && reason.contains(&most.to_string()), "{reason}");
        }
    }

    #[test]
    fn nobody_but_root_becomes_somebody_else_or_raises_a_hard_limit() {
        let other = Setup { user: Some(geteuid().as_raw() + 1), ..Setup::default() };
        assert_eq!(refusal(&other).is_some(), !geteuid().is_root());
        let limits = vec![ResourceLimit { resource: Resource::Stack, soft: Some(1 << 20), hard: None }];
        let raised = Setup { limits, ..Setup::default() };
        let may = geteuid().is_root() || getrlimit(Sys::Stack).maximum.is_none();
        assert_eq!(refusal(&raised).is_none(), may);
    }
}
