//! `RollingUpdate`: as many new pods as the surge allows, as few old ones as availability allows.

use super::Rollout;
use super::sets::Set;
use crate::object::Meta;
use crate::object::intstr::scaled;

impl Rollout<'_> {
    /// One step of a rolling update.
    pub fn roll(&mut self) {
        self.find_new(true);
        let Some(new) = self.sets.iter().position(|set| set.is_new) else { return self.sync_rollout_status() };
        if self.grow_new(new) || self.shrink_old(new) {
            return self.sync_rollout_status();
        }
        if self.is_complete(&self.status) {
            self.clean_up();
        }
        self.sync_rollout_status();
    }

    fn is_rolling(&self) -> bool {
        self.original.str_at(&["spec", "strategy", "type"]) != "Recreate"
    }

    /// `maxSurge` and `maxUnavailable` in pods. They cannot both be none, or nothing would move.
    fn fences(&self) -> (i64, i64) {
        let fence = |name, round_up| {
            let value = self.original.at(&["spec", "strategy", "rollingUpdate", name]);
            value.and_then(|value| scaled(value, self.replicas(), round_up).ok()).unwrap_or(0)
        };
        let (surge, unavailable) = (fence("maxSurge", true), fence("maxUnavailable", false));
        (surge, if surge == 0 && unavailable == 0 { 1 } else { unavailable })
    }

    pub fn max_surge(&self) -> i64 {
        if self.is_rolling() { self.fences().0 } else { 0 }
    }

    pub fn max_unavailable(&self) -> i64 {
        if !self.is_rolling() || self.replicas() == 0 { 0 } else { self.fences().1.min(self.replicas()) }
    }

    /// The size the new set may have now.
    pub fn new_size(&self, new: usize) -> i64 {
        let size = self.sets.get(new).map_or(0, Set::size);
        if !self.is_rolling() {
            return self.replicas();
        }
        let room = self.replicas() + self.max_surge() - self.total_size();
        if room <= 0 { size } else { size + room.min(self.replicas() - size) }
    }

    fn grow_new(&mut self, new: usize) -> bool {
        let (size, wanted) = (self.sets.get(new).map_or(0, Set::size), self.replicas());
        let target = if size > wanted { wanted } else { self.new_size(new) };
        size != wanted && self.resize(new, target, false)
    }

    fn shrink_old(&mut self, new: usize) -> bool {
        let old: Vec<usize> = self.old_with_pods();
        if old.is_empty() {
            return false;
        }
        let least = self.replicas() - self.max_unavailable();
        let new_unavailable = self.sets.get(new).map_or(0, |set| set.size() - set.available());
        let removable = self.total_size() - least - new_unavailable;
        if removable <= 0 {
            return false;
        }
        let unhealthy = self.shrink(&old, removable, |set| set.size() - set.available());
        // What is left is taken from available pods: no more of them than availability can spare.
        let spare = self.total("availableReplicas") - least;
        let healthy = if spare > 0 { self.shrink(&old, spare, Set::size) } else { 0 };
        unhealthy + healthy > 0
    }

    /// Makes sets smaller, oldest first, by at most `most` in all and `of_one` each.
    fn shrink(&mut self, sets: &[usize], most: i64, of_one: impl Fn(&Set) -> i64) -> i64 {
        let mut taken = 0;
        for index in sets {
            let Some(set) = self.sets.get(*index).filter(|set| set.size() > 0) else { continue };
            let less = of_one(set).min(set.size()).min(most - taken);
            if less > 0 {
                let size = set.size() - less;
                self.resize(*index, size, false);
                taken += less;
            }
        }
        taken
    }

    /// The places of the old sets that ask for pods, oldest first.
    pub fn old_with_pods(&self) -> Vec<usize> {
        let sets = self.sets.iter().enumerate();
        sets.filter(|(_, set)| !set.is_new && set.size() > 0).map(|(index, _)| index).collect()
    }
}
