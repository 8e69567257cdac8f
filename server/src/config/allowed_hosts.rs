//! Further host names under which services reach this server, such as a container's service name.

use stagepass_core::url_host::is_host_name;
use std::str::FromStr;

/// Exact names and IPv4 addresses, in lower case.
// Decision: docs/decisions/http.md#further-host-names-are-exact-and-give-no-right
#[derive(Debug, Default)]
pub(super) struct AllowedHosts(pub(super) Vec<String>);

/// An entry that is not a host name alone.
#[derive(Debug)]
pub(super) struct NotAName;

impl FromStr for AllowedHosts {
    type Err = NotAName;

    /// Names, separated by commas.
    fn from_str(list: &str) -> Result<Self, NotAName> {
        let name = |entry: &str| {
            let name = entry.trim();
            if is_host_name(name) { Ok(name.to_ascii_lowercase()) } else { Err(NotAName) }
        };
        list.split(',').map(name).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_exact_names_and_addresses() {
        let names = |list: &str| list.parse::<AllowedHosts>().unwrap().0;
        assert_eq!(names("stagepass"), ["stagepass"]);
        assert_eq!(
            names("Stagepass, media_stagepass-1,stagepass.lan,172.18.0.2"),
            ["stagepass", "media_stagepass-1", "stagepass.lan", "172.18.0.2"]
        );
    }

    #[test]
    fn refuses_whatever_is_more_or_less_than_a_name() {
        for bad in [
            "",
            " ",
            "stagepass,",
            ",stagepass",
            "http://stagepass",
            "//stagepass",
            "stagepass:3001",
            "stagepass/",
            "stagepass/api",
            "*",
            "*.lan",
            ".lan",
            "stagepass.",
            "a..b",
            "user@stagepass",
            "stage pass",
            "stagepass;b",
            "[::1]",
            "fd00::1",
            "bühne",
            &"a".repeat(64),
            &["a".repeat(63).as_str(); 4].join("."),
        ] {
            assert!(bad.parse::<AllowedHosts>().is_err(), "{bad}");
        }
    }
}
