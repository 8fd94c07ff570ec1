use super::super::testing::{Fake, Script, config, pool, run_machine};
use super::*;
use crate::kernel::SignalSet;

#[test]
fn a_kernel_that_never_names_the_dead_is_not_asked_for_ever() {
    let mut kernel = Fake::new(vec![Ok((SignalSet { child: true, ..SignalSet::default() }, vec![]))]);
    kernel.ended = vec![Errno::INTR; 10].into();
    run_machine(&mut kernel, Script([].into()), &config(vec![pool("web")], &[]));
    assert_eq!(kernel.ended.len(), 10 - REFUSALS as usize);
}
