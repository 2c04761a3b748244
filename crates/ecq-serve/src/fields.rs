//! Reads the fields of a request, with errors that name the field.
//!
//! Unknown fields are ignored and `null` is the same as an absent field, as clients expect.

use crate::error::ApiError;
use serde_json::{Map, Value};

/// The fields of an object of a request.
pub struct Fields {
    map: Map<String, Value>,
    /// Prefix of the names of fields in errors.
    path: String,
}

impl Fields {
    /// Parses a request body.
    ///
    /// # Errors
    /// If it is not a JSON object.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Self { map, path: String::new() }),
            Ok(other) => Err(ApiError::field("the request body", &other, "a JSON object")),
            Err(error) => Err(ApiError::invalid(format!("the request body is not valid JSON: {error}"))),
        }
    }

    /// The fields of a value named `path` in errors.
    ///
    /// # Errors
    /// If it is not an object.
    pub fn of(value: Value, path: &str) -> Result<Self, ApiError> {
        match value {
            Value::Object(map) => Ok(Self { map, path: format!("{path}.") }),
            other => Err(ApiError::field(path, &other, "an object")),
        }
    }

    /// The full name of a field in errors.
    pub fn name(&self, field: &str) -> String {
        format!("{}{field}", self.path)
    }

    /// Removes and returns a field that is not null.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.map.remove(field).filter(|value| !value.is_null())
    }

    fn take_as<T>(
        &mut self,
        field: &str,
        expected: &str,
        convert: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.take(field) else { return Ok(None) };
        let wrong = || ApiError::field(&self.name(field), &value, expected);
        convert(&value).map(Some).ok_or_else(wrong)
    }

    /// A text.
    pub fn text(&mut self, field: &str) -> Result<Option<String>, ApiError> {
        self.take_as(field, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// A text that must be there.
    pub fn required_text(&mut self, field: &str) -> Result<String, ApiError> {
        self.text(field)?.ok_or_else(|| self.missing(field, "a string"))
    }

    /// The error of a field that must be there.
    pub fn missing(&self, field: &str, expected: &str) -> ApiError {
        let name = self.name(field);
        ApiError::invalid(format!("{name} is missing, expected {expected}")).of(&name)
    }

    /// True or false.
    pub fn flag(&mut self, field: &str) -> Result<Option<bool>, ApiError> {
        self.take_as(field, "true or false", Value::as_bool)
    }

    /// A number.
    pub fn number(&mut self, field: &str) -> Result<Option<f32>, ApiError> {
        self.take_as(field, "a number", |value| value.as_f64().map(|number| number as f32))
    }

    /// An integer in a range.
    pub fn integer(&mut self, field: &str, min: i64, max: i64) -> Result<Option<i64>, ApiError> {
        let expected = match max {
            i64::MAX => format!("an integer of {min} or more"),
            _ => format!("an integer from {min} to {max}"),
        };
        self.take_as(field, &expected, |value| {
            // Some clients send 10.0.
            let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64);
            let integer = value.as_i64().or_else(|| value.as_f64().and_then(whole))?;
            (min..=max).contains(&integer).then_some(integer)
        })
    }

    /// A list.
    pub fn list(&mut self, field: &str) -> Result<Vec<Value>, ApiError> {
        match self.take(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => Ok(list),
            Some(other) => Err(ApiError::field(&self.name(field), &other, "a list")),
        }
    }

    /// A list that must be there.
    pub fn required_list(&mut self, field: &str) -> Result<Vec<Value>, ApiError> {
        let absent = self.map.get(field).is_none_or(Value::is_null);
        if absent { Err(self.missing(field, "a list")) } else { self.list(field) }
    }

    /// An object.
    pub fn object(&mut self, field: &str) -> Result<Option<Self>, ApiError> {
        let name = self.name(field);
        self.take(field).map(|value| Self::of(value, &name)).transpose()
    }

    /// The remaining fields.
    pub fn rest(self) -> Map<String, Value> {
        self.map
    }
}
