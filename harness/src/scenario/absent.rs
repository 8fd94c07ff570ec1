//! What need not be written.

/// For fields that a person would not write.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
