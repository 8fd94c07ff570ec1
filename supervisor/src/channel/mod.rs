//! What workers speak: pure encoding and decoding, one file per convention.
