//! Permits for connections: so many in all, and so many for each network, that one
//! caller can't take them all. Where none is left, the connection that has waited
//! longest for the head of a request gives its own up.

use crate::client::{TrustedProxies, limited_network};
use crate::config::MAX_CONNECTIONS;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How many connections each network has open, of those that are counted.
type Counts = Arc<Mutex<HashMap<IpAddr, u32>>>;

/// The permits that there are.
#[derive(Debug)]
pub(super) struct Permits {
    most: usize,
    given: Arc<Given>,
    /// 0 is no limit.
    most_of_network: u32,
    counts: Counts,
}

/// The permits that are given out.
#[derive(Debug, Default)]
struct Given {
    holders: Mutex<HashMap<u64, Arc<Activity>>>,
    /// Grows whenever a connection comes or begins to wait.
    turn: Arc<AtomicU64>,
    given_back: Notify,
}

/// A slot among the connections, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    id: u64,
    activity: Arc<Activity>,
    given: Arc<Given>,
}

/// What a connection is doing: it waits for the head of a request, or it serves one.
#[derive(Debug)]
pub(super) struct Activity {
    /// [`SERVING`], [`DROPPED`], or the turn at which it began to wait.
    state: AtomicU64,
    turn: Arc<AtomicU64>,
    /// Whether the last answer is complete, if perhaps not yet written.
    is_answered: AtomicBool,
    dropped: Notify,
}

const DROPPED: u64 = 0;
const SERVING: u64 = u64::MAX;

/// A network's share of the permits, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share(Option<(IpAddr, Counts)>);

impl Permits {
    /// None is given out.
    pub(super) fn new(most_of_network: u32) -> Self {
        Self {
            most: MAX_CONNECTIONS as usize,
            given: Arc::default(),
            most_of_network,
            counts: Counts::default(),
        }
    }

    /// A permit for a connection that was accepted. Where none is left, the connection
    /// that has waited longest is dropped, of which `count_drop` is told; where none
    /// waits, one that ends is waited for.
    pub(super) async fn take(&self, count_drop: impl Fn()) -> Permit {
        loop {
            {
                let mut holders = self.given.holders();
                if holders.len() < self.most {
                    return Permit::new(&mut holders, &self.given);
                }
                if drop_longest_waiting(&holders) {
                    count_drop();
                }
            }
            // Not missed where it comes before: the notice is kept.
            self.given.given_back.notified().await;
        }
    }

    /// A share for one more connection from `peer`; `None` where its network
    /// has all that it may. This machine and trusted proxies are not counted: a
    /// proxy carries everybody.
    pub(super) fn share(&self, peer: IpAddr, proxies: &TrustedProxies) -> Option<Share> {
        let is_counted = self.most_of_network > 0 && !proxies.contain(peer.to_canonical());
        let Some(network) = limited_network(peer).filter(|_| is_counted) else { return Some(Share(None)) };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(network).or_default();
        if *count >= self.most_of_network {
            return None;
        }
        *count += 1;
        Some(Share(Some((network, Arc::clone(&self.counts)))))
    }
}

/// Whether there was one: none where one is just being dropped, whose permit will do,
/// or where all of them serve. One that takes a request up meanwhile is left alone.
fn drop_longest_waiting(holders: &HashMap<u64, Arc<Activity>>) -> bool {
    let states = holders.values().map(|activity| (activity.state.load(Ordering::Acquire), activity));
    let mut waiting: Vec<_> = states.filter(|(state, _)| *state != SERVING).collect();
    if waiting.iter().any(|(state, _)| *state == DROPPED) {
        return false;
    }
    waiting.sort_unstable_by_key(|(since, _)| *since);
    waiting.into_iter().any(|(since, activity)| activity.drop_if_waiting(since))
}

impl Given {
    fn holders(&self) -> MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    fn new(holders: &mut HashMap<u64, Arc<Activity>>, given: &Arc<Given>) -> Self {
        let activity = Arc::new(Activity::new(Arc::clone(&given.turn)));
        let id = activity.state.load(Ordering::Acquire);
        holders.insert(id, Arc::clone(&activity));
        Self { id, activity, given: Arc::clone(given) }
    }

    /// What its connection does.
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Ends when the connection is to give its permit up.
    pub(super) async fn dropped(&self) {
        self.activity.dropped.notified().await;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.given.holders().remove(&self.id);
        self.given.given_back.notify_one();
    }
}

impl Activity {
    /// A connection that waits from now on.
    fn new(turn: Arc<AtomicU64>) -> Self {
        let state = AtomicU64::new(next(&turn));
        Self { state, turn, is_answered: AtomicBool::new(false), dropped: Notify::new() }
    }

