//! Places for connections: so many in all, and so many for each network, that
//! one caller can't take them all.

use crate::client::{TrustedProxies, limited_network};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at the same time; one more waits to be accepted.
pub(crate) const MAX_CONNECTIONS: u32 = 512;

/// How many connections each network has open, of those that are counted.
type Counts = Arc<Mutex<HashMap<IpAddr, u32>>>;

/// The places that there are.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    /// 0 is no limit.
    most_of_network: u32,
    counts: Counts,
}

/// A place, given back when it is dropped.
pub(super) type Place = Option<OwnedSemaphorePermit>;

/// A network's share of the places, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share(Option<(IpAddr, Counts)>);

impl Places {
    /// None taken.
    pub(super) fn new(most_of_network: u32) -> Self {
        let free = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
        Self { free, most_of_network, counts: Counts::default() }
    }

    /// Waits for a place.
    pub(super) async fn free(&self) -> Place {
        // The semaphore is never closed.
        Arc::clone(&self.free).acquire_owned().await.ok()
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

    fn taken(places: &Places, trusted: &TrustedProxies, peers: &[&str]) -> Vec<Share> {
        peers.iter().map_while(|peer| places.share(peer.parse().unwrap(), trusted)).collect()
    }

    #[test]
    fn a_network_gets_so_many_and_what_it_gives_back() {
        let (places, nobody) = (Places::new(2), TrustedProxies::default());
        let mut held = taken(&places, &nobody, &["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"]);
        assert_eq!(held.len(), 2);
        let others = taken(&places, &nobody, &["192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]);
        assert_eq!(others.len(), 4);
        assert!(taken(&places, &nobody, &["2001:db8::3"]).is_empty(), "the same /64");
        held.pop();
        assert_eq!(taken(&places, &nobody, &["192.0.2.1", "192.0.2.1"]).len(), 1);
        drop((held, others));
        assert!(places.counts.lock().unwrap().is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn this_machine_and_trusted_proxies_are_not_counted_and_0_is_no_limit() {
        let trusted = "10.0.0.0/8".parse().unwrap();
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3"] {
            assert_eq!(taken(&Places::new(1), &trusted, &[peer; 9]).len(), 9, "{peer}");
        }
        assert_eq!(taken(&Places::new(1), &trusted, &["192.0.2.1"; 9]).len(), 1);
        assert_eq!(taken(&Places::new(0), &trusted, &["192.0.2.1"; 9]).len(), 9);
    }
}
