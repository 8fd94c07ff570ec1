//! One report, several forms.