    /// The head of a request has come. Never returns where the connection has given its
    /// permit up a moment before.
    pub(super) async fn serve(&self) {
        self.is_answered.store(false, Ordering::Release);
        let is_kept = |state| (state != DROPPED).then_some(SERVING);
        if self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, is_kept).is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether it serves a request.
    pub(super) fn is_serving(&self) -> bool {
        self.state.load(Ordering::Acquire) == SERVING
    }

    /// The answer is complete: once all of it is written, the next head is waited for.
    pub(super) fn note_answered(&self) {
        self.is_answered.store(true, Ordering::Release);
    }

    /// All that was to be written is written.
    pub(super) fn note_written(&self) {
        if self.is_answered.swap(false, Ordering::AcqRel) {
            self.state.store(next(&self.turn), Ordering::Release);
        }
    }

    fn drop_if_waiting(&self, since: u64) -> bool {
        let exchanged = self.state.compare_exchange(since, DROPPED, Ordering::AcqRel, Ordering::Acquire);
        if exchanged.is_ok() {
            self.dropped.notify_one();
        }
        exchanged.is_ok()
    }
}

/// From 1: 0 means something else.
fn next(turn: &AtomicU64) -> u64 {
    turn.fetch_add(1, Ordering::Relaxed) + 1
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((network, counts)) = self.0.take() else { return };
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    fn taken(permits: &Permits, trusted: &TrustedProxies, peers: &[&str]) -> Vec<Share> {
        peers.iter().map_while(|peer| permits.share(peer.parse().unwrap(), trusted)).collect()
    }

    #[test]
    fn a_network_gets_so_many_and_what_it_gives_back() {
        let (permits, nobody) = (Permits::new(2), TrustedProxies::default());
        let mut held = taken(&permits, &nobody, &["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"]);
        assert_eq!(held.len(), 2);
        let others =
            taken(&permits, &nobody, &["192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]);
        assert_eq!(others.len(), 4);
        assert!(taken(&permits, &nobody, &["2001:db8::3"]).is_empty(), "the same /64");
        held.pop();
        assert_eq!(taken(&permits, &nobody, &["192.0.2.1", "192.0.2.1"]).len(), 1);
        drop((held, others));
        assert!(permits.counts.lock().unwrap().is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn this_machine_and_trusted_proxies_are_not_counted_and_0_is_no_limit() {
        let trusted = "10.0.0.0/8".parse().unwrap();
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3"] {
            assert_eq!(taken(&Permits::new(1), &trusted, &[peer; 9]).len(), 9, "{peer}");
        }
        assert_eq!(taken(&Permits::new(1), &trusted, &["192.0.2.1"; 9]).len(), 1);
        assert_eq!(taken(&Permits::new(0), &trusted, &["192.0.2.1"; 9]).len(), 9);
    }

    fn few(most: usize) -> Permits {
        Permits { most, ..Permits::new(0) }
    }

    /// Which of the permits is to be given up.
    async fn dropped(permits: &[Permit]) -> Vec<usize> {
        let is_dropped =
            async |permit: &Permit| timeout(Duration::from_millis(1), permit.dropped()).await.is_ok();
        let mut dropped = Vec::new();
        for (number, permit) in permits.iter().enumerate() {
            if is_dropped(permit).await {
                dropped.push(number);
            }
        }
        dropped
    }

    async fn take(permits: &Permits) -> Option<Permit> {
        timeout(Duration::from_millis(10), permits.take(|| ())).await.ok()
    }

    #[tokio::test]
    async fn who_has_waited_longest_makes_room_and_nobody_who_is_served() {
        let permits = few(3);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(take(&permits).await.unwrap());
        }
        // The first is served, the second has been and waits since then.
        held[0].activity().serve().await;
        held[1].activity().serve().await;
        held[1].activity().note_answered();
        held[1].activity().note_written();
        assert!(take(&permits).await.is_none(), "it has to end first");
        assert_eq!(dropped(&held).await, [2]);
        held.pop();
        held.push(take(&permits).await.unwrap());
        held[2].activity().serve().await;

        assert!(take(&permits).await.is_none());
        assert_eq!(dropped(&held).await, [1]);
        held.remove(1);
        held.push(take(&permits).await.unwrap());
        held[2].activity().serve().await;
        held[2].activity().note_answered();
        assert!(take(&permits).await.is_none());
        assert!(dropped(&held).await.is_empty(), "an answer that is not written yet");
    }

    #[tokio::test]
    async fn a_request_that_comes_when_its_connection_was_dropped_is_not_served() {
        let permits = few(1);
        let held = take(&permits).await.unwrap();
        assert!(take(&permits).await.is_none());
        let serving = held.activity().serve();
        assert!(timeout(Duration::from_millis(10), serving).await.is_err());
    }
}
