//! Tells the service manager that started the server what the server does (`sd_notify(3)`). If none
//! asks, nothing happens.

/// What the server does.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// It serves, after its start or after it has reloaded its files.
    Ready,
    /// It reloads its files. [`Ready`](Self::Ready) follows.
    Reloading,
    Stopping,
    /// It still runs.
    Alive,
}

/// Tells the service manager.
pub(super) fn tell(state: State) {
    #[cfg(unix)]
    if let Err(error) = notify(state) {
        tracing::warn!(%error, ?state, "the service manager can't be told what the server does");
    }
    #[cfg(not(unix))]
    let _ = state;
}

/// Reports that the server runs, twice in each period within which the service manager wants to hear
/// it. Returns if the service manager does not.
pub(super) async fn report_alive() {
    #[cfg(unix)]
    if let Some(period) = sd_notify::watchdog_enabled().filter(|period| !period.is_zero()) {
        let mut times = tokio::time::interval(period / 2);
        loop {
            times.tick().await;
            tell(State::Alive);
        }
    }
}

#[cfg(unix)]
fn notify(state: State) -> std::io::Result<()> {
    use sd_notify::NotifyState;
    match state {
        State::Ready => sd_notify::notify(&[NotifyState::Ready]),
        State::Reloading => sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?]),
        State::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
        State::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
    }
}
