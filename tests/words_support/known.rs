//! The words that there are: a type is asked what it would accept.

use std::collections::BTreeSet;

use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, VariantAccess, Visitor,
};

use super::{Ended, Word};

/// The words of one type.
pub fn known<'de, T: Deserialize<'de>>() -> BTreeSet<Word> {
    let mut words = BTreeSet::new();
    let mut variants: &[&str] = &[];
    // It always ends with an error: nothing is there to be read.
    _ = T::deserialize(Asked { words: &mut words, variants: &mut variants, variant: None });
    for variant in variants {
        let asked = Asked { words: &mut words, variants: &mut &[][..], variant: Some(variant) };
        _ = T::deserialize(asked);
    }
    words
}

/// Offers nothing, or one variant, and notes what is wanted.
struct Asked<'a> {
    words: &'a mut BTreeSet<Word>,
    variants: &'a mut &'static [&'static str],
    variant: Option<&'static str>,
}

fn over<T>() -> Result<T, Ended> {
    Err(Ended::custom("nothing is there"))
}

fn note(words: &mut BTreeSet<Word>, of: &str, what: &[&str]) {
    words.extend(what.iter().map(|word| (of.to_owned(), (*word).to_owned())));
}

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Ended;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Ended> {
        over()
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Ended> {
        note(self.words, name, fields);
        over()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Ended> {
        let Some(variant) = self.variant else {
            note(self.words, name, variants);
            *self.variants = variants;
            return over();
        };
        visitor.visit_enum(Offered { words: self.words, name, variant })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// One variant, and nothing in it.
struct Offered<'a> {
    words: &'a mut BTreeSet<Word>,
    name: &'static str,
    variant: &'static str,
}

impl<'de> EnumAccess<'de> for Offered<'_> {
    type Error = Ended;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Ended> {
        let name: StrDeserializer<'_, Ended> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Offered<'_> {
    type Error = Ended;

    fn unit_variant(self) -> Result<(), Ended> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Ended> {
        over()
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Ended> {
        over()
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], _: V) -> Result<V::Value, Ended> {
        note(self.words, &format!("{}::{}", self.name, self.variant), fields);
        over()
    }
}
