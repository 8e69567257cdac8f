//! This machine: processes, terminals, files and disks, and waiting for them.

pub mod certificate;
pub mod http;
pub mod private_file;
pub mod process;
pub mod process_list;
pub mod process_memory;
pub mod root;
pub mod secret_search;
pub mod small_disk;
pub mod terminal;
pub mod wait;
