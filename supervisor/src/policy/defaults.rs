//! The one table of defaults and promised bounds.
