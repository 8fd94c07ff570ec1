//! The words that a value uses: it is written to nowhere, and what is written is noted.

use std::collections::BTreeSet;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{Ended, Word};

/// The words of a value and of everything in it.
pub fn used<T: Serialize>(value: &T) -> BTreeSet<Word> {
    let mut words = BTreeSet::new();
    value.serialize(Noting { words: &mut words, of: String::new() }).expect("nothing can fail");
    words
}

/// Notes what is written, and the record that it is in.
struct Noting<'a> {
    words: &'a mut BTreeSet<Word>,
    of: String,
}

impl Noting<'_> {
    fn note(&mut self, of: &str, word: &str) {
        self.words.insert((of.to_owned(), word.to_owned()));
    }

    fn inner<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Ended> {
        value.serialize(Noting { words: self.words, of: String::new() })
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Ended> {
        self.words.insert((self.of.clone(), name.to_owned()));
        self.inner(value)
    }

    fn record(self, of: String) -> Self {
        Self { of, ..self }
    }
}

/// What has no words.
macro_rules! plain {
    ($($name:ident: $of:ty),*) => {
        $(fn $name(self, _: $of) -> Result<(), Ended> { Ok(()) })*
    };
}

impl Serializer for Noting<'_> {
    type Ok = ();
    type Error = Ended;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    plain!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
        serialize_unit_struct: &'static str
    );

    fn serialize_none(self) -> Result<(), Ended> {
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Ended> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Ended> {
        value.serialize(self)
    }

    fn serialize_unit_variant(mut self, name: &'static str, _: u32, variant: &'static str) -> Result<(), Ended> {
        self.note(name, variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Ended> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Ended> {
        self.note(name, variant);
        self.inner(value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Ended> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Ended> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Ended> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        mut self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Ended> {
        self.note(name, variant);
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Ended> {
        Ok(self)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self, Ended> {
        Ok(self.record(name.to_owned()))
    }

    fn serialize_struct_variant(
        mut self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Ended> {
        self.note(name, variant);
        Ok(self.record(format!("{name}::{variant}")))
    }
}

/// What is made of several things, each of which may have words.
macro_rules! several {
    ($($of:ident: $add:ident),*) => {
        $(impl $of for Noting<'_> {
            type Ok = ();
            type Error = Ended;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Ended> {
                self.inner(value)
            }

            fn end(self) -> Result<(), Ended> {
                Ok(())
            }
        })*
    };
}

several!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

impl SerializeMap for Noting<'_> {
    type Ok = ();
    type Error = Ended;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Ended> {
        self.inner(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Ended> {
        self.inner(value)
    }

    fn end(self) -> Result<(), Ended> {
        Ok(())
    }
}

/// Records, with names.
macro_rules! records {
    ($($of:ident),*) => {
        $(impl $of for Noting<'_> {
            type Ok = ();
            type Error = Ended;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Ended> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Ended> {
                Ok(())
            }
        })*
    };
}

records!(SerializeStruct, SerializeStructVariant);
