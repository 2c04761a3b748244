pub mod analyze;
pub mod bench;

pub mod doctor;
pub mod export;
pub mod inspect;
pub mod quantize;
pub mod report;
pub mod verify;
