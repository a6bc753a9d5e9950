//! `Recreate`: first all old pods go, then the new ones come.

use super::Rollout;
use crate::backend::controllers::support::pods;
use crate::object::Meta as _;

impl Rollout<'_> {
    /// One step of a recreation.
    pub fn recreate(&mut self) {
        self.find_new(false);
        let old = self.old_with_pods();
        let mut shrunk = false;
        for index in old {
            shrunk |= self.resize(index, 0, false);
        }
        if shrunk || self.old_pods_run() {
            return self.sync_rollout_status();
        }
        if self.new_set().is_none() {
            self.find_new(true);
        }
        if let Some(new) = self.sets.iter().position(|set| set.is_new) {
            self.resize(new, self.replicas(), false);
        }
        if self.is_complete(&self.status) {
            self.clean_up();
        }
        self.sync_rollout_status();
    }

    fn old_pods_run(&self) -> bool {
        self.sets.iter().filter(|set| !set.is_new).any(|set| {
            set.count("replicas") > 0 || self.view.owned_by("pods", set.object.uid()).any(|pod| !pods::is_finished(pod))
        })
    }
}
