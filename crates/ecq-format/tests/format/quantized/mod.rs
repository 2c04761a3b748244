//! MLX, GPTQ and AWQ checkpoints against golden files that MLX, AutoGPTQ and AutoAWQ wrote
//! (`data/make_*_fixture*.py`).

mod checkpoints;
mod floats;
mod golden;
mod layers;
mod settings;
