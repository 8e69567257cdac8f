//! Permits limit connections in total and for each network, so that one caller can't take them all.
//! If none is left, the connection that has waited longest for a request head gives up its own.

use crate::client::{TrustedProxies, limited_network};
use crate::config::MAX_CONNECTIONS;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The number of open connections for each network that is counted.
type Counts = Arc<Mutex<HashMap<IpAddr, u32>>>;

/// All permits.
// Decision: docs/decisions/http.md#an-idle-connection-gives-way-to-the-next-one
#[derive(Debug)]
pub(super) struct Permits {
    most: usize,
    in_use: Arc<InUse>,
    /// 0 is no limit.
    most_of_network: u32,
    counts: Counts,
}

/// The permits in use.
#[derive(Debug, Default)]
struct InUse {
    holders: Mutex<HashMap<u64, Arc<Activity>>>,
    /// Grows whenever a connection starts or begins to wait.
    turn: Arc<AtomicU64>,
    returned: Notify,
}

/// A slot among the connections, returned on drop.
#[derive(Debug)]
pub(super) struct Permit {
    id: u64,
    activity: Arc<Activity>,
    in_use: Arc<InUse>,
}

/// The state of a connection: it waits for a request head or serves a request.
#[derive(Debug)]
pub(super) struct Activity {
    /// [`SERVING`], [`DROPPED`], or the turn at which it began to wait.
    state: AtomicU64,
    turn: Arc<AtomicU64>,
    /// Whether the last answer is complete, although perhaps not yet written.
    is_answered: AtomicBool,
    dropped: Notify,
}

const DROPPED: u64 = 0;
const SERVING: u64 = u64::MAX;

/// A network's share of the permits, returned on drop.
#[derive(Debug)]
pub(super) struct Share(Option<(IpAddr, Counts)>);

impl Permits {
    /// All permits are free.
    pub(super) fn new(most_of_network: u32) -> Self {
        Self {
            most: MAX_CONNECTIONS as usize,
            in_use: Arc::default(),
            most_of_network,
            counts: Counts::default(),
        }
    }

    /// A permit for an accepted connection. If none is left, drops the connection that has waited
    /// longest and calls `count_drop`; if none waits, waits for one to end.
    pub(super) async fn take(&self, count_drop: impl Fn()) -> Permit {
        loop {
            {
                let mut holders = self.in_use.holders();
                if holders.len() < self.most {
                    return Permit::new(&mut holders, &self.in_use);
                }
                if drop_longest_waiting(&holders) {
                    count_drop();
                }
            }
            // The notice is stored, so an earlier return is not missed.
            self.in_use.returned.notified().await;
        }
    }

    /// A share for one more connection from `peer`; `None` if its network has all it may have. This
    /// machine and trusted proxies are not counted, because a proxy carries everyone.
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

/// Drops the connection that has waited longest. Returns false if all connections serve, or if one
/// is just being dropped, which will return its permit. A connection that receives a request
/// meanwhile is not dropped.
fn drop_longest_waiting(holders: &HashMap<u64, Arc<Activity>>) -> bool {
    let states = holders.values().map(|activity| (activity.state.load(Ordering::Acquire), activity));
    let mut waiting: Vec<_> = states.filter(|(state, _)| *state != SERVING).collect();
    if waiting.iter().any(|(state, _)| *state == DROPPED) {
        return false;
    }
    waiting.sort_unstable_by_key(|(since, _)| *since);
    waiting.into_iter().any(|(since, activity)| activity.drop_if_waiting(since))
}

impl InUse {
    fn holders(&self) -> MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    fn new(holders: &mut HashMap<u64, Arc<Activity>>, in_use: &Arc<InUse>) -> Self {
        let activity = Arc::new(Activity::new(Arc::clone(&in_use.turn)));
        let id = activity.state.load(Ordering::Acquire);
        holders.insert(id, Arc::clone(&activity));
        Self { id, activity, in_use: Arc::clone(in_use) }
    }

    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Resolves when the connection must give up its permit.
    pub(super) async fn dropped(&self) {
        self.activity.dropped.notified().await;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.in_use.holders().remove(&self.id);
        self.in_use.returned.notify_one();
    }
}

impl Activity {
    /// The activity of a connection that waits from now on.
    fn new(turn: Arc<AtomicU64>) -> Self {
        let state = AtomicU64::new(next(&turn));
        Self { state, turn, is_answered: AtomicBool::new(false), dropped: Notify::new() }
    }

    /// The head of a request has arrived. Never returns if the connection has just lost its permit.
    pub(super) async fn serve(&self) {
        self.is_answered.store(false, Ordering::Release);
        let is_kept = |state| (state != DROPPED).then_some(SERVING);
        if self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, is_kept).is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn is_serving(&self) -> bool {
        self.state.load(Ordering::Acquire) == SERVING
    }

    /// The answer is complete. Once it is written, the connection waits for the next head.
    pub(super) fn note_answered(&self) {
        self.is_answered.store(true, Ordering::Release);
    }

    /// Everything was written.
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

/// Starts at 1 because 0 has another meaning.
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
    fn a_network_gets_its_share_and_can_reuse_returned_permits() {
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
        assert!(permits.counts.lock().unwrap().is_empty(), "closed connections leave no entry");
    }

    #[test]
    fn does_not_count_this_machine_or_trusted_proxies_and_0_means_no_limit() {
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

    /// The indexes of permits that must be given up.
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
    async fn drops_the_connection_that_waited_longest_and_none_that_serves() {
        let permits = few(3);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(take(&permits).await.unwrap());
        }
        // The first connection serves; the second has served and waits again.
        held[0].activity().serve().await;
        held[1].activity().serve().await;
        held[1].activity().note_answered();
        held[1].activity().note_written();
        assert!(take(&permits).await.is_none(), "the dropped connection must end first");
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
        assert!(dropped(&held).await.is_empty(), "its answer is not written yet");
    }

    #[tokio::test]
    async fn does_not_serve_a_request_on_a_dropped_connection() {
        let permits = few(1);
        let held = take(&permits).await.unwrap();
        assert!(take(&permits).await.is_none());
        let serving = held.activity().serve();
        assert!(timeout(Duration::from_millis(10), serving).await.is_err());
    }
}
